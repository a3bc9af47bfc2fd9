"""Decimal numbers in a text to the nearest float64, as Python reads them.

Source: D. Lemire, Number Parsing at a Gigabyte per Second, Software: Practice and Experience 51(8),
2021; N. Mushtak and D. Lemire, Fast Number Parsing Without Fallback, 2023. What their method of one
product leaves open, and numbers beyond 19 digits or the normal range, are told to be `HARD`.
Texts and places are those of `tokens.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import kernel, wide
from maskloom.metrics.boundary.bits import bit_count
from maskloom.metrics.coco.memory import byte_at
from maskloom.metrics.coco.tokens import HARD, OPEN

_LEAST, _MOST = -342, 308


def _powers_of_five() -> NDArray[np.uint64]:
    """The first 128 bits of 5**q for each q, high and low; of negative ones rounded up."""
    table = np.empty((_MOST - _LEAST + 1, 2), np.uint64)
    for q in range(_LEAST, _MOST + 1):
        five = 5 ** abs(q)
        if q < 0:
            bits = (five - 1).bit_length()
            value = (1 << (bits + 127 if q >= -27 else 2 * bits + 128)) // five + 1
        else:
            value = five << 128
        value >>= max(0, value.bit_length() - 128)
        table[q - _LEAST] = value >> 64, value & (2**64 - 1)
    return table


_FIVES = _powers_of_five()
_TWOS = np.ldexp(1.0, np.arange(2047) - 1075)


@kernel
def read_number(text: int, size: int, i: int) -> tuple[float, int]:
    """A JSON number that starts at i, and the place behind it."""
    negative = i < size and byte_at(text, i) == 45
    if negative:
        i += 1
    start = i
    value, digits, i = _digits(text, size, i, np.uint64(0), 0)
    whole, exponent = i - start, wide(0)
    if i < size and byte_at(text, i) == 46:
        point = i + 1
        value, digits, i = _digits(text, size, point, value, digits)
        exponent = point - i
        whole = whole if i > point else 0
    if i >= size:
        return 0.0, OPEN
    if whole == 0 or (whole > 1 and byte_at(text, start) == 48) or digits > 19:
        return 0.0, HARD
    if byte_at(text, i) | 32 == 101:
        power, i = _power(text, size, i + 1)
        if i < 0:
            return 0.0, i
        exponent += power
    number, sure = _nearest(value, exponent)
    return (-number if negative else number), (i if sure else HARD)


@kernel
def _digits(text: int, size: int, i: int, value: Any, digits: int) -> tuple[Any, int, int]:
    """A number with the digits from i on behind it, how many it has, and the place behind."""
    while i < size:
        digit = wide(byte_at(text, i)) - 48
        if digit < 0 or digit > 9:
            break
        value = value * np.uint64(10) + np.uint64(digit)
        digits += digits > 0 or digit > 0
        i += 1
    return value, digits, i


@kernel
def _power(text: int, size: int, i: int) -> tuple[int, int]:
    """The exponent that starts at i, and the place behind it."""
    sign = byte_at(text, i) if i < size else 0
    if sign in (43, 45):
        i += 1
    start, value = i, wide(0)
    while i < size and 48 <= byte_at(text, i) <= 57:
        value = 10 * value + byte_at(text, i) - 48
        i += 1
        if i - start > 4:
            return 0, HARD
    if i >= size:
        return 0, OPEN
    return (-value if sign == 45 else value), (i if i > start else HARD)


@kernel
def _nearest(value: Any, exponent: int) -> tuple[float, bool]:
    """The float64 nearest to value * 10**exponent; False where that is not sure."""
    if value == np.uint64(0):
        return 0.0, True
    if exponent < -342 or exponent > 308:
        return 0.0, False
    zeros = wide(64) - wide(bit_count(_smeared(value)))
    value <<= np.uint64(zeros)
    row = exponent + 342
    high, low = _product(value, _FIVES[row, 0])
    if high & np.uint64(0x1FF) == np.uint64(0x1FF):
        more, _ = _product(value, _FIVES[row, 1])
        low += more
        if low < more:
            high += np.uint64(1)
        if low == np.uint64(0xFFFFFFFFFFFFFFFF):
            return 0.0, False
    top = high >> np.uint64(63)
    mantissa = high >> (top + np.uint64(9))
    power = ((217706 * exponent) >> 16) + 63 + wide(top) - zeros + 1023
    if power <= 0 or power >= 2046:
        return 0.0, False
    # Just between two numbers: the even one.
    near = low <= np.uint64(1) and -4 <= exponent <= 23
    if (
        near
        and mantissa & np.uint64(3) == np.uint64(1)
        and mantissa << (top + np.uint64(9)) == high
    ):
        mantissa &= ~np.uint64(1)
    mantissa = (mantissa + (mantissa & np.uint64(1))) >> np.uint64(1)
    if mantissa >> np.uint64(53):
        mantissa >>= np.uint64(1)
        power += 1
    return np.float64(mantissa) * _TWOS[power], True


@kernel
def _smeared(word: Any) -> Any:
    """All bits from the highest one that is set on."""
    for step in (1, 2, 4, 8, 16, 32):
        word |= word >> np.uint64(step)
    return word


@kernel
def _product(a: Any, b: Any) -> tuple[Any, Any]:
    """The high and low half of the product of two uint64."""
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    a0, a1, b0, b1 = a & mask, a >> half, b & mask, b >> half
    low, middle = a0 * b0, a1 * b0
    middle += low >> half
    other = a0 * b1 + (middle & mask)
    return a1 * b1 + (middle >> half) + (other >> half), a * b
