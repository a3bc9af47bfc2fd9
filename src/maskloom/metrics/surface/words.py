"""Rows of masks as bits of 64-bit words, a zero row and word around them.

64 pixels are compared at once and become one word, so that borders are a few logical operations
a word and the nearest border pixel of a row is a count of zeros. Layout of `MaskWords`: pixel
(z, y, x) is bit x % 64 of word [z + 1, y + 1, x // 64 + 1].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.extending import intrinsic
from numpy.typing import NDArray

from maskloom.core.kernel import kernel

Words = NDArray[np.uint64]
_BITS = 64


def _equal_bits(_context: Any, line: Any, _index: Any, _value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        item = ir.IntType(signature.args[0].dtype.bitwidth)
        block = ir.VectorType(item, _BITS)
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        found = builder.load(builder.bitcast(place, block.as_pointer()), align=1)
        value = builder.trunc(arguments[2], item) if item.width < _BITS else arguments[2]
        one = builder.insert_element(ir.Constant(block, ir.Undefined), value, ir.IntType(32)(0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), _BITS), [0] * _BITS)
        wanted = builder.shuffle_vector(one, ir.Constant(block, ir.Undefined), lanes)
        return builder.bitcast(builder.icmp_unsigned("==", found, wanted), ir.IntType(_BITS))

    return numba.types.uint64(line, numba.types.intp, numba.types.int64), generate


equal_bits = cast("Callable[[NDArray[Any], int, int], int]", intrinsic(_equal_bits))
"""Which of 64 items of a uint8 or uint16 line, from an index on, have a value: bit i is item i."""


def _last_bit(_context: Any, word: Any) -> Any:  # noqa: ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return numba.types.int64(numba.types.uint64), generate


zeros_above = cast("Callable[[Any], int]", intrinsic(_last_bit))
"""Zeros above the highest bit of a uint64 that is set; 64 where none is."""


def _set_bits(_context: Any, word: Any) -> Any:  # noqa: ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return numba.types.int64(numba.types.uint64), generate


set_bits = cast("Callable[[Any], int]", intrinsic(_set_bits))
"""How many bits of a uint64 are set."""


def words_for(shape: tuple[int, int, int]) -> Words:
    """(D + 2, H + 2, W // 64 + 2) zeros, in which a mask of (D, H, W) has a place."""
    depth, height, width = shape
    return np.zeros((depth + 2, height + 2, width // _BITS + 2), np.uint64)


@kernel
def pack(
    line: Any,
    rows: tuple[int, int],
    wanted: tuple[int, bool],
    width: int,
    out: Words,
    some: NDArray[np.bool_],
) -> None:
    """Set the bits of pixels that have a value.

    Args:
        line: uint8 or uint16, all pixels of a C-contiguous (D, H, W).
        rows: first row and the one after the last, counted over all slices.
        wanted: a value, and whether pixels of any other value are meant instead.
        width: W.
        out: of `words_for`, zeros.
        some: (D * H,) False, becomes True of rows with such a pixel.
    """
    height = out.shape[1] - 2
    value, others = wanted
    flip = np.uint64(0xFFFFFFFFFFFFFFFF) if others else np.uint64(0)
    blocks = (width + 63) // 64
    # Of a short block the rest is the next row's.
    short = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 * blocks - width)
    for row in range(rows[0], rows[1]):
        words = out[row // height + 1, row % height + 1]
        for k in range(blocks):
            start = row * width + 64 * k
            if start + 64 <= line.size:
                bits = equal_bits(line, start, value) ^ flip
                bits = bits & short if k == blocks - 1 else bits
            else:
                bits = np.uint64(0)
                for i in range(line.size - start):
                    if (line[start + i] == value) != others:
                        bits |= np.uint64(1) << np.uint64(i)
                bits &= short
            # Memory that nothing is written to costs nothing.
            if bits:
                words[k + 1] = bits
                some[row] = True
