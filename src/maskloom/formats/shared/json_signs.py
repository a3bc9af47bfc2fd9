"""The signs that give a JSON text its form, found without parsing what stands between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskloom.core.kernel import Bytes, Ints, first_bit, kernel, load_word, wide


@kernel
def scan(block: Bytes, state: Ints, deepest: int) -> Ints:
    """Places of brackets, commas and colons down to a depth.

    Args:
        block: bytes of a JSON text.
        state: depth, in a string, after a backslash, brackets that do not match; zeros at first.
            It is left as it is at the end of the block, for the next.
        deepest: how many brackets may be open around a sign.
    """
    depth, in_text, escaped = state[0], state[1], state[2]
    out = np.empty(256, np.int64)
    k = 0
    i = wide(0)
    while True:
        if in_text:
            # What stands behind a backslash ends nothing.
            i = _text_end(block, i + escaped)
            if i >= block.size:
                escaped = i - block.size
                break
            escaped = wide(block[i] == 92)
            in_text = escaped
            i += 1
            continue
        if depth > deepest:
            i = _numbers_end(block, i)
        if i >= block.size:
            break
        sign = block[i]
        in_text = wide(sign == 34)
        opens, closes = sign in (91, 123), sign in (93, 125)  # [ { and ] }
        depth += wide(opens)
        if depth <= deepest and (opens or closes or sign in (44, 58)):  # , :
            if k == out.size:
                out = _grown(out)
            out[k] = i
            k += 1
        depth -= wide(closes)
        i += 1
        if depth < 0:
            state[3] = 1
            break
    state[0], state[1], state[2] = depth, in_text, escaped
    return out[:k].copy()


@kernel
def _grown(out: Ints) -> Ints:
    """The same numbers with room for as many more."""
    grown = np.empty(2 * out.size, np.int64)
    grown[: out.size] = out
    return grown


@kernel
def _text_end(block: Bytes, i: int) -> int:
    """The first quote or backslash from i on, or the block's end."""
    while i + 8 <= block.size:
        word = load_word(block, i)
        found = _equal(word, 34) | _equal(word, 92)
        if found != np.uint64(0):
            return i + (first_bit(found) >> 3)
        i += 8
    while i < block.size and block[i] not in (34, 92):
        i += 1
    return i


@kernel
def _numbers_end(block: Bytes, i: int) -> int:
    """The first quote or sign from @ on, brackets among them, or the block's end.

    Digits, commas and spaces lie below.
    """
    while i + 8 <= block.size:
        word = load_word(block, i)
        found = (word & np.uint64(0xC0C0C0C0C0C0C0C0)) | _equal(word, 34)
        if found != np.uint64(0):
            return i + (first_bit(found) >> 3)
        i += 8
    while i < block.size and block[i] != 34 and block[i] < 64:
        i += 1
    return i


@kernel
def _equal(word: Any, sign: int) -> Any:
    """High bits of the bytes that are a sign; exact for the lowest of them."""
    apart = word ^ np.uint64(sign) * np.uint64(0x0101010101010101)
    low, high = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
    return (apart - low) & ~apart & high
