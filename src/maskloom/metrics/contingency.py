"""Pixels that the masks of two sides share: the joint histogram of two id maps, from runs.

The masks of one side must not overlap. Then one sweep down the columns meets every shared pixel
once, and time grows with the runs, not with pixels or with pairs. What the counts mean is
`panoptic/family.py`; class maps are counted in `confusion.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskloom.core.kernel import Ints, Segments, kernel
from maskloom.core.masks import Masks

Columns = tuple[Segments, Ints]
"""(S, 3) segments of all masks by column and first row, and (S,) whose each is."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Where masks of one side claim the same pixels.

    Args:
        pixels: how many pixels more than one mask claims.
        x, y: the first of them by column.
        one, other: rows of the two masks that meet there.
    """

    pixels: int
    x: int
    y: int
    one: int
    other: int


def columns_of(masks: Masks) -> Columns:
    """The segments of all masks in the order of the frame's columns."""
    return _by_column(*masks.segments())


def overlap_in(columns: Columns) -> Overlap | None:
    """What more than one mask claims, or None.

    >>> dense = np.array([[[1, 1, 0]], [[0, 1, 1]]], np.uint8)
    >>> overlap_in(columns_of(Masks.from_dense(dense)))
    Overlap(pixels=1, x=1, y=0, one=0, other=1)
    """
    pixels, x, y, one, other = _claimed_twice(*columns)
    return Overlap(pixels, x, y, one, other) if pixels else None


def shared_pixels(a: Columns, b: Columns, n_b: int) -> tuple[Ints, Ints, Ints]:
    """Every pair of masks that shares pixels.

    Args:
        a: of N masks of one frame without overlap.
        b: of M masks of the same frame without overlap.
        n_b: M.

    Returns:
        row in a, row in b and pixels of each pair, by rising rows.
    """
    keys, pixels = _joint(a, b, n_b)
    used = np.flatnonzero(keys >= 0)
    order = used[np.argsort(keys[used])]
    return keys[order] // max(n_b, 1), keys[order] % max(n_b, 1), pixels[order]


@kernel
def _by_column(segments: Segments, offsets: Ints) -> Columns:
    owners = np.empty(segments.shape[0], np.int64)
    for i in range(offsets.size - 1):
        owners[offsets[i] : offsets[i + 1]] = i
    order = np.arange(segments.shape[0])
    for axis in (1, 0):
        order = _counting_sort(segments, axis, order)
    return segments[order], owners[order]


@kernel
def _counting_sort(segments: Segments, axis: int, order: Ints) -> Ints:
    """The order, made stable by one of the three numbers."""
    size = 1
    for k in range(order.size):
        size = max(size, segments[k, axis] + 2)
    starts = np.zeros(size, np.int64)
    for k in range(order.size):
        starts[segments[k, axis] + 1] += 1
    starts = np.cumsum(starts)
    out = np.empty_like(order)
    for k in order:
        place = segments[k, axis]
        out[starts[place]] = k
        starts[place] += 1
    return out


@kernel
def _claimed_twice(segments: Segments, owners: Ints) -> tuple[int, int, int, int, int]:
    """Pixels in more than one segment; column, row and owners of the first."""
    pixels, first = 0, (0, 0, 0, 0)
    column, once, twice, holder = -1, 0, 0, 0
    for k in range(owners.size):
        x, top, bottom = segments[k, 0], segments[k, 1], segments[k, 2]
        if x != column:
            column, once, twice = x, 0, 0
        # Rows above `once` are taken, rows above `twice` were counted already.
        low, high = max(top, twice), min(bottom, once)
        if low < high:
            if pixels == 0:
                first = (x, low, holder, owners[k])
            pixels += high - low
            twice = high
        if bottom > once:
            once, holder = bottom, owners[k]
    return pixels, first[0], first[1], first[2], first[3]


@kernel
def _joint(a: Columns, b: Columns, n_b: int) -> tuple[Ints, Ints]:
    """Open hash table from row in a × n_b + row in b to pixels; free slots have key -1."""
    one, a_owners = a
    other, b_owners = b
    keys, pixels = np.full(256, -1, np.int64), np.zeros(256, np.int64)
    used, p, q = 0, 0, 0
    while p < a_owners.size and q < b_owners.size:
        if one[p, 0] != other[q, 0]:
            if one[p, 0] < other[q, 0]:
                p += 1
            else:
                q += 1
            continue
        shared = min(one[p, 2], other[q, 2]) - max(one[p, 1], other[q, 1])
        if shared > 0:
            key = a_owners[p] * n_b + b_owners[q]
            slot = _slot(keys, key)
            if keys[slot] < 0:
                used += 1
                if 2 * used > keys.size:
                    keys, pixels = _grown(keys, pixels)
                    slot = _slot(keys, key)
                keys[slot] = key
            pixels[slot] += shared
        if one[p, 2] < other[q, 2]:
            p += 1
        else:
            q += 1
    return keys, pixels


@kernel
def _slot(keys: Ints, key: int) -> int:
    """Where a key is, or the free slot for it."""
    last = keys.size - 1
    # Multiplied, because keys of one column of the table differ by a multiple of its width.
    slot = ((key * 0x9E3779B1) >> 16) & last
    while keys[slot] >= 0 and keys[slot] != key:
        slot = (slot + 1) & last
    return slot


@kernel
def _grown(keys: Ints, pixels: Ints) -> tuple[Ints, Ints]:
    """The table at twice the size."""
    more, counts = np.full(2 * keys.size, -1, np.int64), np.zeros(2 * keys.size, np.int64)
    for k in range(keys.size):
        if keys[k] >= 0:
            slot = _slot(more, keys[k])
            more[slot], counts[slot] = keys[k], pixels[k]
    return more, counts
