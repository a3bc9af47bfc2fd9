"""Spaces, strings, whole numbers and words of a JSON text.

A text is the address where it begins and how many bytes it has (`memory.py`). Each function
takes that and a place, and returns the place behind what it read, or `OPEN` where the text ends
before that does, or `HARD` where something else stands than is read here.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import first_bit, kernel, wide
from maskloom.metrics.coco.memory import byte_at, word_at

OPEN, HARD = -1, -2
ONES, HIGH = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
SPACES = 1 << 32 | 1 << 13 | 1 << 10 | 1 << 9
QUOTES, SLASHES = np.uint64(0x2222222222222222), np.uint64(0x5C5C5C5C5C5C5C5C)


@kernel
def skip_space(text: int, size: int, i: int) -> int:
    """Behind the spaces from i on, which may be the end of the text."""
    while i < size and byte_at(text, i) <= 32 and SPACES >> byte_at(text, i) & 1:
        i += 1
    return i


@kernel
def string_end(text: int, size: int, i: int) -> int:
    """Where the quote is that ends a string."""
    while i + 8 <= size:
        word = word_at(text, i)
        a, b = word ^ QUOTES, word ^ SLASHES
        hit = (((a - ONES) & ~a) | ((b - ONES) & ~b)) & HIGH
        if hit == np.uint64(0):
            i += 8
            continue
        i += first_bit(hit) >> 3
        if byte_at(text, i) == 34:
            return i
        i += 2
    while i < size:
        if byte_at(text, i) == 34:
            return i
        i += 2 if byte_at(text, i) == 92 else 1
    return -1


@kernel
def read_whole(text: int, size: int, i: int) -> tuple[int, int]:
    """A whole number of up to 18 digits, and the place behind it."""
    negative = i < size and byte_at(text, i) == 45
    if negative:
        i += 1
    start, value = i, wide(0)
    while i < size:
        digit = wide(byte_at(text, i)) - 48
        if digit < 0 or digit > 9:
            break
        value = 10 * value + digit
        i += 1
        if i - start > 18:
            return 0, -2
    if i >= size:
        return 0, -1
    behind = byte_at(text, i)
    odd = i == start or (byte_at(text, start) == 48 and i > start + 1)
    if odd or behind in (46, 69, 101):
        return 0, -2
    return (-value if negative else value), i
