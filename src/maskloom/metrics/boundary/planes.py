"""Bit planes made wider and thinner, and the bits of one that lie near those of another.

Steps of shifts, never a loop over pixels. Planes are laid out in `bits.py`; what a contour or a
band is, is `contours.py` and `bands.py`.
"""

from __future__ import annotations

import math

import numpy as np

from maskloom.core.kernel import Ints, first_bit, kernel
from maskloom.metrics.boundary.bits import ALL, NONE, ONE, Words, bit_count


def disk(reach_squared: float, height: int, width: int) -> Ints:
    """Half widths of the rows of a disk: (R + 1,), at distance 0, 1, ... R from its middle.

    Args:
        reach_squared: pixels whose squared distance is at most this are in the disk.
        height: of the frame; no disk is larger than needed to cover it.
        width: of the frame.
    """
    most = min(math.floor(reach_squared), height**2 + width**2)
    radius = math.isqrt(most)
    return np.array([math.isqrt(most - k * k) for k in range(radius + 1)], np.int64)


def gap_for(radius: int) -> int:
    """Words between rows so that nothing of one row reaches the next within `radius`."""
    return radius // 64 + 1


@kernel
def spread(plane: Words, reached: int, radius: int) -> Words:
    """Each bit spread to the square of `radius` about it, where it is that of `reached` already.

    Words of the gap hold what left the frame: `radius` must be below 64 times the gap.
    """
    height, stride = plane.shape[0] - 2, plane.shape[1]
    now, then, spare = plane, np.zeros_like(plane), np.zeros_like(plane)
    p = reached
    while p < radius:
        step = min(2 * p + 1, radius - p, 63)
        _spread_rows(now.reshape(-1), then.reshape(-1), step)
        now, then, spare = then, spare, then
        p += step
    p = reached
    while p < radius:
        # What leaves a frame above or below is lost, so a step must not jump over it.
        step = min(p + 1, radius - p)
        for y in range(1, height + 1):
            here, out = now[y], then[y]
            above, below = now[max(y - step, 0)], now[min(y + step, height + 1)]
            for k in range(stride):
                out[k] = here[k] | above[k] | below[k]
        now, then, spare = then, spare, then
        p += step
    return now


@kernel
def _spread_rows(now: Words, then: Words, step: int) -> None:
    s, t = np.uint64(step), np.uint64(64 - step)
    # Indexes from 0 into slices: the compiler sees that it may take eight words at once. The row
    # above the frame takes part, for its gap is what lies left of the first row.
    before, middle, after, out = now, now[1:], now[2:], then[1:]
    for i in range(after.size):
        word = middle[i]
        out[i] = word | (word << s) | (before[i] >> t) | (word >> s) | (after[i] << t)


@kernel
def shrink(plane: Words, radius: int) -> Words:
    """Bits whose whole square of `radius` is set; beyond the frame nothing is."""
    height, stride = plane.shape[0] - 2, plane.shape[1]
    now, then = plane.copy(), np.zeros_like(plane)
    p = 0
    while p < radius:
        step = min(2 * p + 1, radius - p, 63)
        _shrink_rows(now.reshape(-1), then.reshape(-1), step)
        now, then = then, now
        p += step
    p = 0
    while p < radius:
        step = min(2 * p + 1, radius - p)
        for y in range(1, height + 1):
            here, out = now[y], then[y]
            above, below = now[max(y - step, 0)], now[min(y + step, height + 1)]
            for k in range(stride):
                out[k] = here[k] & above[k] & below[k]
        now, then = then, now
        p += step
    return now


@kernel
def _shrink_rows(now: Words, then: Words, step: int) -> None:
    s, t = np.uint64(step), np.uint64(64 - step)
    before, middle, after, out = now, now[1:], now[2:], then[1:]
    for i in range(after.size):
        word = middle[i]
        out[i] = word & ((word << s) | (before[i] >> t)) & ((word >> s) | (after[i] << t))


@kernel
def near(points: Words, others: Words, halves: Ints) -> tuple[Words, int]:
    """The bits of `points` that have a bit of `others` within a disk, exactly, and their number.

    Most are decided by the largest square in the disk and the smallest around it; only those
    between the two are searched for.

    Args:
        points: a plane.
        others: a plane of the same layout, its gap of more than R / 64 words.
        halves: (R + 1,) of `disk`.
    """
    radius = halves.size - 1
    inside = 0
    while inside < radius and halves[inside + 1] >= inside + 1:
        inside += 1
    sure = spread(others, 0, inside)
    maybe = spread(sure, inside, radius)
    out = np.zeros_like(points)
    total = _take_sure(points.reshape(-1), sure.reshape(-1), out.reshape(-1))
    for y in range(1, points.shape[0] - 1):
        for k in range(points.shape[1]):
            word = points[y, k] & ~sure[y, k] & maybe[y, k]
            while word != NONE:
                bit = first_bit(word)
                word &= word - ONE
                if _meets(others, y, 64 * k + bit, halves):
                    out[y, k] |= ONE << np.uint64(bit)
                    total += 1
    return out, total


@kernel
def _take_sure(points: Words, sure: Words, out: Words) -> int:
    """Write the bits that both lines share; how many."""
    total = NONE
    for i in range(points.size):
        out[i] = points[i] & sure[i]
        total += bit_count(out[i])
    return np.int64(total)  # type: ignore[return-value]


@kernel
def _meets(plane: Words, y: int, x: int, halves: Ints) -> bool:
    """Whether a disk about a pixel holds a bit of the plane, whose gap must be empty."""
    last, stride = plane.shape[0] - 1, plane.shape[1]
    if halves.size > 32:
        return _meets_wide(plane, y, x, halves)
    line = plane.reshape(-1)
    for k in range(halves.size):
        # A row of the disk is at most 63 wide: it is cut out of two words, maybe of the gap.
        low = x - halves[k]
        word, shift = low >> 6, np.uint64(low & 63)
        mask = ALL >> np.uint64(63 - 2 * halves[k])
        i, j = max(y - k, 0) * stride + word, min(y + k, last) * stride + word
        cut = (line[i] | line[j]) >> shift
        cut |= ((line[i + 1] | line[j + 1]) << ONE) << (np.uint64(63) - shift)
        if (cut & mask) != NONE:
            return True
    return False


@kernel
def _meets_wide(plane: Words, y: int, x: int, halves: Ints) -> bool:
    last, columns = plane.shape[0] - 2, 64 * plane.shape[1] - 1
    for k in range(halves.size):
        low, high = max(x - halves[k], 0), min(x + halves[k], columns)
        if y - k >= 1 and _any_between(plane, y - k, low, high):
            return True
        if y + k <= last and _any_between(plane, y + k, low, high):
            return True
    return False


@kernel
def _any_between(plane: Words, y: int, low: int, high: int) -> bool:
    """Whether a row has a bit from place `low` to `high`, both included."""
    i, j = low >> 6, high >> 6
    first, last = ALL << np.uint64(low & 63), ALL >> np.uint64(63 - (high & 63))
    if i == j:
        return (plane[y, i] & first & last) != NONE  # type: ignore[no-any-return]
    found = (plane[y, i] & first) | (plane[y, j] & last)
    for k in range(i + 1, j):
        found |= plane[y, k]
    return found != NONE  # type: ignore[no-any-return]
