"""Whether blocks are what one pass gives, tried on the finished image and not taken for granted.

Where blocks meet, a small window is read and computed a second time. The second reading begins at
another multiple of the stride and goes on half as far again as the plan says that the network
sees: a stride or a field taken for too small shows, which the same reading would hide.
"""

from __future__ import annotations

from math import gcd

import numpy as np

from maskloom.core.segmenter import Segmenter
from maskloom.inference.network import NetworkSegmenter
from maskloom.inference.preprocess import Moments, ReadImage
from maskloom.inference.tiling.forward import Feed, Seams, window_logits
from maskloom.inference.tiling.plan import Box, Plan, grown, inside
from maskloom.inference.tiling.tiled import Tiled
from maskloom.inference.tiling.whole import Blocks

_BESIDE = 32
_PLACES = 3
_FACTORS = 6
"""Readings are shifted by multiples of the stride without a factor 2 or 3: a network whose stride
is two, three or four times that of the plan says something else then."""


def checked_seams(
    segmenter: Segmenter, read: ReadImage, tiled: Tiled, moments: Moments | None
) -> Seams:
    """Pixels compared around a few places where blocks meet, and how many of them differ.

    Nothing is compared of objects, whose classes near a border depend on the window, and of
    segmenters other than networks.

    Args:
        segmenter: for which the plan was made.
        read: windows of the image.
        tiled: all blocks are there.
        moments: of the whole image.
    """
    if not isinstance(segmenter, NetworkSegmenter) or segmenter.channels.distance:
        return Seams()
    pre, n = segmenter.preprocessing, segmenter.channels.n_classes
    feed = Feed(read, segmenter.engine, pre, moments, n)
    blocks = Blocks(tiled)
    seams = Seams()
    for box in meeting_places(tiled.plan):
        wide = second_reading(tiled.plan, box)
        rows, columns = inside(wide, box)
        again, _ = segmenter.decode(window_logits(feed, tiled.plan.size, wide)[:, rows, columns])
        there = blocks.layer("classes")(*box)
        differing = int(np.count_nonzero(again.class_map != there))
        seams += Seams(there.size, differing)
    return seams


def meeting_places(plan: Plan) -> list[Box]:
    """Windows around a few crossings of seams, spread over the diagonal of the image."""
    rows, columns = plan.grid
    count = min(_PLACES, max(rows, columns) - 1)
    places = []
    for k in range(1, count + 1):
        y = _seam(rows, plan.core[0], plan.size[0], k / (count + 1))
        x = _seam(columns, plan.core[1], plan.size[1], k / (count + 1))
        places.append(grown((y, y, x, x), _BESIDE, plan.size))
    return places


def second_reading(plan: Plan, box: Box) -> Box:
    """What is read to compute a box again: half as much again around it as the plan asks for.

    It begins an odd number of strides before the reads of the blocks that begin within the box.
    Where the image does not go on so far, it begins with the image, as one pass does.
    """
    s = plan.stride
    begins, ends = [0, 0], [0, 0]
    wide = plan.read_box(box)
    for axis in (0, 1):
        # the block that begins last in the box; it is aligned to the stride
        last = (box[2 * axis + 1] - 1) // plan.core[axis] * plan.core[axis]
        block = max(0, last - plan.before[axis])
        starts = range(wide[2 * axis] - _further(plan.before[axis], s), -1, -s)
        begins[axis] = next((at for at in starts if gcd((block - at) // s, _FACTORS) == 1), 0)
        end = wide[2 * axis + 1] + _further(plan.after[axis], s)
        ends[axis] = min(-(-plan.size[axis] // s) * s, end)
    return begins[0], ends[0], begins[1], ends[1]


def _further(field: int, stride: int) -> int:
    """Half of a field, and up to one stride more, in whole strides."""
    return (field // 2 // stride + 1) * stride


def _seam(blocks: int, core: int, length: int, part: float) -> int:
    """The seam nearest to a part of the way; the middle where there is none."""
    if blocks == 1:
        return length // 2
    return core * min(blocks - 1, max(1, round(part * length / core)))
