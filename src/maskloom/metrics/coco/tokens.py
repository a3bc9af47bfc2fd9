"""Spaces, strings, whole numbers and words of a JSON text.

Each function takes the bytes and a place, and returns the place behind what it read, or `OPEN` or
`HARD`; see `numbers.py`.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Bytes, first_bit, kernel, load_word, wide
from maskloom.metrics.coco.numbers import HARD, OPEN, read_number


@kernel
def skip_space(text: Bytes, i: int) -> int:
    """Behind the spaces from i on."""
    while i < text.size and (text[i] == 32 or text[i] == 10 or text[i] == 13 or text[i] == 9):
        i += 1
    return i


@kernel
def string_end(text: Bytes, i: int) -> int:
    """Where the quote is that ends a string."""
    ones, high = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
    quotes, slashes = ones * np.uint64(34), ones * np.uint64(92)
    while i + 8 <= text.size:
        word = load_word(text, i)
        a, b = word ^ quotes, word ^ slashes
        hit = ((a - ones) & ~a | (b - ones) & ~b) & high
        if hit == 0:
            i += 8
            continue
        i += first_bit(hit) >> 3
        if text[i] == 34:
            return i
        i += 2
    while i < text.size:
        if text[i] == 34:
            return i
        i += 2 if text[i] == 92 else 1
    return OPEN


@kernel
def read_whole(text: Bytes, i: int) -> tuple[int, int]:
    """A whole number of up to 18 digits, and the place behind it."""
    negative = i < text.size and text[i] == 45
    if negative:
        i += 1
    start, value = i, wide(0)
    while i < text.size and 48 <= text[i] <= 57:
        value = 10 * value + text[i] - 48
        i += 1
        if i - start > 18:
            return 0, HARD
    if i >= text.size:
        return 0, OPEN
    odd = i == start or (text[start] == 48 and i > start + 1)
    if odd or text[i] == 46 or text[i] == 101 or text[i] == 69:
        return 0, HARD
    return (-value if negative else value), i


@kernel
def skip_scalar(text: Bytes, i: int) -> int:
    """Behind a text, number or word; lists and objects are `HARD`."""
    if i >= text.size:
        return OPEN
    if text[i] == 34:
        i = string_end(text, i + 1)
        return i + 1 if i >= 0 else i
    if text[i] == 45 or 48 <= text[i] <= 57:
        return read_number(text, i)[1]
    if i + 5 > text.size:
        return OPEN
    if text[i] == 116 and text[i + 1] == 114 and text[i + 2] == 117 and text[i + 3] == 101:
        return i + 4
    if text[i] == 110 and text[i + 1] == 117 and text[i + 2] == 108 and text[i + 3] == 108:
        return i + 4
    if text[i] == 102 and text[i + 1] == 97 and text[i + 2] == 108 and text[i + 3] == 115:
        return i + 5
    return HARD
