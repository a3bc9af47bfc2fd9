"""Polygons of a COCO file in plain notation, read from its bytes as columns of numbers.

No object is made of a coordinate. A number is right to the last bit: its digits are a whole
number below 2**53 over a power of ten, and one division of two exact numbers rounds once.
Longer numbers are left to the JSON parser.

Source: W. D. Clinger, How to Read Floating Point Numbers Accurately, PLDI 1990.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from maskloom.core.kernel import Bytes, Ints, Points, first_bit, kernel, load_word, wide

_TENS = 10.0 ** np.arange(23)
"""Powers of ten that float64 holds exactly."""
_EXACT = 2**53
_DIGITS = 18


@kernel
def read_polygons(text: Bytes, starts: Ints, ends: Ints) -> tuple[Points, Ints, Ints, Bytes]:
    """Read lists of polygons that `scan_annotations` found to be plain.

    Args:
        text: bytes of a file.
        starts: (N,) where each list stands in it.
        ends: (N,) the places behind them; the start itself where there is no list.

    Returns:
        points (V, 2), offsets of rings in the points (R+1), offsets of objects in the rings
        (N+1), and (N,) whether the object was read; one that was not has no rings.
    """
    longest = wide(0)
    for n in range(starts.size):
        longest += ends[n] - starts[n]
    # A number and what parts it from the next take two bytes at least.
    numbers = np.empty(longest // 2 + 1, np.float64)
    rings = np.zeros(longest // 12 + 2, np.int64)
    objects = np.zeros(starts.size + 1, np.int64)
    read = np.zeros(starts.size, np.uint8)
    k = r = wide(0)
    for n in range(starts.size):
        if starts[n] < ends[n]:
            k_end, r_end = _rings(text[starts[n] + 1 : ends[n] - 1], numbers, k, rings, r)
            if r_end > r:
                k, r = k_end, r_end
                read[n] = 1
        objects[n + 1] = r
    return numbers[:k].copy().reshape((-1, 2)), rings[: r + 1].copy(), objects, read


@kernel
def _rings(text: Bytes, numbers: Points, k: int, rings: Ints, r: int) -> tuple[int, int]:
    """Append the numbers and rings of one list; returns their ends, r's own where one is long."""
    first = r
    i = 0
    while i < text.size:
        sign = text[i]
        if sign == 45 or 48 <= sign <= 57:  # -
            value, i = _number(text, i)
            if i < 0:
                return k, first
            numbers[k] = value
            k += 1
            continue
        if sign == 93:  # ]
            r += 1
            rings[r] = k >> 1
        i += 1
    return k, r


@kernel
def _number(text: Bytes, i: int) -> tuple[float, int]:
    """A number without exponent, and the place behind it; place -1 for one too long."""
    negative = text[i] == 45
    if negative:
        i += 1
    if i + 8 <= text.size:
        short, end = _short_number(text, i)
        if end > i and (short > 0 or not negative):
            return (-short if negative else short), end
    start = i
    value = wide(0)
    decimals = wide(0)
    has_point = False
    while i < text.size:
        digit = wide(text[i]) - 48
        if 0 <= digit <= 9:
            value = 10 * value + digit
            decimals += has_point
        elif digit == -2:  # .
            has_point = True
        else:
            break
        i += 1
    if i - start > _DIGITS or value > _EXACT:
        return 0.0, -1
    number = value / _TENS[decimals]
    # A whole number has no negative zero.
    return (-number if negative and (has_point or value != 0) else number), i


@kernel
def _short_number(text: Bytes, i: int) -> tuple[float, int]:
    """A number of up to seven digits and point, all looked at once; place i for any other.

    Source: D. Lemire, Number Parsing at a Gigabyte per Second, Software: Practice and Experience
    51(8), 2021, for the three products that join eight digits.
    """
    apart = load_word(text, i) ^ np.uint64(0x3030303030303030)
    low, high = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x8080808080808080)
    # A byte's high bit is set where it is no digit: ten and more after the subtraction.
    other = (((apart & low) + np.uint64(0x7676767676767676)) | apart) & high
    whole = end = first_bit(other) >> 3
    if end in (0, 8):
        return 0.0, i
    digits = apart & _first_bytes(end)
    decimals = wide(0)
    if text[i + end] == 46:
        end = first_bit(other & (other - np.uint64(1))) >> 3
        if end == 8:
            return 0.0, i
        decimals = end - whole - 1
        behind = (apart >> np.uint64(8 * whole + 8)) & _first_bytes(decimals)
        digits |= behind << np.uint64(8 * whole)
    digits <<= np.uint64(8 * (8 - whole - decimals))
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
    mask = np.uint64(0x000000FF000000FF)
    upper = (pairs & mask) * np.uint64(0x000F424000000064)
    lower = ((pairs >> np.uint64(16)) & mask) * np.uint64(0x0000271000000001)
    return wide((upper + lower) >> np.uint64(32)) / _TENS[decimals], i + end


@kernel
def _first_bytes(n: int) -> Any:
    """A mask of up to seven bytes of a word."""
    return (np.uint64(1) << np.uint64(8 * n)) - np.uint64(1)
