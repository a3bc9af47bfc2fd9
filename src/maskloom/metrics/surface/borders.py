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
    height = out.shape[1] - 2 * margin[1]
    for row in range(rows[0], rows[1]):
        z, y = origin[0] + row // height, origin[1] + row % height
        line = out[row // height + margin[0], row % height + margin[1]]
        if rule[0] == _CORNERS:
            counts[row] = _corner_row(mask, rule, z, y, line)
        else:
            counts[row] = _pixel_row(mask, rule, z + 1, y + 1, line)


@kernel
def _corner_row(mask: Words, rule: Rule, z: int, y: int, line: Any) -> int:
    """Corner (z, y, x) lies between pixels x - 1 and x, rows y - 1 and y, slices z - 1 and z."""
    _, open_edge, deep, width = rule
    if not open_edge:
        last_z, last_y = mask.shape[0] - 2, mask.shape[1] - 2
        if (deep and z in (0, last_z)) or y in (0, last_y):
            return 0
    above = z if deep else z + 1
    a, b, c, d = mask[above, y], mask[above, y + 1], mask[z + 1, y], mask[z + 1, y + 1]
    one, top = np.uint64(1), np.uint64(63)
    some_before = every_before = np.uint64(0)
    found = 0
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
        found += set_bits(bits)
    return found


@kernel
def _without(bits: Any, x: int, k: int) -> Any:
    """A word without the bit of one place."""
    return bits & ~(np.uint64(1) << np.uint64(x % 64)) if x // 64 + 1 == k else bits


@kernel
def _pixel_row(mask: Words, rule: Rule, z: int, y: int, line: Any) -> int:
    """Pixels of a row of the padded mask of which not every neighbour is in the mask."""
    kind, open_edge, deep, width = rule
    # An edge that is no outside gives its own row again, which decides nothing.
    rows = _neighbours(y, mask.shape[1], 1, open_edge)
    slices = _neighbours(z, mask.shape[0], deep, open_edge)
    one, top = np.uint64(1), np.uint64(63)
    found = 0
    for k in range(1, mask.shape[2]):
        own = mask[z, y, k]
        if own == 0:
            continue
        middle = _column(mask, kind, slices, rows, k)
        before = _column(mask, kind, slices, rows, k - 1)
        after = _column(mask, kind, slices, rows, k + 1) if k + 1 < mask.shape[2] else np.uint64(0)
        if kind == 0:
            inside = _column(mask, 1, (slices[0], z, slices[2]), (y, y, y), k)
            inside &= mask[z, rows[0], k] & mask[z, rows[2], k]
        else:
            inside = middle
        left, right = (middle << one) | (before >> top), (middle >> one) | (after << top)
        if not open_edge:
            left |= np.uint64(k == 1)
            right |= ~_without(~np.uint64(0), width - 1, k)
        bits = own & ~(inside & left & right)
        line[k] = bits
        found += set_bits(bits)
    return found


@kernel
def _neighbours(at: int, size: int, some: int, open_edge: int) -> tuple[int, int, int]:
    """Places before, at and after a place of an axis with a margin of 1."""
    before = at - 1 if some and (open_edge or at > 1) else at
    after = at + 1 if some and (open_edge or at < size - 2) else at
    return before, at, after


@kernel
def _column(
    mask: Words, kind: int, slices: tuple[int, int, int], rows: tuple[int, int, int], k: int
) -> Any:
    """Word k of the row itself, or what all the rows around it have in common."""
    if kind == 0:
        return mask[slices[1], rows[1], k]
    bits = ~np.uint64(0)
    for z in slices:
        for y in rows:
            bits &= mask[z, y, k]
    return bits
