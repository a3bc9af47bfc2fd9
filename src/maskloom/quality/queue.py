"""How bad a disagreement is, and the worst N of any number of them.

What disagrees is found by `regions_rows.py` and `regions_maps.py`; `review.py` goes through a
data set. Nothing here sees pixels.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from maskloom.core.region import DISAGREEMENTS, Region

PARTED = 0.5
_DIGITS = 6


def outline_scale(size_hw: tuple[int, ...]) -> float:
    """The distance in px within which two outlines count as one: 0.75 % of the diagonal, >= 2.

    Source: the tolerance of the boundary F1 score, Csurka, Larlus, Perronnin 2013 ("What is a
    good evaluation measure for semantic segmentation?", BMVC).

    >>> outline_scale((480, 640))
    6.0
    """
    return max(2.0, 0.0075 * math.hypot(*size_hw))


def severity(certainty: float, share: float, reach: float, scale: float) -> float:
    """How bad a disagreement is: certainty x share x reach / (reach + scale), in [0, 1].

    A region that is missing, extra or of a wrong class has `share` 1 and reaches as far as the
    radius of the circle of its area: a dozen pixels weigh 0.25 at a scale of 6 px and hundreds
    0.5 to 0.7, so that small ones are not buried. An object that is only joined to another, or
    cut from one, has `PARTED`: its pixels are not in dispute. An outline has the share of it that
    is off and reaches as far as it is off: one that is off everywhere by the full `scale` weighs
    one half, but 2 px along a third 0.08, so that bands do not flood the list.

    Args:
        certainty: how sure the prediction is, in [0, 1]; 1 where it does not say.
        share: how much of the thing is in dispute, in (0, 1].
        reach: how far it reaches, in px.
        scale: `outline_scale` of the image.

    >>> severity(1.0, 1.0, circle_radius(12), 2.0) > severity(1.0, 1.0, 1.9, 2.0)
    True
    """
    return round(certainty * share * reach / (reach + scale), _DIGITS)


def circle_radius(area: float) -> float:
    """Radius of the circle of an area: how far a whole object reaches."""
    return math.sqrt(area / math.pi)


@dataclass(slots=True)
class Queue:
    """The worst `top` regions of all that were added, and how many there were of each kind.

    The order is total and does not depend on the order of adding: falling severity, then the
    larger area, then sample, box and what it is.
    """

    top: int
    counts: Counter[str] = field(default_factory=Counter)
    _heap: list[_Entry] = field(default_factory=list)

    def add(self, regions: Iterable[Region]) -> None:
        """Count regions and keep those that belong to the worst."""
        for region in regions:
            self.counts[region.kind] += 1
            entry = _Entry(_rank(region), region)
            if len(self._heap) < self.top:
                heapq.heappush(self._heap, entry)
            elif self._heap and self._heap[0] < entry:
                heapq.heapreplace(self._heap, entry)

    def ranked(self) -> list[Region]:
        """The kept regions, worst first."""
        return [entry.region for entry in sorted(self._heap, reverse=True)]


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A region that is less than another if it comes later in the list."""

    rank: tuple[Any, ...]
    region: Region

    def __lt__(self, other: _Entry) -> bool:
        return self.rank > other.rank


def _rank(region: Region) -> tuple[Any, ...]:
    return (
        -region.severity,
        -region.area,
        region.sample,
        region.box,
        DISAGREEMENTS.index(region.kind),
        region.category,
        region.other or "",
        region.object,
        region.reason,
    )
