"""The kernel under `joint.py`: stretches of two id maps over which neither id changes, counted.

Reading the maps is the limit: vector code turns a block of pixels into flags of change, and
only a pixel whose flag is set costs a look into the hash table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, Ints, first_bit, kernel, load_word

Words = NDArray[np.uint64]
_BLOCK = 1024


@kernel
def count_runs(one: NDArray[Any], two: NDArray[Any]) -> tuple[Words, Words, Ints]:
    """Every pair of ids that shares pixels, in no order.

    Args:
        one: (n,) of an unsigned dtype, contiguous, n of at least 1.
        two: (n,) likewise, of the same dtype.

    Returns:
        (P,) ids of one, (P,) ids of two, (P,) pixels.
    """
    ids, pixels = np.zeros((4 * _BLOCK, 2), np.uint64), np.zeros(4 * _BLOCK, np.int64)
    flags = np.zeros(_BLOCK, np.uint8)
    used, begin, n = 0, 0, one.size
    # The first pixel has no neighbour before it, so blocks start at the second.
    for start in range(1, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        _mark_changes(one[start - 1 : stop], two[start - 1 : stop], flags)
        # Room for a new pair at every pixel, so that the table stays put within a block.
        if 2 * (used + _BLOCK) > pixels.size:
            ids, pixels = _grown(ids, pixels)
        begin, new = _add_block(one, two, (begin, start, stop), flags, ids, pixels)
        used += new
    _count(ids, pixels, one[n - 1], two[n - 1], n - begin)
    taken = np.flatnonzero(pixels)
    return ids[taken, 0], ids[taken, 1], pixels[taken]


@kernel
def _add_block(
    one: NDArray[Any],
    two: NDArray[Any],
    span: tuple[int, int, int],
    flags: Bytes,
    ids: Words,
    pixels: Ints,
) -> tuple[int, int]:
    """Count the stretches that end in a block; where the open one begins, and the new pairs."""
    begin, start, stop = span
    new = 0
    for place in range(0, stop - start, 64):
        changes = np.uint64(0)
        for word in range(8):
            # The product moves the lowest bits of eight bytes side by side into the highest.
            bits = np.uint64(load_word(flags, place + 8 * word)) * np.uint64(0x0102040810204080)
            changes |= (bits >> np.uint64(56)) << np.uint64(8 * word)
        while changes != 0:
            end = start + place + first_bit(changes)
            new += _count(ids, pixels, one[end - 1], two[end - 1], end - begin)
            begin = end
            changes &= changes - np.uint64(1)
    return begin, new


@kernel
def _mark_changes(one: NDArray[Any], two: NDArray[Any], flags: Bytes) -> None:
    """Which pixels differ from the one before them, as bytes 0 or 1; 0 for the rest of a block."""
    n = one.size - 1
    a, b, c, d = one[1:], two[1:], one[:n], two[:n]
    for i in range(n):
        flags[i] = ((a[i] ^ c[i]) | (b[i] ^ d[i])) != 0
    flags[n:] = 0


@kernel
def _count(ids: Words, pixels: Ints, one: Any, two: Any, length: int) -> int:
    """Add the pixels of a stretch; 1 where the pair is new."""
    slot = _slot(ids, pixels, np.uint64(one), np.uint64(two))
    new = pixels[slot] == 0
    # Written again where it is known: a branch would cost more.
    ids[slot, 0], ids[slot, 1] = one, two
    pixels[slot] += length
    return int(new)


@kernel
def _slot(ids: Words, pixels: Ints, one: Any, two: Any) -> int:
    """Where a pair is, or the free slot for it."""
    mixed = one * np.uint64(0x9E3779B97F4A7C15) + two * np.uint64(0xC2B2AE3D27D4EB4F)
    last = np.uint64(pixels.size - 1)
    slot = (mixed ^ (mixed >> np.uint64(32))) & last
    while (ids[slot, 0] != one or ids[slot, 1] != two) and pixels[slot] != 0:
        slot = (slot + np.uint64(1)) & last
    return np.int64(slot)  # type: ignore[return-value]


@kernel
def _grown(ids: Words, pixels: Ints) -> tuple[Words, Ints]:
    """The table at twice the size."""
    more, counts = np.zeros((2 * pixels.size, 2), np.uint64), np.zeros(2 * pixels.size, np.int64)
    for k in range(pixels.size):
        if pixels[k]:
            slot = _slot(more, counts, ids[k, 0], ids[k, 1])
            more[slot, 0], more[slot, 1], counts[slot] = ids[k, 0], ids[k, 1], pixels[k]
    return more, counts
