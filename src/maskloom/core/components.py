"""Connected components of masks, by union-find over segments of adjacent columns.

Source: the run-based labelling of He, Chao and Suzuki, "A run-based two-scan labeling
algorithm" (IEEE TIP 2008), turned to columns. Holes are components of the background:
see `Masks.holes`.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Ints, Segments, kernel


@kernel
def label_segments(segments: Segments, offsets: Ints, diagonal: int) -> tuple[Ints, Ints]:
    """Number the components, in the order of their first pixel by column.

    Args:
        segments: (S, 3), sorted.
        offsets: (N+1) bounds of the segments of each mask.
        diagonal: 0 joins pixels that share an edge, 1 also those that share a corner.

    Returns:
        labels (S,) counted through all masks, and the mask of each component.
    """
    total = segments.shape[0]
    parent = np.arange(total)
    labels = np.empty(total, np.int64)
    origins = np.empty(total, np.int64)
    found = 0
    for i in range(offsets.size - 1):
        _join(segments, offsets[i], offsets[i + 1], diagonal, parent)
        for k in range(offsets[i], offsets[i + 1]):
            root = _root(parent, k)
            if root == k:
                labels[k] = found
                origins[found] = i
                found += 1
            else:
                labels[k] = labels[root]
    return labels, origins[:found].copy()


@kernel
def _join(segments: Segments, first: int, last: int, diagonal: int, parent: Ints) -> None:
    """Link every segment with those of the column before that it touches."""
    near = first
    for k in range(first, last):
        column = segments[k, 0] - 1
        top, bottom = segments[k, 1] - diagonal, segments[k, 2] + diagonal
        while near < k and (
            segments[near, 0] < column or (segments[near, 0] == column and segments[near, 2] <= top)
        ):
            near += 1
        other = near
        while other < k and segments[other, 0] == column and segments[other, 1] < bottom:
            a, b = _root(parent, k), _root(parent, other)
            parent[max(a, b)] = min(a, b)
            other += 1


@kernel
def _root(parent: Ints, k: int) -> int:
    """The smallest segment of the same component; halves the path on its way."""
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


@kernel
def gather(segments: Segments, labels: Ints, n: int) -> tuple[Segments, Ints]:
    """Sort segments by label, keeping their order; offsets (n+1) of each label.

    Segments with a negative label are left out.
    """
    starts = np.zeros(n + 2, np.int64)
    for k in range(labels.size):
        if labels[k] >= 0:
            starts[labels[k] + 2] += 1
    for c in range(2, n + 2):
        starts[c] += starts[c - 1]
    out = np.empty((starts[n + 1], 3), np.int32)
    for k in range(labels.size):
        if labels[k] >= 0:
            place = starts[labels[k] + 1]
            starts[labels[k] + 1] += 1
            out[place, 0], out[place, 1] = segments[k, 0], segments[k, 1]
            out[place, 2] = segments[k, 2]
    return out, starts[: n + 1].copy()
