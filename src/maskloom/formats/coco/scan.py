"""The usual form of a COCO annotation, checked byte by byte without parsing it.

Numbers, boxes and polygons in plain notation are told to be right; whatever else stands there
is left to `check.py`, which names what is wrong with it. Nothing is called right wrongly.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Bytes, Ints, first_bit, kernel, load_word, wide

IMAGE, CATEGORY, ID, CROWD = 0, 1, 2, 3
"""Columns of whole numbers that are told for each annotation."""
DRAWN, DRAWN_END = 4, 5
"""Columns of where its polygons stand in it; 0 where it has none."""
PLAIN, STRANGE, SEGMENTS = 0, 1, 2
"""Nothing wrong in itself; to be looked at closely; an entry of a panoptic file."""
ABSENT = -(2**63)

_KEYS = tuple(
    np.frombuffer(key, np.uint8)
    for key in (
        b"image_id",
        b"category_id",
        b"id",
        b"iscrowd",
        b"segmentation",
        b"bbox",
        b"area",
        b"score",
        b"segments_info",
    )
)
_WIDEST = 13
_TABLE = np.zeros((len(_KEYS), _WIDEST), np.uint8)
for _row, _name in zip(_TABLE, _KEYS, strict=True):
    _row[: len(_name)] = _name
_LENGTHS = np.array([len(key) for key in _KEYS])
_NEAR = 7
"""Digits before the point of a coordinate: less than `check.FAR_PX`."""
_LONG = 100


@kernel
def scan_annotations(text: Bytes, starts: Ints, ends: Ints) -> tuple[Ints, Bytes]:
    """Look at annotations that stand in a text.

    Args:
        text: bytes of a file.
        starts: (N,) where each annotation stands in it.
        ends: (N,) the places behind them.

    Returns:
        (6, N) values of `IMAGE`, `CATEGORY`, `ID` and `CROWD`, `ABSENT` where there is none, and
        of `DRAWN` and `DRAWN_END`; and (N,) `PLAIN`, `STRANGE` or `SEGMENTS`.
    """
    values = np.full((6, starts.size), ABSENT, np.int64)
    values[DRAWN:] = 0
    kinds = np.zeros(starts.size, np.uint8)
    for n in range(starts.size):
        kinds[n] = _annotation(text[starts[n] : ends[n]], values[:, n], _TABLE, _LENGTHS)
    return values, kinds


@kernel
def _annotation(text: Bytes, values: Ints, table: Bytes, lengths: Ints) -> int:
    """One annotation: an object of plain members and nothing behind it."""
    i = _space(text, 0)
    if i >= text.size or text[i] != 123:  # {
        return 1
    i = _space(text, i + 1)
    while i < text.size and text[i] == 34:
        key, i = _key(text, i + 1, table, lengths)
        i = _space(text, i)
        if key == -2 or i >= text.size or text[i] != 58:  # :
            return 1
        i = _space(text, i + 1)
        if key == 8:
            return 2
        i = _member(text, i, key, values)
        if i < 0:
            return 1
        i = _space(text, i)
        if i < text.size and text[i] == 44:  # ,
            i = _space(text, i + 1)
            if i >= text.size or text[i] != 34:
                return 1
            continue
        break
    if i >= text.size or text[i] != 125:  # }
        return 1
    return 0 if _space(text, i + 1) == text.size else 1


@kernel
def _member(text: Bytes, i: int, key: int, values: Ints) -> int:
    """Behind a value that starts at i; -1 where it is not plain."""
    if key < 0:
        return _scalar(text, i)
    if key < 4:
        values[key], i = _whole(text, i)
        return i
    if key == 4:
        if values[DRAWN_END] > 0:  # of two, it is the last that counts
            return -1
        values[DRAWN] = i
        i = _polygons(text, i)
        values[DRAWN_END] = i
        return i
    if key == 5:
        count, i = _numbers(text, i, _LONG)
        return i if count in (0, 4) else -1
    return _number(text, i, _LONG)


@kernel
def _space(text: Bytes, i: int) -> int:
    """Behind the spaces from i on."""
    while i < text.size and (text[i] == 32 or text[i] == 10 or text[i] == 13 or text[i] == 9):
        i += 1
    return i


@kernel
def _key(text: Bytes, i: int, table: Bytes, lengths: Ints) -> tuple[int, int]:
    """The number of a key or -1 for another, and the place behind its quote; -2 is none."""
    start = i
    while i < text.size and text[i] != 34:
        if text[i] == 92 or text[i] < 32 or text[i] > 126:
            return -2, i
        i += 1
    if i >= text.size:
        return -2, i
    size = i - start
    for n in range(lengths.size):
        if lengths[n] == size:
            same = True
            for j in range(size):
                if table[n, j] != text[start + j]:
                    same = False
                    break
            if same:
                return n, i + 1
    return -1, i + 1


@kernel
def _scalar(text: Bytes, i: int) -> int:
    """Behind a plain text or number; -1 for anything else."""
    if i >= text.size or text[i] != 34:
        return _number(text, i, _LONG)
    i += 1
    while i < text.size and text[i] != 34:
        if text[i] < 32 or text[i] > 126 or text[i] == 92:
            return -1
        i += 1
    return i + 1 if i < text.size else -1


@kernel
def _whole(text: Bytes, i: int) -> tuple[int, int]:
    """A whole number of up to 18 digits, and the place behind it; place -1 for anything else."""
    negative = i < text.size and text[i] == 45
    if negative:
        i += 1
    start = i
    value = wide(0)
    while i < text.size and 48 <= text[i] <= 57:
        value = 10 * value + wide(text[i]) - 48
        i += 1
        if i - start > 18:
            return 0, -1
    if i == start or (text[start] == 48 and i > start + 1):
        return 0, -1
    if i < text.size and text[i] in (46, 69, 101):  # . E e
        return 0, -1
    return (-value if negative else value), i


@kernel
def _digits(text: Bytes, i: int) -> int:
    """Behind the digits from i on."""
    while i < text.size and 48 <= text[i] <= 57:
        i += 1
    return i


@kernel
def _short_number(text: Bytes, i: int) -> int:
    """Behind a number of up to seven digits and point, all looked at once; i for any other."""
    if i + 8 > text.size:
        return i
    apart = load_word(text, i) ^ np.uint64(0x3030303030303030)
    low, high = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x8080808080808080)
    # A byte's high bit is set where it is no digit: ten and more after the subtraction.
    other = (((apart & low) + np.uint64(0x7676767676767676)) | apart) & high
    end = first_bit(other) >> 3
    if end in (0, 8) or (text[i] == 48 and end > 1):
        return i
    if text[i + end] == 46:
        point = end
        end = first_bit(other & (other - np.uint64(1))) >> 3
        if end in (point + 1, 8):
            return i
    return i if text[i + end] in (69, 101) else i + end


@kernel
def _number(text: Bytes, i: int, most: int) -> int:
    """Behind a number with up to `most` digits before the point, exponent of 2 digits; else -1."""
    end = _short_number(text, i)
    if end > i:
        return end
    if i < text.size and text[i] == 45:
        i += 1
    end = _digits(text, i)
    if end == i or end - i > most or (text[i] == 48 and end > i + 1):
        return -1
    i = end
    if i < text.size and text[i] == 46:
        end = _digits(text, i + 1)
        if end == i + 1:
            return -1
        i = end
    if i < text.size and text[i] in (69, 101):
        return _exponent(text, i + 1) if most == _LONG else -1
    return i


@kernel
def _exponent(text: Bytes, i: int) -> int:
    """Behind an exponent of one or two digits; else -1."""
    if i < text.size and text[i] in (43, 45):
        i += 1
    end = _digits(text, i)
    return end if 1 <= end - i <= 2 else -1


@kernel
def _numbers(text: Bytes, i: int, most: int) -> tuple[int, int]:
    """How many numbers a list holds, and the place behind it; place -1 for anything else."""
    if i >= text.size or text[i] != 91:
        return 0, -1
    i = _space(text, i + 1)
    if i < text.size and text[i] == 93:
        return 0, i + 1
    count = 0
    while i < text.size:
        i = _number(text, i, most)
        if i < 0:
            return 0, -1
        count += 1
        i = _space(text, i)
        if i >= text.size:
            return 0, -1
        if text[i] == 93:
            return count, i + 1
        if text[i] != 44:
            return 0, -1
        i = _space(text, i + 1)
    return 0, -1


@kernel
def _polygons(text: Bytes, i: int) -> int:
    """Behind a list of polygons of three and more vertices near the image; else -1."""
    if i >= text.size or text[i] != 91:
        return -1
    i = _space(text, i + 1)
    if i < text.size and text[i] == 93:
        return i + 1
    while i < text.size:
        count, i = _numbers(text, i, _NEAR)
        if i < 0 or count < 6 or count % 2:
            return -1
        i = _space(text, i)
        if i >= text.size:
            return -1
        if text[i] == 93:
            return i + 1
        if text[i] != 44:
            return -1
        i = _space(text, i + 1)
    return -1
