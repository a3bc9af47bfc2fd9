"""Results in JSON, read from their bytes to columns; a mask is a place in the text.

Only the usual form is read: a list of flat objects with compressed runs and a box of four
numbers. `HARD` says that something else stands there, which a JSON parser must look at.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, Ints, kernel, wide
from maskloom.metrics.coco.numbers import HARD, OPEN, read_number
from maskloom.metrics.coco.tokens import read_whole, skip_scalar, skip_space, string_end
from maskloom.metrics.matching import Floats

IMAGE, CATEGORY, HEIGHT, WIDTH, START, END = range(6)
"""Columns of whole numbers: ids, the size of the mask, and where its string stands."""
WHOLE, BOXED = 6, 4
SCORE = 4
"""Column of numbers behind the four of the box."""
_IMAGE, _CATEGORY, _SCORE, _BOX, _MASK = 1, 2, 4, 8, 16
NEEDED = _IMAGE | _CATEGORY | _SCORE
HAS_BOX, HAS_MASK = _BOX, _MASK

_KEYS = tuple(
    np.frombuffer(key.ljust(16, b"\0"), np.uint8)
    for key in (b"image_id", b"category_id", b"score", b"bbox", b"segmentation", b"size", b"counts")
)
_TABLE = np.stack(_KEYS)
_LENGTHS = np.array([8, 11, 5, 4, 12, 4, 6])


@kernel
def scan_results(
    text: Bytes, i: int, whole: Ints, real: Floats, has: NDArray[np.uint8]
) -> tuple[int, int, int]:
    """Read objects, each followed by a comma or the end of the list, as long as there are some.

    Args:
        text: part of a file.
        i: where an object begins.
        whole: (M, 6) written: `IMAGE`, `CATEGORY`, `HEIGHT`, `WIDTH`, `START` and `END`.
        real: (M, 5) written: the box, and `SCORE`.
        has: (M,) written: bits of the fields that an object has.

    Returns:
        how many were read; where the next one begins, or the place behind the end of the list; and
        0 if the list goes on, 1 at its end, or `HARD`.
    """
    n = wide(0)
    while n < has.size:
        start = i
        i, has[n] = _object(text, i, whole[n], real[n])
        if i == HARD:
            return n, start, HARD
        if i < 0:
            return n, start, 0
        i = skip_space(text, i)
        if i >= text.size:
            return n, start, 0
        if has[n] & 7 != 7:
            return n, start, HARD
        if text[i] == 93:  # ]
            return n + 1, i + 1, 1
        if text[i] != 44:  # ,
            return n, start, HARD
        after = skip_space(text, i + 1)
        if after >= text.size:
            # The comma is looked at again with what comes behind it.
            return n, start, 0
        n += 1
        i = after
    return n, i, 0


@kernel
def _object(text: Bytes, i: int, whole: Ints, real: Floats) -> tuple[int, int]:
    """One result; the place behind it and the bits of its fields."""
    has = wide(0)
    if i >= text.size:
        return OPEN, 0
    if text[i] != 123:  # {
        return HARD, 0
    i = skip_space(text, i + 1)
    while True:
        key, i = _key(text, i, 0, 5)
        if i < 0:
            return i, 0
        if key >= 0 and has >> key & 1:
            return HARD, 0
        i, known = _member(text, i, key, whole, real)
        if i < 0:
            return i, 0
        has |= known
        i = skip_space(text, i)
        if i >= text.size:
            return OPEN, 0
        if text[i] == 125:  # }
            return i + 1, has
        if text[i] != 44:
            return HARD, 0
        i = skip_space(text, i + 1)


@kernel
def _member(text: Bytes, i: int, key: int, whole: Ints, real: Floats) -> tuple[int, int]:
    """Read one value; the place behind it and the bit of its field."""
    if key < 0:
        return skip_scalar(text, i), 0
    if key < 2:
        value, i = read_whole(text, i)
        whole[key] = value
        return i, 1 << key
    if key == 2:
        real[4], i = read_number(text, i)
        return i, 4
    if key == 3:
        count, i = _numbers(text, i, real[:4])
        return (i, 8) if count == 4 else (HARD if i >= 0 and count else i, 0)
    return _mask(text, i, whole), 16


@kernel
def _mask(text: Bytes, i: int, whole: Ints) -> int:
    """Behind an object of a size and a string of counts."""
    if i >= text.size:
        return OPEN
    if text[i] != 123:
        return HARD
    i = skip_space(text, i + 1)
    seen = wide(0)
    while True:
        key, i = _key(text, i, 5, 7)
        if i < 0:
            return i
        if key < 0 or seen >> key & 1:
            return HARD
        seen |= 1 << key
        i = _size(text, i, whole) if key == 5 else _counts(text, i, whole)
        if i < 0:
            return i
        i = skip_space(text, i)
        if i >= text.size:
            return OPEN
        if text[i] == 125:
            return i + 1 if seen == 96 else HARD
        if text[i] != 44:
            return HARD
        i = skip_space(text, i + 1)


@kernel
def _counts(text: Bytes, i: int, whole: Ints) -> int:
    """Behind a string."""
    if i < text.size and text[i] != 34:
        return HARD
    whole[4] = i + 1
    i = string_end(text, i + 1)
    whole[5] = i
    return i + 1 if i >= 0 else i


@kernel
def _size(text: Bytes, i: int, whole: Ints) -> int:
    """Behind a list of two whole numbers."""
    if i >= text.size:
        return OPEN
    if text[i] != 91:
        return HARD
    for k in range(2):
        value, i = read_whole(text, skip_space(text, i + 1))
        if i < 0:
            return i
        whole[2 + k] = value
        i = skip_space(text, i)
        if i >= text.size:
            return OPEN
        if text[i] != (93 if k else 44):
            return HARD
    return i + 1


@kernel
def _numbers(text: Bytes, i: int, out: Floats) -> tuple[int, int]:
    """How many numbers a list holds, up to as many as there is room for, and the place behind."""
    if i >= text.size:
        return 0, OPEN
    if text[i] != 91:
        return 0, HARD
    i = skip_space(text, i + 1)
    if i < text.size and text[i] == 93:
        return 0, i + 1
    for k in range(out.size):
        out[k], i = read_number(text, i)
        if i < 0:
            return 0, i
        i = skip_space(text, i)
        if i >= text.size:
            return 0, OPEN
        if text[i] == 93:
            return k + 1, i + 1
        if text[i] != 44:
            return 0, HARD
        i = skip_space(text, i + 1)
    return 0, HARD


@kernel
def _key(text: Bytes, i: int, first: int, last: int) -> tuple[int, int]:
    """Which of the known keys stands at i, or -1, and the place of its value."""
    if i >= text.size:
        return 0, OPEN
    if text[i] != 34:
        return 0, HARD
    start = i + 1
    i = string_end(text, start)
    if i < 0:
        return 0, i
    size = i - start
    found = -1
    for k in range(first, last):
        if _LENGTHS[k] == size and _TABLE[k, 0] == text[start]:
            same = True
            for j in range(size):
                same = same and _TABLE[k, j] == text[start + j]
            found = k if same else found
    i = skip_space(text, i + 1)
    if i >= text.size:
        return 0, OPEN
    if text[i] != 58:  # :
        return 0, HARD
    return found, skip_space(text, i + 1)
