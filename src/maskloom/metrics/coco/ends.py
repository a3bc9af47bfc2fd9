"""COCO's compressed runs to where they end, by whole blocks of strings.

The same code as `core/coco_rle.py` reads, at a third of its time: numbers of up to four
characters are put together for all characters at once, and only then gathered.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.coco_rle import parse
from maskloom.core.kernel import Bytes, Ints, Rows, kernel, wide
from maskloom.metrics.matching import Flags

LEAD = 4
"""Characters "0" before the first string of a block, so that each has four before it."""

_AT_ONCE = 1 << 13
"""Characters whose numbers are put together at once: few enough to stay in the nearest cache."""

FAULTS = (
    "",
    "the counts string ends inside a number",
    "the counts string holds a character that is no run-length code",
    "a run is negative or too long",
    "the runs do not sum to the pixels of the frame",
)


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
        `FAULTS`.

    Source: cocoapi common/maskApi.c, rleFrString.
    """
    n = offsets.size - 1
    out, areas = np.zeros(n + 1, np.int64), np.zeros(n, np.int64)
    longest = _AT_ONCE
    for i in range(n):
        longest = max(longest, offsets[i + 1] - offsets[i])
    value = np.empty(longest, np.int32)
    k = behind = first = wide(0)
    for i in range(n):
        if i == behind:
            first = offsets[i]
            while behind < n and offsets[behind + 1] - first <= longest:
                behind += 1
            worst, long = _values(text, first, offsets[behind], value)
            if worst > 63 or long:
                return _slow(text, offsets, pixels, keep, ends)
        own = value[offsets[i] - first : offsets[i + 1] - first]
        if own.size and text[offsets[i + 1] - 1] - 48 > 31:
            return out, areas, i, 1
        own = own[: _gather(text[offsets[i] : offsets[i + 1]], own)]
        total, areas[i], lowest = _sum(own, ends[k:])
        if lowest < 0:
            return out, areas, i, 3
        if total != pixels[i]:
            return out, areas, i, 4
        k += own.size if keep[i] else 0
        out[i + 1] = k
    return out, areas, -1, 0


@kernel
def _values(text: Bytes, first: int, last: int, value: Rows) -> tuple[int, int]:
    """The number that would end at each character, of its last four; worst code, over-long bits."""
    t0, t1, t2 = text[first:last], text[first - 1 : last - 1], text[first - 2 : last - 2]
    t3, t4 = text[first - 3 : last - 3], text[first - 4 : last - 4]
    every, long = np.uint8(0), np.uint8(0)
    for i in range(t0.size):
        c0, c1 = t0[i] - np.uint8(48), t1[i] - np.uint8(48)
        c2, c3 = t2[i] - np.uint8(48), t3[i] - np.uint8(48)
        every |= np.uint8(c0)
        long |= np.uint8(c1 & c2 & c3 & (t4[i] - np.uint8(48)) & 32)
        v = ((c0 & 31) ^ 16) - 16
        if c1 & 32:
            v = v * 32 + (c1 & 31)
            if c2 & 32:
                v = v * 32 + (c2 & 31)
                if c3 & 32:
                    v = v * 32 + (c3 & 31)
        value[i] = v
    return int(every), int(long)


@kernel
def _gather(text: Bytes, value: Rows) -> int:
    """Move the numbers that do end at their character to the front; returns how many."""
    m = np.uint64(0)
    for i in range(text.size):
        value[m] = value[i]
        m += np.uint64((text[i] - np.uint8(48)) < 32)
    return wide(m)


@kernel
def _sum(value: Rows, ends: Rows) -> tuple[int, int, int]:
    """Ends of runs, of which each says the difference to the one two before; total, area, sign."""
    place, odd, even, sign = wide(0), wide(0), wide(0), wide(0)
    head = min(value.size, 2)
    for j in range(head):
        odd = wide(value[j]) if j else wide(0)
        place += value[j]
        ends[j] = place
        sign |= value[j]
    area = odd
    rest, after = value[head:], ends[head : value.size]
    for j in range(rest.size >> 1):
        even += rest[2 * j]
        place += even
        after[2 * j] = place
        odd += rest[2 * j + 1]
        place += odd
        after[2 * j + 1] = place
        area += odd
        sign |= even | odd
    if rest.size & 1:
        even += rest[rest.size - 1]
        place += even
        after[rest.size - 1] = place
        sign |= even
    return place, area, sign


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
