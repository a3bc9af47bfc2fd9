"""What two boxes share."""

from __future__ import annotations

from maskloom.inference.tiling.plan import Box, area


def common(one: Box, two: Box) -> Box:
    """The part that lies in both boxes; may be empty."""
    return max(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), min(one[3], two[3])


def is_empty(box: Box) -> bool:
    """Whether a box holds no pixel."""
    return box[0] >= box[1] or box[2] >= box[3]


def shared(one: Box, two: Box) -> int:
    """Pixels that lie in both boxes."""
    both = common(one, two)
    return 0 if is_empty(both) else area(both)
