"""Strings of a JSON text as bytes: taken out of it a block at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskloom.core.kernel import Bytes, Ints, first_bit, kernel, load_word, wide


@kernel
def gather_strings(
    text: Bytes, base: int, starts: Ints, ends: Ints, lead: int
) -> tuple[Bytes, Ints]:
    """Strings of a JSON text end to end, behind `lead` characters "0", escapes undone.

    Args:
        text: part of a file that begins at its byte `base`.
        base: see there.
        starts: (N,) where each string begins in the file.
        ends: (N,) where it ends.
        lead: how many characters come first.

    Returns:
        the strings, and where each begins (N + 1). An escape that is no ASCII is a 0.
    """
    offsets = np.empty(starts.size + 1, np.int64)
    total = wide(lead)
    for i in range(starts.size):
        total += ends[i] - starts[i]
    out = np.empty(total, np.uint8)
    out[:lead] = 48
    k = wide(lead)
    offsets[0] = k
    for i in range(starts.size):
        p, end = starts[i] - base, ends[i] - base
        while p < end:
            stop = _slash(text, p, end)
            out[k : k + stop - p] = text[p:stop]
            k += stop - p
            p = stop
            if p < end:
                out[k], p = _escaped(text, p + 1, end)
                k += 1
        offsets[i + 1] = k
    return out[:k], offsets


@kernel
def _slash(text: Bytes, i: int, end: int) -> int:
    """Where the next backslash is, or the end."""
    ones, high = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
    while i + 8 <= end:
        b = load_word(text, i) ^ (ones * np.uint64(92))
        hit = (b - ones) & ~b & high
        if hit:
            return i + (first_bit(hit) >> 3)
        i += 8
    while i < end and text[i] != 92:
        i += 1
    return i


@kernel
def _escaped(text: Bytes, i: int, end: int) -> tuple[Any, int]:
    """The character that an escape stands for, and the place behind it."""
    if i >= end or text[i] != 117:  # u
        own = i < end and (text[i] == 92 or text[i] == 34 or text[i] == 47)
        return (text[i] if own else np.uint8(0)), i + 1
    value = wide(0)
    for j in range(i + 1, min(i + 5, end)):
        digit = text[j] | 32
        value = 16 * value + (digit - 87 if digit >= 97 else text[j] - 48)
    return np.uint8(value if value < 128 else 0), i + 5
