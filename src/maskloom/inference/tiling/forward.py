"""The logits of one box of a large image, computed as one pass over the whole would, or blended.

Exact: the box and all that the network sees around it are read, aligned to the stride, and the
box is cut out of the result. Blend: overlapping windows are averaged with Gaussian weights, and
how much neighbouring windows disagree where they overlap is counted.

Source of the weights: nnU-Net (Isensee et al. 2021) and MONAI `sliding_window_inference`: a
product of Gaussians with a deviation of an eighth of the window, no smaller than 1e-3 of its
peak; sums in float32, here of logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.run import Preprocessing
from maskloom.inference.engines.base import Engine
from maskloom.inference.preprocess import Moments, ReadImage, mirrored, normalize, to_unit
from maskloom.inference.tiling.boxes import common, is_empty
from maskloom.inference.tiling.plan import Block, Box, Plan, inside

_Earlier = dict[Box, tuple[Box, NDArray[np.uint16]]]
"""Window → its part in the core, and the classes there. Windows may have one part in common."""

_FLOOR = 1e-3
_SPREAD = 0.125


@dataclass(frozen=True, slots=True)
class Seams:
    """How much windows disagree where they overlap; sums that add up over blocks.

    Args:
        pixels: compared, once per pair of windows that share them.
        differing: of these, pixels whose most probable class differs.
    """

    pixels: int = 0
    differing: int = 0

    def __add__(self, other: Seams) -> Seams:
        return Seams(self.pixels + other.pixels, self.differing + other.differing)

    @property
    def share(self) -> float | None:
        """Differing / compared; None where windows do not overlap."""
        return self.differing / self.pixels if self.pixels else None


@dataclass(frozen=True, slots=True)
class Feed:
    """What a forward pass is made of.

    Args:
        read: windows of the image.
        engine: the network.
        preprocessing: how to feed it.
        moments: mean and deviation of the whole image, where it is normalised by them.
        classes: how many of the channels tell classes; the rest is not compared at seams.
    """

    read: ReadImage
    engine: Engine
    preprocessing: Preprocessing
    moments: Moments | None
    classes: int


def exact_logits(feed: Feed, plan: Plan, box: Box) -> NDArray[np.float32]:
    """(K, h, w) logits of a box: those of one pass over the padded image, up to rounding."""
    wanted = plan.read_box(box)
    rows, columns = inside(wanted, box)
    return window_logits(feed, plan.size, wanted)[:, rows, columns]


def window_logits(feed: Feed, size: tuple[int, int], box: Box) -> NDArray[np.float32]:
    """(K, h, w) logits of one pass over a box alone, whose sides are multiples of the stride."""
    pixels = padded_window(feed.read, size, box)
    return feed.engine.logits(
        normalize(to_unit(pixels, feed.preprocessing), feed.preprocessing, feed.moments)
    )


def blended_logits(feed: Feed, plan: Plan, block: Block) -> tuple[NDArray[np.float32], Seams]:
    """(K, h, w) logits of a block's window, averaged over windows, and how these agree.

    The windows come in raster order, whatever else is computed: the same bits from any worker.
    They are compared within the core alone, so that sums over blocks hold each pixel once.
    """
    box = block.window
    weights = gaussian(plan.tile)
    shape = (box[1] - box[0], box[3] - box[2])
    total = np.zeros(shape, np.float32)
    sums: NDArray[np.float32] | None = None
    seams = Seams()
    earlier: _Earlier = {}
    for tile in plan.tiles_of(box):
        logits = window_logits(feed, plan.size, tile)
        if sums is None:
            sums = np.zeros((len(logits), *shape), np.float32)
        part = common(tile, box)
        source, target = inside(tile, part), inside(box, part)
        sums[:, target[0], target[1]] += logits[:, source[0], source[1]] * weights[source]
        total[target] += weights[source]
        seams += _compare(earlier, tile, common(tile, block.core), logits[: feed.classes])
        for past in [t for t in earlier if t[1] <= tile[0]]:
            del earlier[past]  # no window from here on reaches up to it
    assert sums is not None, "every box touches a window"
    sums /= total
    return sums, seams


def padded_window(read: ReadImage, size: tuple[int, int], box: Box) -> NDArray[Any]:
    """Pixels of a box that may pass the lower and right border, where the image is mirrored.

    The same pixels as a window of the image padded by `preprocess.pad_to_stride`.
    """
    rows, columns = (mirrored(box[2 * a], box[2 * a + 1], size[a]) for a in (0, 1))
    y0, x0 = int(rows.min()), int(columns.min())
    pixels = read(y0, int(rows.max()) + 1, x0, int(columns.max()) + 1)
    if len(rows) == pixels.shape[0] and len(columns) == pixels.shape[1]:
        return pixels
    return pixels[np.ix_(rows - y0, columns - x0)]


@lru_cache(maxsize=4)
def gaussian(tile: int) -> NDArray[np.float32]:
    """(tile, tile) weights in (0, 1], greatest in the middle."""
    at = np.arange(tile) - (tile - 1) / 2
    line = np.exp(-0.5 * (at / (_SPREAD * tile)) ** 2)
    weights = np.maximum(np.outer(line, line), _FLOOR).astype(np.float32)
    weights.setflags(write=False)
    return weights


def _compare(earlier: _Earlier, tile: Box, part: Box, logits: NDArray[np.float32]) -> Seams:
    """Against the windows before it, on its part in the core; remembers this one's classes."""
    if is_empty(part):
        return Seams()
    rows, columns = inside(tile, part)
    mine = logits[:, rows, columns].argmax(axis=0).astype(np.uint16)
    seams = Seams()
    for other, theirs in earlier.values():
        both = common(part, other)
        if not is_empty(both):
            differing = mine[inside(part, both)] != theirs[inside(other, both)]
            seams += Seams(differing.size, int(np.count_nonzero(differing)))
    earlier[tile] = part, mine
    return seams
