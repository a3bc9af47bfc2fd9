"""Disagreements that somebody has judged already, so that the next review does not list them.

The store knows which they are (`store/project/review_items.py`). A prediction that comes later
draws a slightly other outline, so regions are the same if they say the same of the same place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from maskloom.core.region import Region

SAME_PLACE = 0.5
_Box = tuple[int, int, int, int]


class Settled:
    """Judged regions, by what they say.

    Args:
        regions: that were judged.
    """

    def __init__(self, regions: Iterable[Region]) -> None:
        self._boxes: dict[tuple[str, ...], list[_Box]] = defaultdict(list)
        for region in regions:
            self._boxes[_said(region)].append(region.box)
        self.count = 0

    def fresh(self, regions: Iterable[Region]) -> list[Region]:
        """The regions that nobody has judged; `count` grows by the others.

        Two regions are the same if sample, kind and classes are, and their boxes overlap with an
        IoU of at least one half.
        """
        found = list(regions)
        new = [one for one in found if not self._knows(one)]
        self.count += len(found) - len(new)
        return new

    def _knows(self, region: Region) -> bool:
        boxes = self._boxes.get(_said(region), ())
        return any(box_iou(region.box, box) >= SAME_PLACE for box in boxes)


def box_iou(a: _Box, b: _Box) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1), in [0, 1].

    >>> box_iou((0, 0, 4, 2), (2, 0, 6, 2))
    0.3333333333333333
    """
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (a, b)]
    return width * height / (sum(areas) - width * height)


def _said(region: Region) -> tuple[str, ...]:
    return region.sample, region.kind, region.category, region.other or ""
