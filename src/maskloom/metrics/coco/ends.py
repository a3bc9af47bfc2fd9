"""COCO's compressed runs to where they end, by whole blocks of strings.

The same code as `core/coco_rle.py` reads, at a third of its time: numbers of up to four
characters are put together for all characters at once, and only then gathered.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.coco_rle import parse
from maskloom.core.kernel import Bytes, Ints, Rows, kernel, wide
from maskloom.metrics.objects.matching import Flags

LEAD = 4
"""Characters "0" before the first string of a block, so that each has four before it."""

_AT_ONCE = 1 << 13
"""Characters whose numbers are put together at once: few enough to stay in the nearest cache."""


@kernel
def read_ends(
    text: Bytes, offsets: Ints, pixels: Ints, keep: Flags, ends: Rows
) -> tuple[Ints, Ints, int, int]:
    """Decompress strings laid end to end.

    Args:
        text: the strings, after `LEAD` characters "0".
        offsets: (N+1,) where they begin, from `LEAD` on.
        pixels: (N,) of each frame, below 2**31.
        keep: (N,) those whose runs are wanted; of others only the area is.
        ends: written: where runs end, background first, in the frame as one line by column. It
            has room for one of each character.

    Returns:
        offsets (N+1) into `ends`, areas (N,), the first bad row or -1, and its index into
        `coco_rle.FAULTS`.

    Source: cocoapi common/maskApi.c, rleFrString.
    """
    n = offsets.size - 1
    out, areas = np.zeros(n + 1, np.int64), np.zeros(n, np.int64)
    longest = _AT_ONCE
    for i in range(n):
        longest = max(longest, offsets[i + 1] - offsets[i])
    value, bounds = np.empty(longest, np.int32), np.empty(n + 1, np.int64)
    first = wide(0)
    while first < n:
        behind = first
        while behind < n and offsets[behind + 1] - offsets[first] <= longest:
            behind += 1
        if not _is_plain(text, offsets[first], offsets[behind]):
            return _slow(text, offsets, pixels, keep, ends)
        _values(text, offsets[first], offsets[behind], value)
        bad = _gather(text, offsets, first, behind, value, bounds)
        if bad >= 0:
            return out, areas, bad, 1
        bad, fault = _sum(
            value, bounds[: behind - first + 1], pixels, keep, ends, out, areas, first
        )
        if bad >= 0:
            return out, areas, bad, fault
        first = behind
    return out, areas, -1, 0


@kernel
def _is_plain(text: Bytes, first: int, last: int) -> bool:
    """Whether all characters are of the code, and all numbers of four at the most."""
    t0, t1 = text[first:last], text[first - 1 : last - 1]
    t2, t3 = text[first - 2 : last - 2], text[first - 3 : last - 3]
    low, high, long = np.uint8(255), np.uint8(0), np.uint8(0)
    for i in range(t0.size):
        low, high = min(low, t0[i]), max(high, t0[i])
        # A number goes on after a character of 80 and more.
        long = max(long, min(t0[i], t1[i], t2[i], t3[i]))
    return bool(low >= 48 and high < 112 and long < 80)


@kernel
def _values(text: Bytes, first: int, last: int, value: Rows) -> None:
    """The number that would end at each character, of its last four."""
    t0, t1 = text[first:last], text[first - 1 : last - 1]
    t2, t3 = text[first - 2 : last - 2], text[first - 3 : last - 3]
    for i in range(t0.size):
        c0, c1 = t0[i] - np.uint8(48), t1[i] - np.uint8(48)
        c2, c3 = t2[i] - np.uint8(48), t3[i] - np.uint8(48)
        v = ((c0 & 31) ^ 16) - 16
        if c1 & 32:
            v = v * 32 + (c1 & 31)
            if c2 & 32:
                v = v * 32 + (c2 & 31)
                if c3 & 32:
                    v = v * 32 + (c3 & 31)
        value[i] = v


@kernel
def _gather(text: Bytes, offsets: Ints, first: int, behind: int, value: Rows, bounds: Ints) -> int:
    """Move the numbers that do end at their character to the front; tell those of each string.

    Args:
        text: the strings.
        offsets: where each begins.
        first: string whose first character is that of the first value.
        behind: the string behind the last.
        value: of each character.
        bounds: written: where the numbers of each string begin, from 0, and end.

    Returns:
        a string that ends inside a number, or -1.
    """
    # Places are unsigned, as others would be looked at for being counted from the end.
    m, base = np.uint64(0), np.uint64(offsets[first])
    bounds[0] = 0
    for i in range(first, behind):
        for p in range(np.uint64(offsets[i]), np.uint64(offsets[i + 1])):
            value[m] = value[p - base]
            m += np.uint64(text[p] < 80)
        bounds[i - first + 1] = m
        if offsets[i] < offsets[i + 1] and text[offsets[i + 1] - 1] >= 80:
            return i
    return -1


@kernel
def _sum(
    value: Rows,
    bounds: Ints,
    pixels: Ints,
    keep: Flags,
    ends: Rows,
    out: Ints,
    areas: Ints,
    first: int,
) -> tuple[int, int]:
    """Numbers to ends of runs: each says the difference to the run two before.

    Args:
        value: the numbers.
        bounds: where those of each string begin.
        pixels: as of `read_ends`.
        keep: likewise.
        ends: written from out[first] on.
        out: written.
        areas: written.
        first: the first string.

    Returns:
        a bad string or -1, and what is wrong with it.
    """
    k = out[first]
    for s in range(bounds.size - 1):
        place, odd, even, sign = wide(0), wide(0), wide(0), wide(0)
        j, last, to = np.uint64(bounds[s]), np.uint64(bounds[s + 1]), np.uint64(k)
        if j < last:
            place = sign = wide(value[j])
            ends[to] = place
            j += np.uint64(1)
            to += np.uint64(1)
        area = wide(0)
        # The third run says itself, as the first two do: what is added to it is still 0.
        while j + np.uint64(1) < last:
            odd += value[j]
            place += odd
            ends[to] = place
            even += value[j + np.uint64(1)]
            place += even
            ends[to + np.uint64(1)] = place
            area += odd
            sign |= odd | even
            j += np.uint64(2)
            to += np.uint64(2)
        if j < last:
            odd += value[j]
            place += odd
            ends[to] = place
            area += odd
            sign |= odd
        if sign < 0:
            return first + s, 3
        if place != pixels[first + s]:
            return first + s, 4
        if keep[first + s]:
            k += bounds[s + 1] - bounds[s]
        out[first + s + 1] = k
        areas[first + s] = area
    return -1, 0


@kernel
def _slow(
    text: Bytes, offsets: Ints, pixels: Ints, keep: Flags, ends: Rows
) -> tuple[Ints, Ints, int, int]:
    """Strings with longer numbers or with faults, one character after another."""
    n = offsets.size - 1
    out, areas = np.zeros(n + 1, np.int64), np.zeros(n, np.int64)
    runs, starts, bad, fault = parse(text, offsets)
    if bad >= 0:
        return out, areas, bad, fault
    k = wide(0)
    for i in range(n):
        place = wide(0)
        for j in range(starts[i], starts[i + 1]):
            if runs[j] > pixels[i] - place:
                return out, areas, i, 4
            place += runs[j]
            if (j - starts[i]) & 1:
                areas[i] += runs[j]
            ends[k + j - starts[i]] = place
        if place != pixels[i]:
            return out, areas, i, 4
        k += starts[i + 1] - starts[i] if keep[i] else 0
        out[i + 1] = k
    return out, areas, -1, 0
