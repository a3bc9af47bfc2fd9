"""The arithmetic of image tiles: levels, grids, regions, and averaging a block down.

Level 0 is the image as it is; level n shows each block of 2^n × 2^n pixels as one, so that its
pixel (r, c) covers [c·2^n, (c+1)·2^n) × [r·2^n, (r+1)·2^n) of the frame. Blocks at the right and
lower edge average the pixels that exist. Nothing is stored per level: `pictures.py` holds the
decoded image, `tiles.py` cuts it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TILE_PX = 512
_BAND_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Region:
    """A block of pixels of the full image: rows y0..y1, columns x0..x1, ends excluded."""

    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True, slots=True)
class Pyramid:
    """The levels of one image.

    Args:
        height: of level 0, at least 1.
        width: of level 0, at least 1.
    """

    height: int
    width: int

    @property
    def levels(self) -> int:
        """How many levels there are; the last one fits into one tile."""
        tiles = -(-max(self.height, self.width) // TILE_PX)
        return (tiles - 1).bit_length() + 1

    def size_hw(self, level: int) -> tuple[int, int]:
        """(H, W) of a level."""
        return -(-self.height >> level), -(-self.width >> level)

    def grid(self, level: int) -> tuple[int, int]:
        """(rows, columns) of tiles at a level."""
        height, width = self.size_hw(level)
        return -(-height // TILE_PX), -(-width // TILE_PX)

    def region(self, level: int, x: int, y: int) -> Region | None:
        """What a tile shows, or None where there is no such tile.

        Args:
            level: 0 to `levels` - 1.
            x: column of the tile.
            y: row of the tile.
        """
        if not 0 <= level < self.levels:
            return None
        rows, columns = self.grid(level)
        if not (0 <= x < columns and 0 <= y < rows):
            return None
        side = TILE_PX << level
        return Region(
            x * side, y * side, min((x + 1) * side, self.width), min((y + 1) * side, self.height)
        )


def shrink(block: NDArray[Any], factor: int) -> NDArray[Any]:
    """Average every factor × factor pixels; partial ones at the far edges count what is there.

    Args:
        block: (H, W) or (H, W, C) uint8, uint16 or float32.
        factor: at least 1.

    Returns:
        (ceil(H / factor), ceil(W / factor)[, C]) of the same type, whole numbers rounded.
    """
    if factor == 1:
        return block
    height, width = block.shape[:2]
    out = np.empty((-(-height // factor), -(-width // factor), *block.shape[2:]), block.dtype)
    # A band at a time, so that a copy on the way never weighs as much as the image.
    row_bytes = factor * width * math.prod(block.shape[2:]) * block.itemsize
    bands = _parts(height, factor, max(1, _BAND_BYTES // row_bytes))
    for source_y, target_y in bands:
        for source_x, target_x in _parts(width, factor, width):
            target = out[target_y, target_x]
            target[...] = _mean(block[source_y, source_x], target.shape)
    return out


def _parts(length: int, factor: int, most: int) -> Iterator[tuple[slice, slice]]:
    """(source, target) of whole blocks along one axis, and of the partial last one.

    Args:
        length: of the source.
        factor: length of a block.
        most: blocks in one part.
    """
    whole = length // factor
    for start in range(0, whole, most):
        end = min(start + most, whole)
        yield slice(start * factor, end * factor), slice(start, end)
    if whole * factor < length:
        yield slice(whole * factor, length), slice(whole, whole + 1)


def _mean(block: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    import cv2

    # INTER_AREA with whole ratios is the plain mean of each block.
    size = (shape[1], shape[0])
    shrunk = cv2.resize(np.ascontiguousarray(block), size, interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk).reshape(shape)
