"""Bit planes: 64 pixels in a word, and the two machine operations that they live on.

A plane of H rows is uint64 (H + 2, K + gap): K words of pixels in a row, the lowest bit leftmost,
then `gap` words without a pixel, and a row without a pixel above and below. So a word always has
neighbours, and whole planes are shifted as one line. What is computed on planes is `planes.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.extending import intrinsic
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, kernel
from maskloom.errors import DataError

Words = NDArray[np.uint64]

ONE = np.uint64(1)
NONE = np.uint64(0)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_SIDE = 64


def _equal_bits(_context: Any, line: Any, _index: Any, _value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        lanes = ir.VectorType(ir.IntType(line.dtype.bitwidth), _SIDE)
        place = builder.gep(array.data, [arguments[1]])
        pixels = builder.load(builder.bitcast(place, lanes.as_pointer()), align=1)
        first = builder.insert_element(
            ir.Constant(lanes, ir.Undefined), arguments[2], ir.Constant(ir.IntType(32), 0)
        )
        same = ir.Constant(ir.VectorType(ir.IntType(32), _SIDE), [0] * _SIDE)
        values = builder.shuffle_vector(first, ir.Constant(lanes, ir.Undefined), same)
        return builder.bitcast(builder.icmp_unsigned("==", pixels, values), ir.IntType(64))

    return numba.types.uint64(line, numba.types.intp, line.dtype), generate


equal_bits = cast("Callable[[Any, int, Any], Any]", intrinsic(_equal_bits))
"""A bit for each of 64 pixels of a line from an index on: is it this value."""


def _bit_count(_context: Any, word: Any) -> Any:  # noqa: ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return numba.types.uint64(numba.types.uint64), generate


bit_count = cast("Callable[[Any], Any]", intrinsic(_bit_count))
"""How many bits of a uint64 are set."""


def whole_frame(array: NDArray[Any]) -> Ints:
    """The window [y0, x0, y1, x1] of all of an array (H, W)."""
    return np.array([0, 0, *array.shape], np.int64)


def as_pixels(array: Any, *, what: str) -> NDArray[Any]:
    """A mask or map (H, W) as unsigned numbers in C order, without a copy where that can be.

    Raises:
        DataError: another number of axes, or neither bools nor whole numbers.
    """
    given = np.asarray(array)
    if given.ndim != 2 or given.dtype.kind not in "bui":
        raise DataError(
            f"the {what} is no mask (H, W) of bools or whole numbers",
            seen=f"{given.dtype}{given.shape}",
        )
    return np.ascontiguousarray(given).view(f"u{given.dtype.itemsize}")


def mask_plane(array: NDArray[Any], gap: int, window: Ints | None = None) -> Words:
    """The plane of an array of `as_pixels`: bits where it is not 0."""
    window = whole_frame(array) if window is None else window
    return pack(array.reshape(-1), array.shape[1], window, array.dtype.type(0), ALL, gap)


def value_plane(array: NDArray[Any], value: int, gap: int, window: Ints | None = None) -> Words:
    """The plane of an array of `as_pixels`: bits where it is `value`."""
    window = whole_frame(array) if window is None else window
    return pack(array.reshape(-1), array.shape[1], window, array.dtype.type(value), NONE, gap)


@kernel
def pack(
    line: NDArray[Any], frame_width: int, window: Ints, value: Any, flip: np.uint64, gap: int
) -> Words:
    """Bits where pixels of a window of a frame are `value`, or all others where `flip` is `ALL`.

    Args:
        line: (H * W,) the frame by rows, of an unsigned type.
        frame_width: W.
        window: [y0, x0, y1, x1] within the frame.
        value: of the line's type.
        flip: `NONE` or `ALL`.
        gap: words between rows.
    """
    y0, x0, y1, x1 = window[0], window[1], window[2], window[3]
    k_full, rest = (x1 - x0) // 64, (x1 - x0) % 64
    out = np.zeros((y1 - y0 + 2, (x1 - x0 + 63) // 64 + gap), np.uint64)
    for y in range(y1 - y0):
        start = (y0 + y) * frame_width + x0
        for k in range(k_full):
            out[y + 1, k] = equal_bits(line, start + 64 * k, value) ^ flip
        if rest == 0:
            continue
        start += 64 * k_full
        word = NONE
        if start + 64 <= line.size:
            word = equal_bits(line, start, value) ^ flip
        else:
            for i in range(rest):
                word |= (np.uint64(line[start + i] == value) ^ (flip & ONE)) << np.uint64(i)
        out[y + 1, k_full] = word & (ALL >> np.uint64(64 - rest))
    return out


@kernel
def count_bits(plane: Words) -> int:
    """Bits of a plane that are set."""
    total = NONE
    for word in plane.reshape(-1):
        total += bit_count(word)
    return np.int64(total)  # type: ignore[return-value]


@kernel
def count_common(a: Words, b: Words) -> int:
    """Bits that two planes share."""
    one, two = a.reshape(-1), b.reshape(-1)
    total = NONE
    for i in range(one.size):
        total += bit_count(one[i] & two[i])
    return np.int64(total)  # type: ignore[return-value]


@kernel
def frame_bits(height: int, width: int, gap: int) -> Words:
    """The plane whose every pixel is set."""
    out = np.zeros((height + 2, (width + 63) // 64 + gap), np.uint64)
    for y in range(1, height + 1):
        for k in range(width // 64):
            out[y, k] = ALL
        if width % 64:
            out[y, width // 64] = ALL >> np.uint64(64 - width % 64)
    return out
