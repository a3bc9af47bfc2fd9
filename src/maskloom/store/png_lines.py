"""Lines of a PNG of 8-bit colours back from their differences, straight to numbers of 24 bit.

Label maps are areas of one colour: eight pixels that differ from nothing they are predicted from
are copied or filled at once. What the file says is read by `png_colors.py`.

Source: PNG specification, third edition (W3C 2025), section 9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it ships no types
from numba.extending import intrinsic
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, Counts, inlined, kernel, load_word, wide

_BEFORE = 8  # zeros before each line: the pixel left of the first
_AFTER = 64
_SUB, _UP, _AVERAGE, _PAETH = 1, 2, 3, 4
_PIXEL = np.uint64(0xFFFFFF)
_LANES = 16


def _store_word(_context: Any, line: Any, _index: Any, _word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        builder.store(arguments[2], builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)
        return context.get_dummy_value()

    return numba.types.void(line, numba.types.intp, numba.types.uint64), generate


store_word = cast("Callable[[Bytes, int, Any], None]", intrinsic(_store_word))
"""Write a uint64 into a byte line from an index on."""


def _widen(_context: Any, line: Any, _index: Any, out: Any, _place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, target = (
            context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (0, 2)
        )
        byte = ir.IntType(8)
        packed, wider = (ir.VectorType(byte, n * _LANES) for n in (3, 4))
        pixels = builder.load(
            builder.bitcast(builder.gep(source.data, [arguments[1]]), packed.as_pointer()), align=1
        )
        # The fourth byte of a number is one of the zeros that stand behind the pixels' bytes.
        order = [3 * (i // 4) + i % 4 if i % 4 < 3 else 3 * _LANES for i in range(4 * _LANES)]
        index = ir.Constant(ir.VectorType(ir.IntType(32), 4 * _LANES), order)
        nothing = ir.Constant(packed, [0] * (3 * _LANES))
        numbers = builder.shuffle_vector(pixels, nothing, index)
        place = builder.bitcast(builder.gep(target.data, [arguments[3]]), wider.as_pointer())
        builder.store(numbers, place, align=1)
        return context.get_dummy_value()

    return numba.types.void(line, numba.types.intp, out, numba.types.intp), generate


widen = cast("Callable[[Bytes, int, Counts, int], None]", intrinsic(_widen))
"""Write 16 pixels of three bytes, from an index on, as 16 uint32 from a place on."""


@kernel
def unfilter(lines: Bytes, numbers: NDArray[np.uint32]) -> bool:
    """Undo the filters of all lines.

    Args:
        lines: (H * (1 + 3 W),) the kind of filter and the bytes of each line.
        numbers: (H, W) is written to: first byte + 256 second + 65536 third.

    Returns:
        whether every filter is one.
    """
    height, width = numbers.shape
    n = 3 * width
    pair = np.zeros((2, _BEFORE + n + _AFTER), np.uint8)
    for y in range(height):
        start = y * (n + 1)
        kind, given = lines[start], lines[start + 1 : start + 1 + n]
        line, above = pair[y & 1], pair[1 - (y & 1)]
        here, up = line[_BEFORE : _BEFORE + n], above[_BEFORE : _BEFORE + n]
        if kind == 0:
            here[:] = given
        elif kind == _UP:
            for i in range(n):
                here[i] = given[i] + up[i]
        elif kind == _AVERAGE:
            for i in range(n):
                mean = (wide(line[i + _BEFORE - 3]) + up[i]) >> 1
                here[i] = given[i] + np.uint8(mean)
        elif kind in {_SUB, _PAETH}:
            _undo(given, line, above, kind)
        else:
            return False
        _number(line, numbers[y])
    return True


@kernel
def _undo(given: Bytes, line: Bytes, above: Bytes, kind: int) -> None:
    """Undo a filter that predicts from the left; calls for every few bytes would take longer."""
    i, n = 0, given.size
    while i < n:
        at = i + _BEFORE
        plain = i + 32 <= n and (
            load_word(given, i) | load_word(given, i + 8) | load_word(given, i + 16) == 0
        )
        left = np.uint64(load_word(line, at - 3)) & _PIXEL
        if plain and kind == _PAETH:
            if left == np.uint64(load_word(above, at - 3)) & _PIXEL:
                # As the pixel left is that above it, each is the one above itself.
                for k in range(at, at + 24, 8):
                    store_word(line, k, load_word(above, k))
                i += 24
                continue
            # Where the line above does not change, each is the one left of it.
            for k in range(at, at + 24, 8):
                plain &= load_word(above, k) == load_word(above, k - 3)
        if plain:
            two = left | (left << np.uint64(24))
            store_word(line, at, two | (left << np.uint64(48)))
            middle = (left >> np.uint64(16)) | (two << np.uint64(8)) | (left << np.uint64(56))
            store_word(line, at + 8, middle)
            store_word(line, at + 16, (left >> np.uint64(8)) | (two << np.uint64(16)))
        else:
            for k in range(at, min(at + 24, n + _BEFORE)):
                by = line[k - 3]
                if kind == _PAETH:
                    by = _nearest(wide(by), wide(above[k]), wide(above[k - 3]))
                line[k] = given[k - _BEFORE] + by
        i += 24


@inlined
def _nearest(left: int, up: int, corner: int) -> Any:
    """Which of three neighbours is nearest to left + up - corner."""
    by_left, by_up = abs(up - corner), abs(left - corner)
    by_corner = abs(left + up - 2 * corner)
    if by_left <= by_up and by_left <= by_corner:
        return np.uint8(left)
    return np.uint8(up) if by_up <= by_corner else np.uint8(corner)


@inlined
def _number(line: Bytes, numbers: Counts) -> None:
    """The pixels of a line as numbers."""
    x, width = 0, numbers.size
    while x + _LANES <= width:
        widen(line, _BEFORE + 3 * x, numbers, x)
        x += _LANES
    for k in range(x, width):
        numbers[k] = np.uint64(load_word(line, _BEFORE + 3 * k)) & _PIXEL
