"""Exact distances from the points of one surface to the nearest of another, with spacing.

For each point, rows around it are looked at in the order of their distance, the four that are
as far to either side at once: their bits joined, two counts of zeros give the nearest point of
them. The search ends at the first rows that are no nearer than what was found. What is beyond a
reach goes through the pyramid of `far.py`, so that outliers cost no square of their distance. A
sum of squares is always that of slices, then rows, then columns: the least of them does not
depend on how it was found, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, Ints, first_bit, kernel, load_word
from maskloom.metrics.surface.words import Words, zeros_above

Floats = NDArray[np.float64]

_SEEN = 28
"""Columns to each side that a word loaded at any byte surely holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """Rows around a point by rising distance, as far as the quick search goes.

    Args:
        margin: slices and rows that must be free around the crop.
        offsets: (N, 2) int64, from 0 up, slices and rows from the point, to either side.
        squares: (N + 1,) squared distances of these, then infinity.
        limit: every squared distance up to this is found.
        columns: (65,) squared distances of 0 to 63 columns, then infinity.
    """

    margin: tuple[int, int]
    offsets: NDArray[np.int64]
    squares: Floats
    limit: float
    columns: Floats

    def bytes_off(self, words: Words) -> NDArray[np.int64]:
        """(N, 4) bytes from a row of such words to the rows of each offset."""
        row = 8 * words.shape[2]
        apart = self.offsets * [row * words.shape[1], row]
        return np.ascontiguousarray(apart @ [[1, 1, -1, -1], [1, -1, 1, -1]])


def reach(spacing: tuple[float, float, float], *, deep: bool, rows: int) -> Reach:
    """The nearest rows.

    Args:
        spacing: of slices, rows and columns.
        deep: whether there are other slices.
        rows: about how many to look at.
    """
    dz, dy, dx = spacing
    columns = np.append((np.arange(64) * dx) ** 2, np.inf)
    radius = np.sqrt(rows * dz * dy / np.pi) if deep else rows * dy / 2
    radius = min(radius, (_SEEN + 1) * dx)
    z, y = int(radius / dz) if deep else 0, int(radius / dy)
    square = ((np.arange(z + 1) * dz) ** 2)[:, None] + (np.arange(y + 1) * dy) ** 2
    # Rows beyond the sides of the rectangle are not among them.
    limit = min(((y + 1) * dy) ** 2, ((z + 1) * dz) ** 2 if deep else np.inf)
    limit = min(limit, columns[_SEEN + 1])
    order = np.argsort(square, axis=None, kind="stable")
    order = order[square.reshape(-1)[order] < limit]
    offsets = np.stack((order // square.shape[1], order % square.shape[1]), axis=1)
    squares = np.append(square.reshape(-1)[order], np.inf)
    return Reach((z + 1, y + 1), offsets, squares, float(limit), columns)


@kernel
def near(
    own: Words,
    other: Bytes,
    margin: tuple[int, int],
    rows: tuple[int, int],
    offsets: Ints,
    tables: tuple[Floats, Floats],
    out: Floats,
) -> None:
    """Squared distances of the points of some rows, right up to the limit of the reach.

    Args:
        own: words of the points, by `borders.mark`.
        other: bytes of the words of the other surface, of the same shape.
        margin: of both.
        rows: first row of the crop and the one after the last.
        offsets: of `Reach.bytes_off`.
        tables: `squares` and `columns` of the reach.
        out: (points,) in the order of rows and columns; beyond the limit an upper bound.
    """
    squares, columns = tables
    height = own.shape[1] - 2 * margin[1]
    stride = own.shape[2]
    done = 0
    for row in range(rows[0], rows[1]):
        z, y = row // height + margin[0], row % height + margin[1]
        start = (z * own.shape[1] + y) * stride * 8
        for k in range(1, stride):
            bits = own[z, y, k]
            while bits:
                first = 64 * k + first_bit(bits) - _SEEN
                bits &= bits - np.uint64(1)
                place, shift = start + (first >> 3), np.uint64(first & 7)
                # Unsigned: an index that may be negative costs a test at each use.
                best, j = np.inf, np.uint64(0)
                while squares[j] < best:
                    seen = load_word(other, place + offsets[j, 0])
                    seen |= load_word(other, place + offsets[j, 1])
                    seen |= load_word(other, place + offsets[j, 2])
                    seen |= load_word(other, place + offsets[j, 3])
                    around = np.uint64(seen) >> shift
                    right = first_bit(around >> np.uint64(_SEEN))
                    left = zeros_above(around << np.uint64(63 - _SEEN))
                    square = squares[j] + columns[np.uint64(min(right, left))]
                    best = min(best, square)
                    j += np.uint64(1)
                out[done] = best
                done += 1
