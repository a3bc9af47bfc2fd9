"""Disjoint sets over whole numbers, for kernels that join labels.

The smallest member is the root of its set, so what is joined does not depend on the order of
the joins, and numbering roots in ascending order keeps the order of first members.

Source: Tarjan and van Leeuwen, "Worst-case analysis of set union algorithms" (JACM 1984), path
halving. We link by index in place of rank: the order is worth more here than the logarithm.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Ints, kernel


@kernel
def find(parent: Ints, k: int) -> int:
    """The root of k; halves the path on its way."""
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


@kernel
def unite(parent: Ints, a: int, b: int) -> int:
    """Join the sets of a and b; returns their root, the smaller of both roots."""
    a, b = find(parent, a), find(parent, b)
    if a > b:
        a, b = b, a
    parent[b] = a
    return a


@kernel
def unite_pairs(parent: Ints, pairs: Ints) -> None:
    """Join the two members of each row of (P, 2)."""
    for i in range(pairs.shape[0]):
        unite(parent, pairs[i, 0], pairs[i, 1])


@kernel
def flatten(parent: Ints) -> int:
    """Point every member at its root; returns the number of sets."""
    sets = 0
    for k in range(parent.size):
        # a parent is never larger than its child, so it points at its root already
        parent[k] = parent[parent[k]]
        sets += parent[k] == k
    return sets


@kernel
def number_roots(parent: Ints, first: int) -> Ints:
    """Numbers of the sets of a flattened forest: first, first + 1, ... in order of their roots."""
    numbers = np.empty(parent.size, np.int64)
    found = first
    for k in range(parent.size):
        if parent[k] == k:
            numbers[k] = found
            found += 1
        else:
            numbers[k] = numbers[parent[k]]
    return numbers
