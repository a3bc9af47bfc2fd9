"""The nearest point of a surface that is out of reach of the quick search of `distances.py`.

Rows are joined 4 by 4 slices and rows into coarser ones that hold a bit where any of them does.
A search from the coarsest down leaves out every block whose nearest possible point is no nearer
than what was found, so a far point costs a few hundred steps however far it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, first_bit, kernel
from maskloom.metrics.surface.words import Words, zeros_above

Pyramid = tuple[Words, Words, Ints]
"""Words of the surface, those of all coarser levels, and (levels, 3) where each level begins
in these, its slices and its rows; the finest first."""

Floats = NDArray[np.float64]
_NONE = 1 << 40


@kernel
def pyramid(words: Words) -> Pyramid:
    """Coarser and coarser rows of the words of a surface, down to a single one."""
    depth, height, stride = words.shape
    sizes = [(depth, height)]
    while sizes[-1] != (1, 1):
        sizes.append(((sizes[-1][0] + 3) // 4, (sizes[-1][1] + 3) // 4))
    levels = np.zeros((len(sizes), 3), np.int64)
    total = 0
    for i in range(len(sizes)):
        levels[i, 1], levels[i, 2] = sizes[i]
        if i:
            levels[i, 0] = total
            total += sizes[i][0] * sizes[i][1] * stride
    finest, flat = words.reshape(-1), np.zeros(total, np.uint64)
    for i in range(1, len(sizes)):
        fine, coarse = levels[i - 1], levels[i]
        source = flat if i > 1 else finest
        for z in range(fine[1]):
            for y in range(fine[2]):
                row = fine[0] + (z * fine[2] + y) * stride
                into = coarse[0] + ((z // 4) * coarse[2] + y // 4) * stride
                for k in range(stride):
                    flat[into + k] |= source[row + k]
    return finest, flat, levels


@kernel
def far(
    own: Words,
    other: Pyramid,
    margin: tuple[int, int],
    rows: tuple[int, int],
    spacing: tuple[float, float, float],
    limit: float,
    out: Any,
) -> None:
    """Squared distances of the points of some rows that `distances.near` did not reach.

    Args:
        own: words of the points, by `borders.mark`.
        other: of words of the same shape, with at least one point.
        margin: of both.
        rows: first row of the crop and the one after the last.
        spacing: of slices, rows and columns.
        limit: squared distances up to this in `out` are right already.
        out: of `distances.near`.
    """
    height = own.shape[1] - 2 * margin[1]
    room = 16 * other[2].shape[0] + 1
    stack = np.empty((room, 3), np.int64), np.empty(room, np.float64)
    # The point found for one point is mostly close to the one of the next.
    last = np.full(3, -1, np.int64)
    done = 0
    for row in range(rows[0], rows[1]):
        z, y = row // height + margin[0], row % height + margin[1]
        for k in range(1, own.shape[2]):
            bits = own[z, y, k]
            while bits:
                if out[done] > limit:
                    x = 64 * k + first_bit(bits)
                    best = min(out[done], _square(last, (z, y, x), spacing))
                    out[done] = _nearest(other, (z, y, x), spacing, best, stack, last)
                bits &= bits - np.uint64(1)
                done += 1


@kernel
def _square(last: Ints, at: tuple[int, int, int], spacing: tuple[float, float, float]) -> float:
    """The squared distance to a point, infinite if there is none yet."""
    if last[0] < 0:
        return np.inf
    z, y = (last[0] - at[0]) * spacing[0], (last[1] - at[1]) * spacing[1]
    x = (last[2] - at[2]) * spacing[2]
    return float(z * z + y * y + x * x)


@kernel
def _nearest(
    other: Pyramid,
    at: tuple[int, int, int],
    spacing: tuple[float, float, float],
    best: float,
    stack: tuple[Ints, Floats],
    last: Ints,
) -> float:
    """The least squared distance, `best` if none is less; puts the point into `last`."""
    finest, coarse, levels = other
    blocks, squares = stack
    stride = finest.size // (levels[0, 1] * levels[0, 2])
    most = _most(best, spacing[2])
    blocks[0] = levels.shape[0], 0, 0
    squares[0], size = 0.0, 1
    while size:
        size -= 1
        if squares[size] >= best:
            continue
        level, z0, y0 = blocks[size, 0] - 1, 4 * blocks[size, 1], 4 * blocks[size, 2]
        flat = coarse if level else finest
        z1, y1 = _part(at[0], z0, level), _part(at[1], y0, level)
        for i in range(16):
            # The part next to the point comes first: at the end of the stack, or at once.
            turn = 15 - i if level else i
            bz, by = z0 + ((turn >> 2) ^ z1), y0 + ((turn & 3) ^ y1)
            if bz >= levels[level, 1] or by >= levels[level, 2]:
                continue
            z, y = _apart(at[0], bz, level) * spacing[0], _apart(at[1], by, level) * spacing[1]
            square = z * z + y * y
            if square >= best:
                continue
            row = levels[level, 0] + (bz * levels[level, 2] + by) * stride
            steps = _columns(flat, row, stride, at[2], most)
            square += (steps * spacing[2]) * (steps * spacing[2])
            if square >= best:
                continue
            if level:
                blocks[size] = level, bz, by
                squares[size] = square
                size += 1
                continue
            best, most = square, _most(square, spacing[2])
            ahead = _is_set(flat, row, stride, at[2] + steps)
            last[0], last[1], last[2] = bz, by, at[2] + steps if ahead else at[2] - steps
    return best


@kernel
def _is_set(flat: Words, row: int, stride: int, x: int) -> bool:
    """Whether a place of a row has its bit; none is beyond its end."""
    if x >= 64 * stride:
        return False
    return bool(flat[row + x // 64] >> np.uint64(x % 64) & np.uint64(1))


@kernel
def _most(square: float, spacing: float) -> int:
    """Columns beyond which nothing is nearer than a squared distance."""
    return _NONE if square == np.inf else int(np.sqrt(square) / spacing) + 1


@kernel
def _apart(at: int, block: int, level: int) -> int:
    """How many places lie between a place and the nearest of a block of 4 to the power of level."""
    first = block << (2 * level)
    return max(0, first - at, at - (first + (1 << (2 * level)) - 1))


@kernel
def _part(at: int, first: int, level: int) -> int:
    """Which of four blocks from the first on is next to a place."""
    return min(max((at >> (2 * level)) - first, 0), 3)


@kernel
def _columns(flat: Words, row: int, stride: int, x: int, most: int) -> int:
    """Columns from a place to the nearest bit of a row; more than `most` are not looked for."""
    k, inside = x // 64, x % 64
    steps = _NONE
    if flat[row + k]:
        right = first_bit(flat[row + k] >> np.uint64(inside))
        left = zeros_above(flat[row + k] << np.uint64(63 - inside))
        steps = min(right, left)
    ahead, i = 64 - inside, k + 1
    while i < stride and ahead < min(steps, most + 1):
        if flat[row + i]:
            steps = min(steps, ahead + first_bit(flat[row + i]))
        ahead, i = ahead + 64, i + 1
    behind, i = inside + 1, k - 1
    while i > 0 and behind < min(steps, most + 1):
        if flat[row + i]:
            steps = min(steps, behind + zeros_above(flat[row + i]))
        behind, i = behind + 64, i - 1
    return steps
