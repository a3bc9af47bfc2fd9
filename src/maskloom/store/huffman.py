"""Huffman codes of deflate: made of the lengths of their words, and looked up.

Source: RFC 1951, section 3.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, Ints, kernel, wide

LITERALS, DISTANCES = 288, 32
_ONE = np.uint64(1)
FAST = 11
"""Bits of a word that are looked up at once."""
_LONGEST = 15

Code = tuple[NDArray[np.uint16], Ints, Ints]
"""Entries by the next bits, how many words have each length, and all symbols by word."""


@kernel
def no_code(symbols: int) -> Code:
    """Room for a code of so many symbols."""
    return (
        np.zeros(1 << FAST, np.uint16),
        np.zeros(_LONGEST + 1, np.int64),
        np.zeros(symbols, np.int64),
    )


@kernel
def make_code(lengths: Bytes, code: Code) -> bool:
    """The canonical code of symbols of so many bits each; whether it is one."""
    entries, counts, symbols = code
    counts[:] = 0
    for length in lengths:
        counts[length] += 1
    counts[0] = 0
    left, longest = 1, 0
    starts, codes = np.zeros(_LONGEST + 2, np.int64), np.zeros(_LONGEST + 2, np.int64)
    for length in range(1, _LONGEST + 1):
        left = 2 * left - counts[length]
        if left < 0:
            return False
        if counts[length]:
            longest = length
        starts[length + 1] = starts[length] + counts[length]
        codes[length + 1] = (codes[length] + counts[length]) << 1
    # A code that leaves bits unused is one of a single symbol, or of none.
    if left > 0 and longest > 1:
        return False
    entries[:] = 0
    for symbol in range(lengths.size):
        length = wide(lengths[symbol])
        if length == 0:
            continue
        symbols[starts[length]] = symbol
        starts[length] += 1
        if length <= FAST:
            mirrored, value = 0, codes[length]
            for _ in range(length):
                mirrored, value = (mirrored << 1) | (value & 1), value >> 1
            entries[mirrored :: 1 << length] = (symbol << 4) | length
        codes[length] += 1
    return True


@kernel
def entry_of(bits: Any, code: Code) -> int:
    """Symbol × 16 + bits of its word, which is the next; 0 where there is none."""
    entry = wide(code[0][wide(bits & np.uint64((1 << FAST) - 1))])
    return entry or long_entry(bits, code[1], code[2])


@kernel
def long_entry(bits: Any, counts: Ints, symbols: Ints) -> int:
    """The same bit by bit: of words that are longer than `FAST`."""
    value, first, index = 0, 0, 0
    for length in range(1, _LONGEST + 1):
        value |= wide(bits & _ONE)
        bits >>= _ONE
        count = counts[length]
        if value - first < count:
            return (symbols[index + value - first] << 4) | length  # type: ignore[no-any-return]
        index += count
        first = (first + count) << 1
        value <<= 1
    return 0


@kernel
def fixed_codes(lengths: Bytes, literals: Code, reaches: Code) -> None:
    """The codes of a block that brings none."""
    lengths[:144], lengths[144:256], lengths[256:280], lengths[280:288] = 8, 9, 7, 8
    make_code(lengths[:LITERALS], literals)
    lengths[:DISTANCES] = 5
    make_code(lengths[:DISTANCES], reaches)
