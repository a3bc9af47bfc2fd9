"""Results in JSON, read from their bytes to columns; a mask is a place in the text.

Only the usual form is read: a list of flat objects with compressed runs and a box of four
numbers. `HARD` says that something else stands there, which a JSON parser must look at. Texts and
places are those of `tokens.py`; a row of the table is the address where it begins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, Ints, kernel, wide
from maskloom.metrics.coco.memory import byte_at, put_real, put_whole, word_at
from maskloom.metrics.coco.numbers import read_number
from maskloom.metrics.coco.tokens import HARD, OPEN, read_whole, skip_space, string_end

IMAGE, CATEGORY, HEIGHT, WIDTH, START, END, SCORE, BOX = range(8)
"""Places in a row: ids, the size of the mask, where its string stands, the score, and from the
last on the four numbers of the box. The score and the box are the bits of float64."""
FIELDS = 12
HAS_IMAGE, HAS_CATEGORY, HAS_SCORE, HAS_BOX, HAS_MASK = 1, 2, 4, 8, 16
LEAST = 24
"""Bytes that must follow a place where a key stands: fewer hold no whole object, or spaces."""


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text[:8].ljust(8, b"\0"), "little"))


_IMAGE, _IMAGE_END = _word(b"image_id"), _word(b'mage_id"')
_CATEGORY, _CATEGORY_END = _word(b"category"), _word(b'gory_id"')
_MASK, _MASK_END = _word(b"segmenta"), _word(b'ntation"')
_SCORE, _COUNTS = _word(b'score"'), _word(b'counts"')
_BOX_KEY, _SIZE = _word(b'bbox"'), _word(b'size"')
_TRUE, _NULL, _FALSE = _word(b"true"), _word(b"null"), _word(b"false")
_FOUR, _FIVE, _SIX, _SEVEN = (np.uint64(2 ** (8 * n) - 1) for n in (4, 5, 6, 7))


@kernel
def scan_results(text: Bytes, i: int, table: Ints, has: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Read objects, each followed by a comma or the end of the list, as long as there are some.

    Args:
        text: part of a file; at its end there are `LEAST` spaces more.
        i: where an object begins.
        table: (M, FIELDS) written.
        has: (M,) written: bits of the fields that an object has.

    Returns:
        how many were read; where the next one begins, or the place behind the end of the list; and
        0 if the list goes on, 1 at its end, or `HARD`.
    """
    n, size, at = wide(0), text.size, text.ctypes.data
    while n < has.size:
        start = i
        i, own = _object(at, size, i, table.ctypes.data + 8 * FIELDS * n)
        if i < 0:
            return n, start, (HARD if i == HARD else 0)
        i = skip_space(at, size, i)
        if i >= size:
            return n, start, 0
        if own & 7 != 7:
            return n, start, HARD
        has[n] = own
        if byte_at(at, i) == 93:  # ]
            return n + 1, i + 1, 1
        if byte_at(at, i) != 44:  # ,
            return n, start, HARD
        i = skip_space(at, size, i + 1)
        if i >= size:
            # The comma is looked at again with what comes behind it.
            return n, start, 0
        n += 1
    return n, i, 0


@kernel
def _object(text: int, size: int, i: int, row: int) -> tuple[int, int]:
    """One result; the place behind it and the bits of its fields."""
    has = wide(0)
    if i >= size:
        return OPEN, 0
    if byte_at(text, i) != 123:  # {
        return HARD, 0
    i = skip_space(text, size, i + 1)
    while True:
        key, i = _key(text, size, i)
        if i < 0 or (key >= 0 and has >> key & 1):
            return (i if i < 0 else HARD), 0
        i, known = _member(text, size, i, row, key)
        if i < 0:
            return i, 0
        has |= known
        i, more = _behind(text, size, i)
        if i < 0 or not more:
            return i, has


@kernel
def _behind(text: int, size: int, i: int) -> tuple[int, bool]:
    """Behind what parts or ends members, and whether there is one more."""
    i = skip_space(text, size, i)
    if i >= size:
        return OPEN, False
    if byte_at(text, i) == 125:  # }
        return i + 1, False
    if byte_at(text, i) != 44:  # ,
        return HARD, False
    return skip_space(text, size, i + 1), True


@kernel
def _member(text: int, size: int, i: int, row: int, key: int) -> tuple[int, int]:
    """Read one value; the place behind it and the bit of its field."""
    if key in (0, 1):
        value, i = read_whole(text, size, i)
        put_whole(row, key, value)
        return i, 1 << key
    if key == 2:
        number, i = read_number(text, size, i)
        put_real(row, SCORE, number)
        return i, 4
    if key == 3:
        return _box(text, size, i, row)
    if key == 4:
        return _mask(text, size, i, row), 16
    return _scalar(text, size, i), 0


