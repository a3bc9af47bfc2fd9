"""One image of a comparison and the words in which its disagreements are told.

Shared by `regions_rows.py` and `regions_maps.py`, so that both speak alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from maskloom.core.taxonomy import Taxonomy
from maskloom.quality.queue import outline_scale


@dataclass(frozen=True, eq=False)
class Frame:
    """Which image, under which taxonomy.

    Args:
        key: of the sample.
        size: (H, W) px.
        taxonomy: of both sides.
        ours: what to call the truth: "the truth", or its layer, e.g. "main".
    """

    key: str
    size: tuple[int, ...]
    taxonomy: Taxonomy
    ours: str = "the truth"

    @cached_property
    def scale(self) -> float:
        """See `outline_scale`."""
        return outline_scale(self.size)

    def name(self, category: int) -> str:
        """What people call a category; a position beyond the last is the background."""
        known = category < len(self.taxonomy)
        return self.taxonomy[category].name if known else "the background"

    def told(self, what: str, area: int, truth: str) -> str:
        """The reason of a region that is no mere outline: `WHAT, N px, where main has TRUTH`."""
        return f"{what}, {area:,} px, where {self.ours} has {truth}"


def sure(certainty: float) -> str:
    """A certainty as it follows a name; nothing where the prediction does not say.

    >>> sure(0.972), sure(float("nan"))
    (' (0.97)', '')
    """
    return "" if math.isnan(certainty) else f" ({certainty:.2f})"


def percent(share: float) -> str:
    """A share in whole per cent, none rounded to nothing.

    >>> percent(0.404), percent(0.001)
    ('40 %', '1 %')
    """
    return f"{max(1, round(100 * share))} %"
