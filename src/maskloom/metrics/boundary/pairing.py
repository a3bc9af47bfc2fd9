"""The most pairs of pixels of two contours, no pixel in two, within a tolerance.

Which pairs is not unique, how many is: so nothing here depends on an order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, first_bit, kernel
from maskloom.metrics.boundary.bits import NONE, ONE, Words, count_bits

Places = NDArray[np.int32]

_FAR = 2**30


@kernel
def most_pairs(a: Words, b: Words, halves: Ints) -> int:
    """The size of the largest matching of the bits of two planes.

    Args:
        a: a plane.
        b: a plane of the same layout.
        halves: (R + 1,) rows of the disk within which two bits may be a pair; see `disk`.

    Source: Hopcroft, Karp 1973. BSDS500's correspondPixels pairs at the lowest sum of distances
    instead, where a pixel without a partner costs 100 times the tolerance: the same number of
    pairs, unless a pair more would lengthen others by more than that. It rounds distances to
    1/100 px, and pads the problem with random dear edges, six a pixel: its numbers may differ a
    little from run to run, ours do not.
    """
    own, other = _positions(a), _positions(b)
    edges, offsets = _edges(own, other, halves, a.shape[0])
    mate, taken = np.full(own.shape[0], -1, np.int64), np.full(other.shape[0], -1, np.int64)
    pairs = _greedy(edges, offsets, mate, taken)
    while True:
        found = _augment(edges, offsets, mate, taken)
        if found == 0:
            return pairs
        pairs += found


@kernel
def _positions(plane: Words) -> Places:
    """(N, 2) row and column of each bit, by rows."""
    out = np.empty((count_bits(plane), 2), np.int32)
    n = 0
    for y in range(plane.shape[0]):
        for k in range(plane.shape[1]):
            word = plane[y, k]
            while word != NONE:
                out[n, 0], out[n, 1] = y, 64 * k + first_bit(word)
                word &= word - ONE
                n += 1
    return out


@kernel
def _edges(own: Places, other: Places, halves: Ints, height: int) -> tuple[Ints, Ints]:
    """For each pixel those of the other contour in its disk, its own row first."""
    starts = np.zeros(height + 1, np.int64)
    for j in range(other.shape[0]):
        starts[other[j, 0] + 1] += 1
    for y in range(height):
        starts[y + 1] += starts[y]
    offsets = np.zeros(own.shape[0] + 1, np.int64)
    edges = np.empty(8 * own.shape[0] + 16, np.int64)
    n = 0
    for i in range(own.shape[0]):
        y, x = own[i, 0], own[i, 1]
        for k in range(2 * halves.size - 1):
            away = (k + 1) // 2
            row = y + away if k & 1 else y - away
            if row < 0 or row >= height:
                continue
            columns = other[starts[row] : starts[row + 1], 1]
            j = np.searchsorted(columns, x - halves[away])
            while j < columns.size and columns[j] <= x + halves[away]:
                if n == edges.size:
                    edges = np.concatenate((edges, np.empty_like(edges)))
                edges[n] = starts[row] + j
                n += 1
                j += 1
        offsets[i + 1] = n
    return edges[:n], offsets


@kernel
def _greedy(edges: Ints, offsets: Ints, mate: Ints, taken: Ints) -> int:
    """A first matching: each pixel takes the first partner that is free."""
    pairs = 0
    for i in range(mate.size):
        for e in range(offsets[i], offsets[i + 1]):
            if taken[edges[e]] < 0:
                mate[i], taken[edges[e]] = edges[e], i
                pairs += 1
                break
    return pairs


@kernel
def _augment(edges: Ints, offsets: Ints, mate: Ints, taken: Ints) -> int:
    """One phase: shortest alternating paths that share no pixel are switched; how many."""
    level = np.full(mate.size, _FAR, np.int64)
    queue = np.empty(mate.size, np.int64)
    head, tail = 0, 0
    for i in range(mate.size):
        if mate[i] < 0:
            level[i] = 0
            queue[tail] = i
            tail += 1
    reached = False
    while head < tail:
        i = queue[head]
        head += 1
        for e in range(offsets[i], offsets[i + 1]):
            back = taken[edges[e]]
            if back < 0:
                reached = True
            elif level[back] == _FAR:
                level[back] = level[i] + 1
                queue[tail] = back
                tail += 1
    if not reached:
        return 0
    found = 0
    at, path = offsets[:-1].copy(), np.empty(mate.size, np.int64)
    for i in range(mate.size):
        if mate[i] < 0 and _switch(edges, offsets, (mate, taken), level, at, path, i):
            found += 1
    return found


@kernel
def _switch(
    edges: Ints,
    offsets: Ints,
    matching: tuple[Ints, Ints],
    level: Ints,
    at: Ints,
    path: Ints,
    root: int,
) -> bool:
    """Search a path from a free pixel down the levels to a free partner, and switch it."""
    mate, taken = matching
    path[0], depth = root, 0
    while depth >= 0:
        i = path[depth]
        if at[i] == offsets[i + 1]:
            level[i] = _FAR
            depth -= 1
            continue
        j = edges[at[i]]
        at[i] += 1
        back = taken[j]
        if back < 0:
            # at[] stands one past the edge that each pixel of the path took.
            for d in range(depth, -1, -1):
                mine = path[d]
                chosen = edges[at[mine] - 1]
                mate[mine], taken[chosen] = chosen, mine
            return True
        if level[back] == level[i] + 1:
            depth += 1
            path[depth] = back
    return False
