"""What a replayed case is: numbers that somebody published, and those that are found here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

Number = float | int | None
Pair = tuple[Number, Number]


@dataclass(frozen=True)
class Replay:
    """Numbers of one place.

    Args:
        source: repository at a commit, and the file that states the numbers.
        case: what is scored.
        scores: what the numbers are.
        within: how far the source itself lets a number be off, or half of its last digit.
        pairs: (found here, stated there) for each number; given the folder of shared data.
        shared: whether it needs that folder.
    """

    source: str
    case: str
    scores: str
    within: float
    pairs: Callable[[Path], Iterable[Pair]]
    shared: bool = False

    @property
    def name(self) -> str:
        return f"{self.source}: {self.case}: {self.scores}"


def difference(found: Number, stated: Number) -> float:
    """0 where both are undefined or infinite alike; infinite where only one is."""
    if found is None or stated is None or math.isinf(found) or math.isinf(stated):
        return 0.0 if found == stated else math.inf
    return abs(found - stated)
