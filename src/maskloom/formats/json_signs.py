"""The signs that give a JSON text its form, found without parsing what stands between them."""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Bytes, Ints, kernel, load_word


@kernel
def scan(block: Bytes, state: Ints, deepest: int) -> Ints:
    """Places of brackets, commas and colons down to a depth.

    Args:
        block: bytes of a JSON text.
        state: depth, in a string, after a backslash, brackets that do not match; zeros at first.
            It is left as it is at the end of the block, for the next.
        deepest: how many brackets may be open around a sign.
    """
    out = np.empty(256, np.int64)
    k = 0
    i = _jump(block, 0, state, deepest)
    while i < block.size and not state[3]:
        if _is_sign(block[i], state, deepest):
            if k == out.size:
                grown = np.empty(2 * k, np.int64)
                grown[:k] = out
                out = grown
            out[k] = i
            k += 1
        i = _jump(block, i + 1, state, deepest)
    return out[:k].copy()


@kernel
def _jump(block: Bytes, i: int, state: Ints, deepest: int) -> int:
    """Over numbers and text, eight bytes at a time, while none of them matters."""
    if state[1] and not state[2]:
        while i + 8 <= block.size and not _ends_text(load_word(block, i)):
            i += 8
    elif state[0] > deepest:
        while i + 8 <= block.size and not _ends_numbers(load_word(block, i)):
            i += 8
    return i


@kernel
def _is_sign(sign: int, state: Ints, deepest: int) -> bool:
    """Take one byte into the state; whether it is a sign that stands near the top."""
    if state[1]:
        quote = sign == 34 and not state[2]
        state[2] = sign == 92 and not state[2]  # backslash
        state[1] = not quote
        return False
    if sign == 34:
        state[1] = 1
        return False
    near = state[0] <= deepest
    if sign in (91, 123):  # [ {
        state[0] += 1
        return bool(state[0] <= deepest)
    if sign in (93, 125):  # ] }
        state[0] -= 1
        state[3] = state[0] < 0
        return bool(near)
    return bool(near and sign in (44, 58))  # , :


@kernel
def _has(word: int, sign: int) -> bool:
    """Whether one of eight bytes is a sign."""
    apart = word ^ np.uint64(sign) * np.uint64(0x0101010101010101)
    low, high = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
    return bool(((apart - low) & ~apart & high) != np.uint64(0))


@kernel
def _ends_text(word: int) -> bool:
    """A quote or a backslash among eight bytes."""
    return _has(word, 34) or _has(word, 92)


@kernel
def _ends_numbers(word: int) -> bool:
    """A quote or anything from @ on, brackets among them; digits, commas and spaces lie below."""
    return (word & np.uint64(0xC0C0C0C0C0C0C0C0)) != np.uint64(0) or _has(word, 34)
