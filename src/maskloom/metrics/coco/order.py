"""Stable orders of columns: by score, by category, by image."""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Ints, Rows, kernel, wide
from maskloom.metrics.boundary.bits import Words
from maskloom.metrics.objects.matching import Flags, Floats

_DIGIT = 11


@kernel
def by_value(rows: Rows, values: Rows, n: int) -> tuple[Rows, Ints]:
    """Sort rows by a whole number of 0 to n - 1 that each has; equal ones keep their order.

    Args:
        rows: (M,) in some order.
        values: (N,) of all rows, which `rows` index.
        n: how many values there are.

    Returns:
        rows (M,), and where each value begins among them (n + 1).
    """
    firsts = np.zeros(n + 1, np.int64)
    for i in range(rows.size):
        firsts[values[rows[i]] + 1] += 1
    for k in range(n):
        firsts[k + 1] += firsts[k]
    place = firsts.copy()
    out = np.empty(rows.size, np.int32)
    for i in range(rows.size):
        k = values[rows[i]]
        out[place[k]] = rows[i]
        place[k] += 1
    return out, firsts


@kernel
def by_falling_score(rows: Rows, scores: Floats) -> Rows:
    """Sort rows by falling score; equal ones keep their order. Scores are finite."""
    n = rows.size
    keys, other = np.empty(n, np.uint64), np.empty(n, np.uint64)
    order, moved = rows.copy(), np.empty(n, np.int32)
    # Zero is added so that -0.0 is 0.0, as it is to a comparison.
    bits = (scores + 0.0).view(np.uint64)
    top = np.uint64(1) << np.uint64(63)
    for i in range(n):
        key = bits[rows[i]]
        # Bits of floats rise with positive numbers; falling order is their complement.
        keys[i] = key if key & top else ~(key | top)
    for digit in range(6):
        if _scatter(keys, order, other, moved, digit * _DIGIT):
            keys, other = other, keys
            order, moved = moved, order
    return order


@kernel
def _scatter(keys: Words, order: Rows, keys_out: Words, order_out: Rows, shift: int) -> bool:
    """One digit of a radix sort; False, and nothing moved, where all have the same."""
    mask, by = np.uint64((1 << _DIGIT) - 1), np.uint64(shift)
    counts = np.zeros((1 << _DIGIT) + 1, np.int64)
    for i in range(keys.size):
        counts[((keys[i] >> by) & mask) + np.uint64(1)] += 1
    if keys.size == 0 or counts[((keys[0] >> by) & mask) + np.uint64(1)] == keys.size:
        return False
    for k in range(1 << _DIGIT):
        counts[k + 1] += counts[k]
    for i in range(keys.size):
        k = (keys[i] >> by) & mask
        j = counts[k]
        keys_out[j], order_out[j] = keys[i], order[i]
        counts[k] = j + 1
    return True


@kernel
def rank_in_group(rows: Rows, image: Rows, category: Rows) -> Rows:
    """Place from 0 of each row among those of its image and category, which lie together."""
    rank = np.zeros(rows.size, np.int32)
    for i in range(1, rows.size):
        a, b = rows[i - 1], rows[i]
        if image[a] == image[b] and category[a] == category[b]:
            rank[i] = rank[i - 1] + 1
    return rank


@kernel
def meets(rows: Rows, others: Rows, first: tuple[Rows, Rows], second: tuple[Rows, Rows]) -> Flags:
    """Whether a row's image and category are those of one of the others; both sorted by these.

    Args:
        rows: of one table.
        others: rows of another.
        first: columns image and category of the one.
        second: those of the other.
    """
    found = np.zeros(rows.size, np.bool_)
    j = wide(0)
    for i in range(rows.size):
        image, category = first[0][rows[i]], first[1][rows[i]]
        while j < others.size and (
            second[0][others[j]] < image
            or (second[0][others[j]] == image and second[1][others[j]] < category)
        ):
            j += 1
        found[i] = (
            j < others.size and second[0][others[j]] == image and second[1][others[j]] == category
        )
    return found
