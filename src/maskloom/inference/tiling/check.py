"""Whether blocks are what one pass gives, tried on the finished image and not taken for granted.

Where blocks meet, a small window is computed once more, cut elsewhere, and its classes are
compared with what the blocks say.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.segmenter import Segmenter
from maskloom.inference.network import NetworkSegmenter
from maskloom.inference.preprocess import Moments, ReadImage
from maskloom.inference.tiling.forward import Feed, Seams, exact_logits
from maskloom.inference.tiling.plan import Box, Plan, grown
from maskloom.inference.tiling.tiled import Tiled
from maskloom.inference.tiling.whole import Blocks

_BESIDE = 32
_PLACES = 3


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
        again, _ = segmenter.decode(exact_logits(feed, tiled.plan, box))
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


def _seam(blocks: int, core: int, length: int, part: float) -> int:
    """The seam nearest to a part of the way; the middle where there is none."""
    if blocks == 1:
        return length // 2
    return core * min(blocks - 1, max(1, round(part * length / core)))
