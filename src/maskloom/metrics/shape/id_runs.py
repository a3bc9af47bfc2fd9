"""The kernel under `joint.py`: stretches of two id maps over which neither id changes, counted.

Reading the maps is the limit: only a pixel that differs from the one before it (`changes.py`)
costs a look into the hash table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, kernel
from maskloom.metrics.boundary.bits import ONE, Words
from maskloom.metrics.changes import BLOCK, ROOM, find_ends, find_last_ends, whole_words

_SLOTS = 512


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
    ends = np.empty(ROOM, np.int64)
    used, begin, start, n = 0, 0, 1, one.size
    whole = whole_words(n)
    while start <= n:
        if start < whole:
            stop = min(start + BLOCK, whole)
            found = find_ends(one, two, (start, stop), ends, BLOCK)
        else:
            stop = n + 1
            found = find_last_ends(one, two, start, ends)
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
