"""Deflate streams of known length unpacked by a kernel, for label maps.

Maps are long repetitions: what takes the time of a general library is its calls and its checksum,
not the bits. What is damaged is told by one number; checksums are the caller's.

Source: RFC 1951.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.extending import intrinsic

from maskloom.core.kernel import Bytes, inlined, kernel, load_word, wide
from maskloom.store.huffman import (
    DISTANCES,
    FAST,
    LITERALS,
    Code,
    entry_of,
    fixed_codes,
    long_entry,
    make_code,
    no_code,
)

PADDING = 16
"""Bytes after the packed ones, and after the room for the unpacked ones, that may be touched."""
_ONE = np.uint64(1)
# Each row: what a code stands for, and how many bits follow it.
_LENGTHS = np.array([
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
     163, 195, 227, 258],
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0],
])  # fmt: skip
_REACHES = np.array([
    [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
     2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577],
    [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13,
     13],
])  # fmt: skip
_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15])


def _store_word(_context: Any, line: Any, _index: Any, _word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        builder.store(arguments[2], builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)
        return context.get_dummy_value()

    return numba.types.void(line, numba.types.intp, numba.types.uint64), generate


store_word = cast("Callable[[Bytes, int, Any], None]", intrinsic(_store_word))
"""Write a uint64 into a byte line from an index on."""


@kernel
def inflate(packed: Bytes, out: Bytes) -> bool:
    """Unpack a deflate stream.

    Args:
        packed: the stream and `PADDING` zeros.
        out: room for exactly what it holds, and `PADDING` bytes.

    Returns:
        whether it was whole and as long as that.
    """
    literals = no_code(LITERALS)
    reaches = no_code(DISTANCES)
    lengths = np.zeros(LITERALS + DISTANCES, np.uint8)
    # Where the next bits come from, those that are here, and how many bytes are unpacked.
    place, bits, have, done = 0, np.uint64(0), 0, 0
    n, size = packed.size - PADDING, out.size - PADDING
    final = False
    while not final:
        place, bits, have = _refill(packed, place, bits, have)
        final, kind = bits & _ONE != 0, (bits >> _ONE) & np.uint64(3)
        bits >>= np.uint64(3)
        have -= 3
        if place - (have >> 3) > n or kind == 3:
            return False
        if kind == 0:
            place, done = _copy_stored(packed, out, place - (have >> 3), done)
            bits, have = np.uint64(0), 0
            if place < 0:
                return False
            continue
        if kind == 1:
            fixed_codes(lengths, literals, reaches)
        else:
            place, bits, have = _read_codes(packed, (place, bits, have), lengths, literals, reaches)
            if place < 0:
                return False
        place, bits, have, done = _unpack(packed, (place, bits, have), out, done, literals, reaches)
        if place < 0:
            return False
    return done == size


@inlined
def _refill(packed: Bytes, place: int, bits: Any, have: int) -> tuple[int, Any, int]:
    """At least 56 bits; past the end they are 0, which `place` tells."""
    bits |= np.uint64(load_word(packed, min(place, packed.size - PADDING))) << np.uint64(have)
    more = (63 - have) >> 3
    return place + more, bits, have + 8 * more


@kernel
def _copy_stored(packed: Bytes, out: Bytes, place: int, done: int) -> tuple[int, int]:
    """Copy a block that is not packed; where the next one begins, or -1."""
    n, size = packed.size - PADDING, out.size - PADDING
    if place + 4 > n:
        return -1, done
    head = load_word(packed, place)
    length = wide(head & np.uint64(0xFFFF))
    place += 4
    if wide((head >> np.uint64(16)) & np.uint64(0xFFFF)) != length ^ 0xFFFF:
        return -1, done
    if place + length > n or done + length > size:
        return -1, done
    out[done : done + length] = packed[place : place + length]
    return place + length, done + length


@kernel
def _read_codes(
    packed: Bytes, state: tuple[int, Any, int], lengths: Bytes, literals: Code, reaches: Code
) -> tuple[int, Any, int]:
    """Read the codes of a block; the state after them, with place -1 where there are none."""
    place, bits, have = state
    n = packed.size - PADDING
    n_literals = wide(bits & np.uint64(31)) + 257
    n_reaches = wide((bits >> np.uint64(5)) & np.uint64(31)) + 1
    n_lengths = wide((bits >> np.uint64(10)) & np.uint64(15)) + 4
    bits >>= np.uint64(14)
    have -= 14
    if n_literals > 286 or n_reaches > 30:
        return -1, bits, have
    lengths[:] = 0
    for k in range(n_lengths):
        place, bits, have = _refill(packed, place, bits, have)
        lengths[_ORDER[k]] = bits & np.uint64(7)
        bits >>= np.uint64(3)
        have -= 3
    # The code of the lengths is kept where that of distances will be.
    if not make_code(lengths[:19], reaches):
        return -1, bits, have
    lengths[:19] = 0
    done, last, total = 0, np.uint8(0), n_literals + n_reaches
    while done < total:
        place, bits, have = _refill(packed, place, bits, have)
        entry = entry_of(bits, reaches)
        bits >>= np.uint64(entry & 15)
        symbol, least, extra = entry >> 4, 1, 0
        if symbol == 16:
            least, extra = 3, 2
        elif symbol == 17:
            least, extra, last = 3, 3, np.uint8(0)
        elif symbol == 18:
            least, extra, last = 11, 7, np.uint8(0)
        else:
            last = np.uint8(symbol)
        again = least + wide(bits & ((_ONE << np.uint64(extra)) - _ONE))
        bits >>= np.uint64(extra)
        have -= (entry & 15) + extra
        lost = place - (have >> 3) > n or entry == 0 or (symbol == 16 and done == 0)
        if lost or done + again > total:
            return -1, bits, have
        lengths[done : done + again] = last
        done += again
    good = lengths[256] != 0 and make_code(lengths[:n_literals], literals)
    good = good and make_code(lengths[n_literals:total], reaches)
    return (place if good else -1), bits, have


@kernel
def _unpack(
    packed: Bytes,
    state: tuple[int, Any, int],
    out: Bytes,
    done: int,
    literals: Code,
    reaches: Code,
) -> tuple[int, Any, int, int]:
    """Unpack a block; the state after it with what is done, place -1 where it is damaged."""
    place, bits, have = state
    n, size = packed.size - PADDING, out.size - PADDING
    # Calls that are given arrays would take half of the time here.
    mask = np.uint64((1 << FAST) - 1)
    entries, counts, symbols = literals
    far_entries, far_counts, far_symbols = reaches
    while True:
        if have < 48:  # the most that a repetition takes
            bits |= np.uint64(load_word(packed, min(place, n))) << np.uint64(have)
            place, have = place + ((63 - have) >> 3), have | 56
            if place - (have >> 3) > n:
                break
        entry = wide(entries[wide(bits & mask)])
        if entry == 0:
            entry = long_entry(bits, counts, symbols)
        bits >>= np.uint64(entry & 15)
        have -= entry & 15
        symbol = entry >> 4
        if entry == 0 or done >= size + (symbol == 256):
            break
        if symbol < 256:
            out[done] = symbol
            done += 1
            continue
        if symbol == 256:
            return (place if place - (have >> 3) <= n else -1), bits, have, done
        length, extra = _length_of(symbol - 257, bits)
        bits >>= np.uint64(extra)
        entry = wide(far_entries[wide(bits & mask)])
        if entry == 0:
            entry = long_entry(bits, far_counts, far_symbols)
        bits >>= np.uint64(entry & 15)
        have -= extra + (entry & 15)
        reach, extra = _reach_of(entry >> 4, bits)
        bits >>= np.uint64(extra)
        have -= extra
        if entry == 0 or length == 0 or not 0 < reach <= done or done + length > size:
            break
        _repeat(out, done, length, reach)
        done += length
    return -1, bits, have, done


@kernel
def _length_of(symbol: int, bits: Any) -> tuple[int, int]:
    """Bytes of a repetition, 0 where there is no such symbol, and how many bits say so."""
    if symbol >= _LENGTHS.shape[1]:
        return 0, 0
    extra = _LENGTHS[1, symbol]
    return _LENGTHS[0, symbol] + wide(bits & ((_ONE << np.uint64(extra)) - _ONE)), extra


@kernel
def _reach_of(symbol: int, bits: Any) -> tuple[int, int]:
    """How far back it begins, 0 where there is no such symbol, and how many bits say so."""
    if symbol >= _REACHES.shape[1]:
        return 0, 0
    extra = _REACHES[1, symbol]
    return _REACHES[0, symbol] + wide(bits & ((_ONE << np.uint64(extra)) - _ONE)), extra


@inlined
def _repeat(out: Bytes, done: int, length: int, reach: int) -> None:
    """Write again what stands `reach` bytes before, by words that may pass the end by seven."""
    if reach >= 8:
        for k in range(0, length, 8):
            store_word(out, done + k, load_word(out, done - reach + k))
    elif reach == 1:
        word = np.uint64(out[done - 1]) * np.uint64(0x0101010101010101)
        for k in range(0, length, 8):
            store_word(out, done + k, word)
    else:
        for k in range(length):
            out[done + k] = out[done - reach + k]
