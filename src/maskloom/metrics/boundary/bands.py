"""Boundary bands of `Masks`, and the pixels that two of them share, without decoding a frame.

A band is a mask without its erosion. Columns of the tight box are packed to words of 64 rows,
aligned to the frame so that any two masks meet word by word. The caller takes the lesser of mask
IoU and Boundary IoU where its metric says so; class maps are in `class_bands.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskloom.core.kernel import Counts, Ints, Rows, kernel, wide
from maskloom.core.masks import Masks
from maskloom.errors import DataError
from maskloom.metrics.boundary.bits import ALL, NONE, Words, bit_count


@dataclass(frozen=True, slots=True, eq=False)
class BoundaryBands:
    """Bands of N masks as bit columns.

    Args:
        words: (W,) uint64, the columns of all masks, one after the other.
        offsets: (N + 1,) where each mask's words begin.
        places: (N, 4) first column, column after the last, first word of 64 rows, words of a
            column.
        areas: (N,) pixels of each band.
    """

    words: Words
    offsets: NDArray[np.int64]
    places: NDArray[np.int64]
    areas: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.areas)


def band_widths(sizes: NDArray[np.int64], ratio: float = 0.02) -> NDArray[np.int64]:
    """(N,) widths in px for frames (N, 2) [H, W]: max(1, round(ratio * diagonal)).

    Source: boundary-iou-api `mask_to_boundary`; halves are rounded to even, as there.
    """
    rounded = [max(1, round(ratio * math.sqrt(h * h + w * w))) for h, w in sizes.tolist()]
    return np.array(rounded, np.int64)


def boundary_bands(
    masks: Masks, widths: ArrayLike, *, wanted: ArrayLike | None = None
) -> BoundaryBands:
    """The pixels of each mask within a chessboard distance of its outside.

    Args:
        masks: N masks; frames may differ.
        widths: int or (N,), the greatest distance in px, at least 1; see `band_widths`. Beyond
            the frame's edge is outside.
        wanted: (N,) bool, masks whose band is asked for; the others get an empty one. Most
            predictions overlap no object, and their bands are not needed.

    Raises:
        DataError: a width is below 1 or no whole number, or `wanted` is no flag for each mask.

    Source: Cheng et al. 2021 (Boundary IoU), boundary-iou-api: erosion by 3x3, so many times,
    after padding by a pixel. Exact.

    >>> band = boundary_bands(Masks.from_dense(np.ones((5, 5), bool)), 1)
    >>> band.areas.tolist()
    [16]
    """
    given = np.asarray(widths)
    if given.dtype.kind not in "iu" or (given < 1).any():
        raise DataError("widths of bands are whole numbers from 1 up", seen=given)
    each = np.ascontiguousarray(np.broadcast_to(given, len(masks)), np.int64)
    flags = np.ones(len(masks), np.bool_) if wanted is None else np.ascontiguousarray(wanted)
    if flags.dtype != np.bool_ or flags.shape != (len(masks),):
        raise DataError(
            f"wanted bands are a bool for each of {len(masks)} masks",
            seen=f"{flags.dtype}{flags.shape}",
        )
    return BoundaryBands(*_bands(masks.boxes, masks.counts, masks.offsets, each, flags))


def boundary_intersections(
    one: BoundaryBands, other: BoundaryBands, rows: ArrayLike, other_rows: ArrayLike
) -> NDArray[np.int64]:
    """(P,) pixels that the bands of pairs share.

    Args:
        one: bands of one side.
        other: bands in the same frame.
        rows: (P,) rows of `one`.
        other_rows: (P,) rows of `other`.

    Raises:
        DataError: rows that are not there, or of unequal number.
    """
    pairs = [np.ascontiguousarray(r, np.int64) for r in (rows, other_rows)]
    if pairs[0].shape != pairs[1].shape or pairs[0].ndim != 1:
        raise DataError("pairs need a row of each side", seen=f"{pairs[0].shape, pairs[1].shape}")
    for r, side in zip(pairs, (one, other), strict=True):
        if len(r) and not 0 <= r.min() <= r.max() < len(side):
            raise DataError(f"a pair names a row that is none of {len(side)}", seen=r)
    a, b = ((s.words, s.offsets, s.places) for s in (one, other))
    shared: NDArray[np.int64] = _shared(a, b, pairs[0], pairs[1])
    return shared


def boundary_iou_pairs(
    one: BoundaryBands, other: BoundaryBands, rows: ArrayLike, other_rows: ArrayLike
) -> NDArray[np.float64]:
    """(P,) Boundary IoU of pairs, 0 where both are empty; arguments as above."""
    shared = boundary_intersections(one, other, rows, other_rows)
    union = one.areas[np.asarray(rows)] + other.areas[np.asarray(other_rows)] - shared
    quotients: NDArray[np.float64] = shared / np.maximum(union, 1)
    return quotients


@kernel
def _bands(
    boxes: Rows, counts: Counts, offsets: Ints, widths: Ints, wanted: NDArray[np.bool_]
) -> tuple[Words, Ints, Ints, Ints]:
    """Fields of `BoundaryBands`."""
    n = widths.size
    starts, places, areas = (
        np.zeros(n + 1, np.int64),
        np.zeros((n, 4), np.int64),
        np.zeros_like(widths),
    )
    most = 0
    for i in range(n):
        starts[i + 1] = starts[i]
        if not wanted[i]:
            continue
        x0, y0, x1, y1 = boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3]
        high = ((y1 + 63) >> 6) - (y0 >> 6)
        places[i, 0], places[i, 1], places[i, 2], places[i, 3] = x0, x1, y0 >> 6, high
        starts[i + 1] += (wide(x1) - x0) * high
        most = max(most, starts[i + 1] - starts[i])
    words, core = np.zeros(starts[n], np.uint64), np.empty((2, most), np.uint64)
    for i in range(n):
        own = words[starts[i] : starts[i + 1]]
        if own.size == 0:
            continue
        inner, spare = core[0, : own.size], core[1, : own.size]
        inner[:] = NONE
        top = wide(boxes[i, 1]) - 64 * places[i, 2]
        height = wide(boxes[i, 3]) - boxes[i, 1]
        run, high, d = counts[offsets[i] : offsets[i + 1]], places[i, 3], widths[i]
        thick = _draw(run, height, top, d, (own, inner, high))
        if thick and own.size // high > 2 * d:
            _take_core(own, inner, spare, high, d)
        total = NONE
        for word in own:
            total += bit_count(word)
        areas[i] = np.int64(total)
    return words, starts, places, areas


@kernel
def _draw(run: Counts, height: int, top: int, d: int, into: tuple[Words, Words, int]) -> bool:
    """Draw the runs of a crop, and what is d or more from the end of each; whether any is."""
    own, inner, high = into
    thick = False
    column, row = 0, 0
    for j in range(run.size):
        left = wide(run[j])
        if j & 1 == 0:
            row += left
            # Mostly one column on: quicker than a division.
            while row >= height:
                row -= height
                column += 1
            continue
        while left > 0:
            step = min(left, height - row)
            _set_rows(own, column * high, top + row, top + row + step)
            if step > 2 * d:
                _set_rows(inner, column * high, top + row + d, top + row + step - d)
                thick = True
            left -= step
            row += step
            if row == height:
                row = 0
                column += 1
    return thick


@kernel
def _set_rows(words: Words, start: int, first: int, last: int) -> None:
    """Set rows first to last - 1 of the column whose words begin at `start`."""
    a, b = first >> 6, (last - 1) >> 6
    low, high = ALL << np.uint64(first & 63), ALL >> np.uint64(63 - ((last - 1) & 63))
    if a == b:
        words[start + a] |= low & high
        return
    words[start + a] |= low
    for k in range(a + 1, b):
        words[start + k] = ALL
    words[start + b] |= high


@kernel
def _take_core(own: Words, inner: Words, spare: Words, high: int, d: int) -> None:
    """Take from a mask what is also d columns or more from its end at both sides."""
    now, then = inner, spare
    size, reach = own.size, 1
    while reach < 2 * d + 1:
        # Column c of `now` holds what columns c to c + reach - 1 share.
        step = min(reach, 2 * d + 1 - reach)
        size -= step * high
        later, out = now[step * high :], then[:size]
        for k in range(size):
            out[k] = now[k] & later[k]
        now, then = then, now
        reach += step
    rest = own[d * high :]
    for k in range(size):
        rest[k] &= ~now[k]


@kernel
def _shared(
    a: tuple[Words, Ints, Ints], b: tuple[Words, Ints, Ints], rows: Ints, other_rows: Ints
) -> Ints:
    """Bits that two bands share, for each pair."""
    out = np.zeros(rows.size, np.int64)
    for p in range(rows.size):
        i, j = rows[p], other_rows[p]
        one, two = a[2][i], b[2][j]
        low, high = max(one[2], two[2]), min(one[2] + one[3], two[2] + two[3])
        total = NONE
        for x in range(max(one[0], two[0]), min(one[1], two[1])):
            m = a[1][i] + (x - one[0]) * one[3] - one[2]
            n = b[1][j] + (x - two[0]) * two[3] - two[2]
            for k in range(low, high):
                total += bit_count(a[0][m + k] & b[0][n + k])
        out[p] = np.int64(total)
    return out
