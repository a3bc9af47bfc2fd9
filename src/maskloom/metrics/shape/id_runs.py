"""The kernel under `joint.py`: stretches of two id maps over which neither id changes, counted.

Reading the maps is the limit: one instruction compares many pixels with those before them, and
only a pixel that differs costs a look into the hash table. Where changes are is written down
first, some of them for nothing, as a branch for each would be guessed wrong too often.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.extending import intrinsic
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, first_bit, kernel, wide
from maskloom.metrics.boundary.bits import NONE, ONE, Words, bit_count

_LANES = 64
_BLOCK = 16 * _LANES
_LIKELY = 4
"""Changes among 64 pixels that are written down without a look at how many there are."""
_SLOTS = 512


def _changed_bits(_context: Any, line: Any, _index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        lanes = ir.VectorType(ir.IntType(line.dtype.bitwidth), _LANES)
        back = ir.Constant(arguments[1].type, -1)
        here, before = (
            builder.load(builder.bitcast(place, lanes.as_pointer()), align=1)
            for place in (
                builder.gep(array.data, [arguments[1]]),
                builder.gep(array.data, [builder.add(arguments[1], back)]),
            )
        )
        return builder.bitcast(builder.icmp_unsigned("!=", here, before), ir.IntType(_LANES))

    return numba.types.uint64(line, numba.types.intp), generate


changed_bits = cast("Callable[[Any, int], Any]", intrinsic(_changed_bits))
"""A bit for each of 64 pixels of a line from an index of 1 or more on: is it unlike the one
before it."""


@kernel
def count_runs(one: NDArray[Any], two: NDArray[Any]) -> tuple[Words, Ints]:
    """Every pair of ids that shares pixels, in no order.

    Args:
        one: (n,) of an unsigned dtype, contiguous, n of at least 1.
        two: (n,) likewise, of the same dtype.

    Returns:
        (P, 2) ids of one and of two, (P,) pixels.
    """
    ids, pixels = np.zeros((_SLOTS, 2), np.uint64), np.zeros(_SLOTS, np.int64)
    ends = np.empty(_BLOCK + _LANES, np.int64)
    used, begin, start, n = 0, 0, 1, one.size
    # The first pixel has no neighbour before it, so blocks start at the second.
    whole = 1 + (n - 1) // _LANES * _LANES
    while start <= n:
        if start < whole:
            stop = min(start + _BLOCK, whole)
            found = _find_ends(one, two, start, stop, ends)
        else:
            stop = n + 1
            found = _find_last_ends(one, two, start, ends)
        done = 0
        while True:
            done, begin, used = _count(one, two, ends[:found], (done, begin, used), ids, pixels)
            if done == found:
                break
            ids, pixels = _grown(ids, pixels)
        start = stop
    taken = np.flatnonzero(pixels)
    return ids[taken], pixels[taken]


@kernel
def _find_ends(one: NDArray[Any], two: NDArray[Any], start: int, stop: int, ends: Ints) -> int:
    """Write down the pixels of whole words that differ from the one before; how many do."""
    found = 0
    for place in range(start, stop, _LANES):
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
    return found


@kernel
def _find_last_ends(one: NDArray[Any], two: NDArray[Any], start: int, ends: Ints) -> int:
    """The same for the pixels that fill no word; the end of the maps is the last of them."""
    found = 0
    for place in range(start, one.size):
        if one[place] != one[place - 1] or two[place] != two[place - 1]:
            ends[found] = place
            found += 1
    ends[found] = one.size
    return found + 1


@kernel
def _count(
    one: NDArray[Any],
    two: NDArray[Any],
    ends: Ints,
    state: tuple[int, int, int],
    ids: Words,
    pixels: Ints,
) -> tuple[int, int, int]:
    """Add the pixels of stretches, until all are counted or the table is half full.

    Args:
        one: a map.
        two: the other.
        ends: of stretches.
        state: stretches counted before, where the next begins, slots that are taken.
        ids: of the table.
        pixels: of the table.

    Returns:
        the state afterwards.
    """
    done, begin, used = state
    last = np.uint64(pixels.size - 1)
    for k in range(done, ends.size):
        end = ends[k]
        a, b = np.uint64(one[end - 1]), np.uint64(two[end - 1])
        slot = _first_slot(a, b) & last
        while ids[slot, 0] != a or ids[slot, 1] != b:
            if pixels[slot] == 0:  # free; to the pair of zeros a free slot looks like its own
                if 2 * used >= pixels.size:
                    return k, begin, used
                ids[slot, 0], ids[slot, 1] = a, b
                used += 1
                break
            slot = (slot + ONE) & last
        pixels[slot] += end - begin
        begin = end
    return ends.size, begin, used


@kernel
def _first_slot(one: Any, two: Any) -> Any:
    """Where the search for a pair begins, before it is cut to the size of the table."""
    mixed = one * np.uint64(0x9E3779B97F4A7C15) + two * np.uint64(0xC2B2AE3D27D4EB4F)
    return mixed >> np.uint64(32)


@kernel
def _grown(ids: Words, pixels: Ints) -> tuple[Words, Ints]:
    """The table at twice the size."""
    more, counts = np.zeros((2 * pixels.size, 2), np.uint64), np.zeros(2 * pixels.size, np.int64)
    last = np.uint64(counts.size - 1)
    for k in range(pixels.size):
        if pixels[k]:
            slot = _first_slot(ids[k, 0], ids[k, 1]) & last
            while counts[slot] != 0:
                slot = (slot + ONE) & last
            more[slot, 0], more[slot, 1], counts[slot] = ids[k, 0], ids[k, 1], pixels[k]
    return more, counts


@kernel
def ranked_pairs(one: Ints, two: Ints, pixels: Ints) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Fields of `JointCounts`, of pairs of ids that are all different.

    Args:
        one: (P,) ids; `two` and `pixels` likewise.
        two: ids.
        pixels: that each pair shares.
    """
    by_two = np.argsort(two, kind="mergesort")
    two_ids, two_ranks = _ranks(two[by_two])
    by_one = np.argsort(one[by_two], kind="mergesort")
    order = by_two[by_one]
    one_ids, one_ranks = _ranks(one[order])
    return one_ids, two_ids, one_ranks, two_ranks[by_one], pixels[order]


@kernel
def _ranks(rising: Ints) -> tuple[Ints, Ints]:
    """Different values of a sorted line, and the place of each element's value among them."""
    values, ranks = np.empty_like(rising), np.empty_like(rising)
    n = 0
    for k in range(rising.size):
        if n == 0 or rising[k] != values[n - 1]:
            values[n] = rising[k]
            n += 1
        ranks[k] = n - 1
    return values[:n].copy(), ranks
