"""The one door to numba: the decorator and the array types of compiled kernels.

A kernel takes and returns numpy arrays, holds no GIL, raises nothing (the Python
caller turns a returned row number into an error) and is cached beside its source.
Only modules of run kernels import this; `import maskloom` does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import event
from numba.extending import intrinsic
from numpy.typing import NDArray

from maskloom.core import compiling

F = TypeVar("F", bound=Callable[..., object])

Bytes = NDArray[np.uint8]
Counts = NDArray[np.uint32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Points = NDArray[np.float64]
Rows = NDArray[np.int32]
Segments = NDArray[np.int32]
"""(S, 3) column, first row, row after the last; sorted, maximal within a column."""

MAX_CROP = 2**32 - 1
"""Most pixels of one crop, so that every count fits in uint32."""


class _Compiling(event.Listener):
    """Hears of kernels that are compiled, not of those that are read from the cache."""

    def on_start(self, event: Any) -> None:
        if event.data["dispatcher"].py_func.__module__.startswith("maskloom."):
            compiling.begun()

    def on_end(self, event: Any) -> None:
        """Of no interest."""


event.register("numba:compile", _Compiling())  # type: ignore[no-untyped-call]  # of numba


def kernel(function: F) -> F:
    """Compile `function` at its first call, without the GIL, cached on disk."""
    return cast("F", numba.njit(nogil=True, cache=True, error_model="numpy")(function))


def inlined(function: F) -> F:
    """Compile `function` into each kernel that calls it: what is called for every few bytes."""
    compiled = numba.njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
    return cast("F", compiled(function))


@kernel
def wide(value: Any) -> int:
    """A scalar as int64, so that sums and products of counts and edges cannot overflow."""
    return np.int64(value)  # type: ignore[return-value]


def _load_word(_context: Any, line: Any, _index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return numba.types.uint64(line, numba.types.intp), generate


load_word = cast("Callable[[Bytes, int], int]", intrinsic(_load_word))
"""Eight bytes of a byte line from an index on as one uint64; a numpy view must be aligned."""


def _first_bit(_context: Any, word: Any) -> Any:  # noqa: ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return numba.types.int64(numba.types.uint64), generate


first_bit = cast("Callable[[Any], int]", intrinsic(_first_bit))
"""Place of the lowest bit of a uint64 that is set; 64 where none is."""
