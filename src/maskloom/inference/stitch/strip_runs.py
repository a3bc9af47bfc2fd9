"""One strip of an image to labelled runs, and runs back to a strip: the kernels of `components`.

A run is a stretch of equal, non-zero pixels of a row. Runs are joined to those of the row above;
the last row of a strip is carried into the next. No kernel sees more than a strip.

Source: He, Chao and Suzuki, "A run-based two-scan labeling algorithm" (IEEE TIP 2008), with the
second scan moved behind the last strip.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, Ints, Rows, kernel, load_word, wide
from maskloom.inference.stitch.union_find import find, unite

AREA, Y0, X0, Y1, X1, VALUE = range(6)
"""Columns of a table of labels."""
COLUMNS = 6


@kernel
def scan_rows(strip: NDArray[Any], octets: Bytes, starts: Rows, ends: Rows, bounds: Ints) -> int:
    """Find the runs of a strip (h, w) of unsigned integers; returns how many.

    Args:
        strip: in C order.
        octets: (h, w × itemsize), the bytes of the same memory.
        starts: first column of each run, room for h × w.
        ends: the column after its last.
        bounds: (h+1,) of the runs of each row.
    """
    k = 0
    for r in range(strip.shape[0]):
        bounds[r] = k
        k = _scan_row(strip[r], octets[r], starts, ends, k)
    bounds[strip.shape[0]] = k
    return k


@kernel
def _scan_row(row: NDArray[Any], octets: Bytes, starts: Rows, ends: Rows, k: int) -> int:
    """Append the runs of one row; returns the new number of runs."""
    width = row.size
    size = octets.size // width
    step = 8 // size
    begin, x = 0, 1
    while x < width:
        if x + step <= width and load_word(octets, x * size) == load_word(octets, (x - 1) * size):
            x += step
            continue
        stop = min(x + step, width)
        while x < stop:
            # without a branch: what is written is overwritten unless the run ends here
            left = row[x - 1]
            changes = row[x] != left
            starts[k], ends[k] = begin, x
            k += changes & (left != 0)
            begin = x if changes else begin
            x += 1
    if row[width - 1]:
        starts[k], ends[k] = begin, width
        k += 1
    return k


@kernel
def join_rows(
    strip: NDArray[Any],
    runs: tuple[Rows, Rows, Ints, Ints],
    above: tuple[NDArray[Any], Rows, Rows, Ints],
    diagonal: int,
    y0: int,
    parent: Ints,
    table: Ints,
) -> int:
    """Label the runs of a strip; returns how many labels there are.

    Args:
        strip: (h, w).
        runs: starts, ends, labels (written) and the bounds of each row.
        above: pixels (w,), starts, ends and labels of the row above the strip; its labels are
            0, 1, ... in ascending order of what they stand for.
        diagonal: 0 joins pixels that share an edge, 1 also those that share a corner.
        y0: the first row's place in the image.
        parent: forest of labels, set for those of the row above.
        table: (labels, 6) area, box and value of each label, set for those of the row above.
    """
    starts, ends, labels, bounds = runs
    past_row, past = above[0], (above[1], above[2], above[3])
    found = 0
    for k in range(above[3].size):
        found = max(found, above[3][k] + 1)
    for r in range(strip.shape[0]):
        first, last = bounds[r], bounds[r + 1]
        row = strip[r]
        line = (starts[first:last], ends[first:last], labels[first:last])
        _touch(row, past_row, line, past, diagonal, parent)
        for k in range(first, last):
            if labels[k] < 0:
                labels[k] = parent[found] = found
                _open(table[found], y0 + r, wide(starts[k]), row[starts[k]])
                found += 1
            _extend(table[labels[k]], y0 + r, wide(starts[k]), wide(ends[k]))
        past_row, past = row, line
    return found


@kernel
def _touch(
    row: NDArray[Any],
    past_row: NDArray[Any],
    runs: tuple[Rows, Rows, Ints],
    past: tuple[Rows, Rows, Ints],
    diagonal: int,
    parent: Ints,
) -> None:
    """Give the runs of a row the label of a run that they touch above, or -1; join what meets."""
    starts, ends, labels = runs
    past_starts, past_ends, past_labels = past
    near = 0
    for k in range(starts.size):
        label = -1
        value = row[starts[k]]
        left, right = starts[k] - diagonal, ends[k] + diagonal
        while near < past_starts.size and past_ends[near] <= left:
            near += 1
        other = near
        while other < past_starts.size and past_starts[other] < right:
            if past_row[past_starts[other]] == value:
                if label < 0:
                    label = past_labels[other]
                elif label != past_labels[other]:
                    label = unite(parent, label, past_labels[other])
            other += 1
        labels[k] = label


@kernel
def _open(line: Ints, y: int, x: int, value: int) -> None:
    line[AREA], line[VALUE] = 0, value
    line[Y0], line[X0], line[Y1], line[X1] = y, x, y + 1, x


@kernel
def _extend(line: Ints, y: int, start: int, end: int) -> None:
    line[AREA] += end - start
    line[X0] = min(line[X0], start)
    line[X1] = max(line[X1], end)
    line[Y1] = y + 1


@kernel
def fold(
    parent: Ints,
    table: Ints,
    carried: Ints,
    everywhere: Ints,
    totals: Ints,
    known: int,
) -> tuple[Ints, int]:
    """Take the labels of a strip into those of the image.

    Args:
        parent: forest of the strip's labels; the first are those of the row above.
        table: (labels, 6) of the strip's.
        carried: what the labels of the row above stand for, ascending.
        everywhere: forest of the image's labels, room for the strip's.
        totals: (labels, 6) table of the image.
        known: labels of the image before.

    Returns:
        the image's label of each of the strip's, and how many the image has now.
    """
    names = np.empty(parent.size, np.int64)
    for k in range(parent.size):
        root = find(parent, k)
        if root == k and k >= carried.size:
            names[k] = everywhere[known] = known
            totals[known] = table[k]
            known += 1
            continue
        if k < carried.size:
            names[k] = carried[k]
            if root != k:
                unite(everywhere, carried[k], carried[root])
        else:
            names[k] = names[root]
        merge(totals[names[k]], table[k])
    return names, known


@kernel
def merge(into: Ints, line: Ints) -> None:
    """Add area and box of one label to another's."""
    into[AREA] += line[AREA]
    into[Y0] = min(into[Y0], line[Y0])
    into[X0] = min(into[X0], line[X0])
    into[Y1] = max(into[Y1], line[Y1])
    into[X1] = max(into[X1], line[X1])


@kernel
def paint_runs(
    into: NDArray[np.uint32], starts: Rows, ends: Rows, bounds: Ints, ids: NDArray[np.uint32]
) -> None:
    """Write the ids of runs into a strip (h, w), 0 elsewhere."""
    for r in range(into.shape[0]):
        row = into[r]
        done = 0
        for k in range(bounds[r], bounds[r + 1]):
            row[done : starts[k]] = 0
            row[starts[k] : ends[k]] = ids[k]
            done = ends[k]
        row[done:] = 0


@kernel
def gather_totals(totals: Ints, ids: Ints, count: int) -> Ints:
    """The table of components 1 to count from that of labels, whose roots come first."""
    out = np.empty((count, COLUMNS), np.int64)
    found = 0
    for k in range(ids.size):
        if ids[k] > found:
            out[found] = totals[k]
            found += 1
        else:
            merge(out[ids[k] - 1], totals[k])
    return out
