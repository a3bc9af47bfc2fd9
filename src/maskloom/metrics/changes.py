"""Where two maps change: the ends of stretches of pixels over which neither does.

The kernel under joint counts of class maps (`confusion.py`) and of id maps (`shape/id_runs.py`).
One instruction compares many pixels with those before them. Where changes are is written down
first, some of them for nothing, as a branch for each would be guessed wrong too often.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba.extending import intrinsic
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, first_bit, kernel, wide
from maskloom.metrics.boundary.bits import NONE, ONE, bit_count

LANES = 64
BLOCK = 16 * LANES
ROOM = BLOCK + LANES
"""Numbers that `ends` needs room for: those of a block, and what is written for nothing."""
_LIKELY = 6
"""Changes among 64 pixels that are written down without a look at how many there are."""


def _changed_bits(_context: Any, line: Any, _index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        lanes = ir.VectorType(ir.IntType(line.dtype.bitwidth), LANES)
        back = ir.Constant(arguments[1].type, -1)
        here, before = (
            builder.load(builder.bitcast(place, lanes.as_pointer()), align=1)
            for place in (
                builder.gep(array.data, [arguments[1]]),
                builder.gep(array.data, [builder.add(arguments[1], back)]),
            )
        )
        return builder.bitcast(builder.icmp_unsigned("!=", here, before), ir.IntType(LANES))

    return numba.types.uint64(line, numba.types.intp), generate


changed_bits = cast("Callable[[Any, int], Any]", intrinsic(_changed_bits))
"""A bit for each of 64 pixels of a line from an index of 1 or more on: is it unlike the one
before it."""


@kernel
def whole_words(n: int) -> int:
    """Where the pixels begin that fill no word: the first pixel is in none."""
    return 1 + (n - 1) // LANES * LANES


@kernel
def find_ends(
    one: NDArray[Any], two: NDArray[Any], span: tuple[int, int], ends: Ints, most: int
) -> int:
    """Write down the pixels of whole words that differ from the one before.

    Args:
        one: (n,) of an unsigned dtype, contiguous.
        two: (n,) likewise.
        span: first pixel, at least 1, and the one after the last; at most `BLOCK`.
        ends: (`ROOM`,) is written to.
        most: the search is given up once there are more.

    Returns:
        how many there are; -1 for more than `most`.
    """
    found = 0
    for place in range(span[0], span[1], LANES):
        changes = changed_bits(one, place) | changed_bits(two, place)
        n = wide(bit_count(changes))
        for k in range(_LIKELY):
            ends[found + k] = place + first_bit(changes)
            changes &= changes - ONE
        k = found + _LIKELY
        while changes != NONE:
            ends[k] = place + first_bit(changes)
            changes &= changes - ONE
            k += 1
        found += n
        if found > most:
            return -1
    return found


@kernel
def find_last_ends(one: NDArray[Any], two: NDArray[Any], start: int, ends: Ints) -> int:
    """The same for pixels that fill no word; the end of the maps is the last of them."""
    found = 0
    for place in range(start, one.size):
        if one[place] != one[place - 1] or two[place] != two[place - 1]:
            ends[found] = place
            found += 1
    ends[found] = one.size
    return found + 1
