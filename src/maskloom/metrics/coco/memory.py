"""Bytes and numbers at an address, for kernels of many small steps over one text.

Each time an array is handed from kernel to kernel its owners are counted, which costs more than a
step; an address is a number. Whoever calls keeps the arrays alive and the places inside them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba.extending import intrinsic

_BITS = {
    numba.types.uint8: ir.IntType(8),
    numba.types.uint64: ir.IntType(64),
    numba.types.int64: ir.IntType(64),
    numba.types.float64: ir.DoubleType(),
}


def _reader(kind: Any, scale: int) -> Any:
    def read(_context: Any, _base: Any, _place: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            step = builder.mul(arguments[1], ir.Constant(ir.IntType(64), scale))
            place = builder.inttoptr(builder.add(arguments[0], step), _BITS[kind].as_pointer())
            return builder.load(place, align=1)

        return kind(numba.types.int64, numba.types.int64), generate

    return intrinsic(read)


def _writer(kind: Any) -> Any:
    def write(_context: Any, _base: Any, _place: Any, _value: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            step = builder.mul(arguments[1], ir.Constant(ir.IntType(64), 8))
            place = builder.inttoptr(builder.add(arguments[0], step), _BITS[kind].as_pointer())
            builder.store(arguments[2], place, align=8)
            return context.get_dummy_value()

        return numba.types.void(numba.types.int64, numba.types.int64, kind), generate

    return intrinsic(write)


byte_at = cast("Callable[[int, int], int]", _reader(numba.types.uint8, 1))
"""The byte that is some bytes behind an address."""
word_at = cast("Callable[[int, int], Any]", _reader(numba.types.uint64, 1))
"""The eight bytes from some bytes behind an address on, as a uint64."""
put_whole = cast("Callable[[int, int, int], None]", _writer(numba.types.int64))
"""Write the k-th int64 behind an address."""
put_real = cast("Callable[[int, int, float], None]", _writer(numba.types.float64))
"""Write the k-th float64 behind an address."""
