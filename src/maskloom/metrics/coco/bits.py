"""Sets of pixels as words of 64 bits, and how many of them a line of runs meets.

A frame is one line of pixels, column after column, so that no run is cut at the end of a column.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Rows, kernel, wide
from maskloom.metrics.boundary.bits import ALL, Words, bit_count


@kernel
def fill_bits(ends: Rows, words: Words, before: Words) -> tuple[int, int]:
    """Set the pixels of one mask, and count those before each word.

    Args:
        ends: where its runs end, background first; at least one run inside.
        words: the pixels, from the word of the first one on; written.
        before: pixels before each word; written.

    Returns:
        the first pixel and the one after the last.
    """
    inside = ends.size >> 1
    low, high = wide(ends[0]), wide(ends[2 * inside - 1])
    base = low >> 6
    n = (high >> 6) - base + 1
    words[:n] = 0
    for r in range(inside):
        start, end = wide(ends[2 * r]), wide(ends[2 * r + 1])
        if start == end:
            continue
        first, last = (start >> 6) - base, ((end - 1) >> 6) - base
        left = ALL << np.uint64(start & 63)
        right = ALL >> np.uint64(63 - ((end - 1) & 63))
        if first == last:
            words[first] |= left & right
            continue
        words[first] |= left
        for w in range(first + 1, last):
            words[w] = ALL
        words[last] |= right
    total = np.uint64(0)
    for w in range(n):
        before[w] = total
        total += bit_count(words[w])
    return low, high


@kernel
def shared_pixels(ends: Rows, low: int, high: int, words: Words, before: Words) -> int:
    """Pixels of a line of runs that are in the set of `fill_bits`, which spans low to high."""
    inside = ends.size >> 1
    first, behind = 0, inside
    while first < behind:
        middle = (first + behind) >> 1
        if ends[2 * middle + 1] > low:
            behind = middle
        else:
            first = middle + 1
    base = low & ~63
    total = np.uint64(0)
    # Places are unsigned, as others would be looked at for being counted from the end.
    six, rest, one = np.uint64(6), np.uint64(63), np.uint64(1)
    r, last = np.uint64(2 * first), np.uint64(2 * inside)
    while r < last:
        start, end = wide(ends[r]), wide(ends[r + one])
        if start >= high:
            break
        a, b = np.uint64(max(start, low) - base), np.uint64(min(end, high) - base)
        # How many pixels of the set are before b, less those before a.
        total += before[b >> six] + bit_count(words[b >> six] & ((one << (b & rest)) - one))
        total -= before[a >> six] + bit_count(words[a >> six] & ((one << (a & rest)) - one))
        r += np.uint64(2)
    return wide(total)
