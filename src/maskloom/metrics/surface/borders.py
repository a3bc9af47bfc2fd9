"""Where a mask's surface is, as bits: pixels with a neighbour outside, or corners between pixels.

Three definitions, from the words of `words.py`. `faces` and `full` keep pixels of the mask that
touch the outside by a face, or by anything. `corners` keeps the corners of pixels where not all
pixels around are alike, and which of these are in the mask; `surfels.py` has the area there.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from maskloom.core.kernel import Ints, kernel
from maskloom.metrics.surface.words import Words, set_bits

Surface = Literal["faces", "full", "corners"]
KINDS: dict[Surface, int] = {"faces": 0, "full": 1, "corners": 2}
_CORNERS = 2

Rule = tuple[int, int, int, int]
"""One of `KINDS`; 1 where the image edge is outside of every mask, else 0; 1 where slices are
neighbours of each other (volumes); width in pixels."""


@kernel
def mark(
    mask: Words,
    rule: Rule,
    origin: tuple[int, int],
    rows: tuple[int, int],
    out: Words,
    margin: tuple[int, int],
    counts: Ints,
) -> None:
    """Set the bits of the points of a surface.

    Args:
        mask: of `words.pack`.
        rule: what counts.
        origin: slice and row of the image at which the crop begins.
        rows: first row of the crop and the one after the last, counted over its slices.
        out: zeros; point (z, y, x) of the crop becomes bit x % 64 of word
            [z + margin[0], y + margin[1], x // 64 + 1].
        margin: slices and rows around the crop.
        counts: becomes the number of points in each row of the crop.
    """
    if rule[0] == _CORNERS:
        _mark_corners(mask, rule, origin, rows, out, margin, counts)
    else:
        _mark_pixels(mask, rule, origin, rows, out, margin, counts)


@kernel
def _mark_corners(
    mask: Words,
    rule: Rule,
    origin: tuple[int, int],
    rows: tuple[int, int],
    out: Words,
    margin: tuple[int, int],
    counts: Ints,
) -> None:
    """Corner (z, y, x) lies between pixels x - 1 and x, rows y - 1 and y, slices z - 1 and z."""
    _, open_edge, deep, width = rule
    last_z, last_y = mask.shape[0] - 2, mask.shape[1] - 2
    one, top = np.uint64(1), np.uint64(63)
    height = out.shape[1] - 2 * margin[1]
    for row in range(rows[0], rows[1]):
        line = out[row // height + margin[0], row % height + margin[1]]
        z, y = origin[0] + row // height, origin[1] + row % height
        counts[row] = 0
        if not open_edge and ((deep and z in (0, last_z)) or y in (0, last_y)):
            continue
        above = z if deep else z + 1
        a, b, c, d = mask[above, y], mask[above, y + 1], mask[z + 1, y], mask[z + 1, y + 1]
        some_before = every_before = np.uint64(0)
        for k in range(1, mask.shape[2]):
            some, every = a[k] | b[k] | c[k] | d[k], a[k] & b[k] & c[k] & d[k]
            if not some | some_before:
                continue
            touched = some | (some << one) | some_before
            inside = every & ((every << one) | every_before)
            some_before, every_before = some >> top, every >> top
            bits = touched & ~inside
            if not open_edge:
                bits = _without(_without(bits, 0, k), width, k)
            line[k] = bits
            counts[row] += set_bits(bits)


@kernel
def _without(bits: Any, x: int, k: int) -> Any:
    """A word without the bit of one place."""
    return bits & ~(np.uint64(1) << np.uint64(x % 64)) if x // 64 + 1 == k else bits


@kernel
def _mark_pixels(
    mask: Words,
    rule: Rule,
    origin: tuple[int, int],
    rows: tuple[int, int],
    out: Words,
    margin: tuple[int, int],
    counts: Ints,
) -> None:
    """Pixels of which not every neighbour is in the mask."""
    kind, open_edge, deep, width = rule
    one, top = np.uint64(1), np.uint64(63)
    height = out.shape[1] - 2 * margin[1]
    for row in range(rows[0], rows[1]):
        line = out[row // height + margin[0], row % height + margin[1]]
        z, y = origin[0] + row // height + 1, origin[1] + row % height + 1
        # An edge that is no outside gives the row itself again, which decides nothing.
        up, down = _neighbours(z, mask.shape[0], deep, open_edge)
        north, south = _neighbours(y, mask.shape[1], 1, open_edge)
        counts[row] = 0
        for k in range(1, mask.shape[2]):
            own = mask[z, y, k]
            if own == 0:
                continue
            if kind == 0:
                before, after = mask[z, y, k - 1], _word(mask, z, y, k + 1)
                inside = mask[z, north, k] & mask[z, south, k] & mask[up, y, k] & mask[down, y, k]
                middle = own
            else:
                around = (up, z, down), (north, y, south)
                before, after = _common(mask, around, k - 1), _common(mask, around, k + 1)
                inside = middle = _common(mask, around, k)
            left, right = (middle << one) | (before >> top), (middle >> one) | (after << top)
            if not open_edge:
                left |= np.uint64(k == 1)
                right |= ~_without(~np.uint64(0), width - 1, k)
            bits = own & ~(inside & left & right)
            line[k] = bits
            counts[row] += set_bits(bits)


@kernel
def _neighbours(at: int, size: int, some: int, open_edge: int) -> tuple[int, int]:
    """Places before and after a place of an axis with a margin of 1."""
    before = at - 1 if some and (open_edge or at > 1) else at
    after = at + 1 if some and (open_edge or at < size - 2) else at
    return before, after


@kernel
def _word(mask: Words, z: int, y: int, k: int) -> Any:
    """A word of a row, 0 beyond its end."""
    return mask[z, y, k] if k < mask.shape[2] else np.uint64(0)


@kernel
def _common(mask: Words, around: tuple[tuple[int, int, int], tuple[int, int, int]], k: int) -> Any:
    """What the words of some rows have in common."""
    bits = ~np.uint64(0)
    for z in around[0]:
        for y in around[1]:
            bits &= _word(mask, z, y, k)
    return bits
