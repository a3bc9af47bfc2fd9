"""Class maps as runs of rows, their connected regions, and what two maps share, run by run.

An image is a volume of one slice. Regions of many classes are found at once, and no map of
numbers is made of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, kernel, wide
from maskloom.core.labels import codes
from maskloom.errors import DataError

Values = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """R runs of one value, which fill the rows of a map.

    Args:
        size: height and width of a slice.
        rows: (D * H + 1,) bounds of the runs of each row.
        starts: (R + 1,) the place of the first pixel of each run in the whole map, and its end.
        values: (R,) int32 position of the class, K for background, K + 1 for void.
    """

    size: tuple[int, int]
    rows: Ints
    starts: Ints
    values: Values


def runs_of(values: NDArray[Any], n_categories: int, what: str) -> Runs:
    """The runs of a class map.

    Args:
        values: (H, W) or (D, H, W) uint8 or uint16: positions, void and background codes.
        n_categories: K; positions are below it.
        what: of whom this is, for errors.

    Raises:
        DataError: another type, or a value that is no category.
    """
    void, background = codes(values.dtype)
    width = values.shape[-1]
    line = np.ascontiguousarray(values).reshape(-1)
    rows = np.zeros((line.size // width if width else 0) + 1, np.int64)
    starts, found = _runs(line, width, rows)
    known = found.astype(np.int32)
    known[found == background] = n_categories
    known[found == void] = n_categories + 1
    wrong = (known >= n_categories) & (found != background) & (found != void)
    if wrong.any():
        raise DataError(
            f"the {what} holds a value that is no category",
            seen=int(found[wrong][0]),
            hint=f"there are {n_categories} categories, counted from 0",
        )
    return Runs((values.shape[-2], width), rows, starts, known)


@kernel
def _runs(line: NDArray[Any], width: int, rows: Ints) -> tuple[Ints, NDArray[Any]]:
    """Starts, with the end behind them, and values; fills `rows`."""
    n = 0
    starts, values = np.empty(1024, np.int64), np.empty(1024, line.dtype)
    for row in range(rows.size - 1):
        first = row * width
        if n + width > values.size:
            more = values.size + width
            starts = np.concatenate((starts, np.empty(more, np.int64)))
            values = np.concatenate((values, np.empty(more, line.dtype)))
        starts[n], values[n] = first, line[first]
        n += 1
        for i in range(first + 1, first + width):
            if line[i] != line[i - 1]:
                starts[n], values[n] = i, line[i]
                n += 1
        rows[row + 1] = n
    out = np.empty(n + 1, np.int64)
    out[:n], out[n] = starts[:n], line.size
    return out, values[:n].copy()


def regions_of(runs: Runs, n_categories: int) -> tuple[Ints, Values]:
    """Connected regions of every class: pixels that touch by a corner are connected (8, or 26).

    Args:
        runs: of a map.
        n_categories: K; values from K on are of no region.

    Returns:
        (R,) the region of each run, -1 for none; (N,) the class of each region, in the order of
        their first pixels.
    """
    return _regions(runs.rows, runs.starts, runs.values, runs.size, n_categories)


@kernel
def _regions(
    rows: Ints, starts: Ints, values: Values, size: tuple[int, int], n_categories: int
) -> tuple[Ints, Values]:
    """Union-find over runs; a row is joined with the one before and three of the slice before."""
    height, width = size
    parent = np.arange(values.size)
    for row in range(rows.size - 1):
        y = row % height
        if y > 0:
            _join(rows, starts, values, row, row - 1, width, n_categories, parent)
        for other in range(row - height - 1, row - height + 2):
            if other >= 0 and other // height == row // height - 1:
                _join(rows, starts, values, row, other, width, n_categories, parent)
    regions = np.full(values.size, -1, np.int64)
    classes = np.empty(values.size, np.int32)
    n = 0
    for r in range(values.size):
        if values[r] >= n_categories:
            continue
        root = _root(parent, r)
        if root == r:
            regions[r], classes[n] = n, values[r]
            n += 1
        else:
            regions[r] = regions[root]
    return regions, classes[:n].copy()


@kernel
def _join(
    rows: Ints,
    starts: Ints,
    values: Values,
    row: int,
    other: int,
    width: int,
    n_categories: int,
    parent: Ints,
) -> None:
    """Link the runs of a row with those of another that they touch."""
    b, stop = rows[other], rows[other + 1]
    shift = wide(row - other) * width
    for a in range(rows[row], rows[row + 1]):
        first, last = starts[a] - shift, starts[a + 1] - shift
        while b < stop and starts[b + 1] < first:
            b += 1
        c = b
        while values[a] < n_categories and c < stop and starts[c] <= last:
            if values[c] == values[a]:
                one, two = _root(parent, a), _root(parent, c)
                parent[max(one, two)] = min(one, two)
            c += 1


@kernel
def _root(parent: Ints, r: int) -> int:
    """The first run of the same region; halves the path on its way."""
    while parent[r] != r:
        parent[r] = parent[parent[r]]
        r = parent[r]
    return r


@kernel
def shared_runs(a: Ints, b: Ints) -> tuple[Ints, Ints, Ints]:
    """Run of one map, run of the other and pixels of every stretch that both cover.

    Args:
        a: starts of the runs of a map, and its end.
        b: of another of the same size.
    """
    size = max(a.size + b.size - 2, 0)
    one, two, pixels = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    p, q, n, at = 0, 0, 0, wide(0)
    while p < a.size - 1 and q < b.size - 1:
        stop = min(a[p + 1], b[q + 1])
        one[n], two[n], pixels[n] = p, q, stop - at
        n += 1
        at = stop
        if a[p + 1] == stop:
            p += 1
        if b[q + 1] == stop:
            q += 1
    return one[:n].copy(), two[:n].copy(), pixels[:n].copy()
