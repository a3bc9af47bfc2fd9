"""Rows of the columns of `Masks`: taking some, and joining batches; no pixel work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskloom.core.mask_inputs import Columns


def take(columns: Columns, index: int | slice | ArrayLike) -> Columns:
    """Rows by number, slice, index array or bool array; see `Masks.__getitem__`."""
    sizes, boxes, counts, offsets = columns
    n = len(boxes)
    if isinstance(index, int | np.integer):
        if not -n <= index < n:
            raise IndexError(f"row {index} of {n} masks")
        index = slice(int(index) % n, int(index) % n + 1)
    if isinstance(index, slice) and index.step in (None, 1):
        start, stop, _ = index.indices(n)
        bounds = offsets[start : max(start, stop) + 1]
        counts = counts[bounds[0] : bounds[-1]]
        return sizes[start:stop], boxes[start:stop], counts, bounds - bounds[0]
    given = np.asarray(index) if not isinstance(index, slice) else index
    if isinstance(given, np.ndarray) and given.size == 0:
        given = given.astype(np.int64)
    rows = np.arange(n)[given]
    lengths = np.diff(offsets)[rows]
    taken = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    places = np.repeat(offsets[rows] - taken[:-1], lengths) + np.arange(taken[-1])
    return sizes[rows], boxes[rows], counts[places], taken


def concatenate(parts: Sequence[Columns]) -> Columns:
    """All rows, in order."""
    if not parts:
        empty = np.zeros((0, 2), np.int64), np.zeros((0, 4), np.int32)
        return *empty, np.zeros(0, np.uint32), np.zeros(1, np.int64)
    if len(parts) == 1:
        return parts[0]
    sizes, boxes, counts, offsets = zip(*parts, strict=True)
    starts = np.cumsum([0, *(len(part) for part in counts[:-1])], dtype=np.int64)
    ends = [part[1:] + start for part, start in zip(offsets, starts, strict=True)]
    return (
        np.concatenate(sizes),
        np.concatenate(boxes),
        np.concatenate(counts),
        np.concatenate([np.zeros(1, np.int64), *ends]),
    )


def same(one: Columns, two: Columns) -> NDArray[np.bool_]:
    """(N,) which rows of two batches of N masks are equal."""
    lengths = np.diff(one[3])
    equal: NDArray[np.bool_] = lengths == np.diff(two[3])
    equal &= np.all(one[0] == two[0], axis=1) & np.all(one[1] == two[1], axis=1)
    rows = np.flatnonzero(equal)
    (*_, counts, offsets), (*_, others, _) = take(one, rows), take(two, rows)
    differing = np.concatenate(([0], np.cumsum(counts != others)))
    equal[rows] = differing[offsets[1:]] == differing[offsets[:-1]]
    return equal