@kernel
def _box(text: int, size: int, i: int, row: int) -> tuple[int, int]:
    """Behind a list of four numbers, or of none, which is no box."""
    if byte_at(text, i) != 91:  # [
        return HARD, 0
    i = skip_space(text, size, i + 1)
    if i < size and byte_at(text, i) == 93:
        return i + 1, 0
    for k in range(4):
        number, i = read_number(text, size, i)
        if i < 0:
            return i, 0
        put_real(row, BOX + k, number)
        i = skip_space(text, size, i)
        if i >= size:
            return OPEN, 0
        if byte_at(text, i) != (93 if k == 3 else 44):
            return HARD, 0
        i = skip_space(text, size, i + 1) if k < 3 else i + 1
    return i, 8


@kernel
def _mask(text: int, size: int, i: int, row: int) -> int:
    """Behind an object of a size and a string of counts."""
    if byte_at(text, i) != 123:
        return HARD
    i = skip_space(text, size, i + 1)
    seen = wide(0)
    while True:
        key, i = _key(text, size, i)
        if i < 0:
            return i
        if key == 5:
            i = _size(text, size, i, row)
        elif key == 6:
            i = _counts(text, size, i, row)
        if key < 5 or seen >> key & 1:
            return HARD
        if i < 0:
            return i
        seen |= 1 << key
        i, more = _behind(text, size, i)
        if i < 0:
            return i
        if not more:
            return i if seen == 96 else HARD


@kernel
def _size(text: int, size: int, i: int, row: int) -> int:
    """Behind a list of two whole numbers."""
    if byte_at(text, i) != 91:
        return HARD
    for k in range(2):
        value, i = read_whole(text, size, skip_space(text, size, i + 1))
        if i < 0:
            return i
        put_whole(row, HEIGHT + k, value)
        i = skip_space(text, size, i)
        if i >= size:
            return OPEN
        if byte_at(text, i) != (93 if k else 44):
            return HARD
    return i + 1


@kernel
def _counts(text: int, size: int, i: int, row: int) -> int:
    """Behind a string."""
    if byte_at(text, i) != 34:
        return HARD
    put_whole(row, START, i + 1)
    i = string_end(text, size, i + 1)
    put_whole(row, END, i)
    return i + 1 if i >= 0 else i


@kernel
def _key(text: int, size: int, i: int) -> tuple[int, int]:
    """Which of the known keys stands at i, or -1, and the place of its value."""
    if i + LEAST > size:
        return 0, OPEN
    if byte_at(text, i) != 34:
        return 0, HARD
    key, length = _known(text, i + 1)
    end = i + 1 + length if key >= 0 else string_end(text, size, i + 1)
    i = skip_space(text, size, end + 1)
    if end < 0 or i >= size:
        return 0, OPEN
    if byte_at(text, i) != 58:  # :
        return 0, HARD
    i = skip_space(text, size, i + 1)
    return key, (i if i < size else OPEN)


@kernel
def _known(text: int, i: int) -> tuple[int, int]:
    """Which of the known keys begins at i, with the quote behind it, and its length; else -1."""
    head = word_at(text, i)
    if head == _IMAGE and word_at(text, i + 1) == _IMAGE_END:
        return 0, 8
    if head == _CATEGORY and word_at(text, i + 4) == _CATEGORY_END:
        return 1, 11
    if head & _SIX == _SCORE:
        return 2, 5
    if head & _FIVE == _BOX_KEY:
        return 3, 4
    if head == _MASK and word_at(text, i + 5) == _MASK_END:
        return 4, 12
    if head & _FIVE == _SIZE:
        return 5, 4
    if head & _SEVEN == _COUNTS:
        return 6, 6
    return -1, 0


@kernel
def _scalar(text: int, size: int, i: int) -> int:
    """Behind a text, number or word; lists and objects are `HARD`."""
    first = byte_at(text, i)
    if first == 34:
        i = string_end(text, size, i + 1)
        return i + 1 if i >= 0 else i
    if first == 45 or 48 <= first <= 57:
        return read_number(text, size, i)[1]
    if i + LEAST > size:
        return OPEN
    word = word_at(text, i)
    if word & _FOUR == _TRUE or word & _FOUR == _NULL:
        return i + 4
    return i + 5 if word & _FIVE == _FALSE else HARD
