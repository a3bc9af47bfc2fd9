"""All objects of an id map to segments, in one pass over the map.

A pixel whose id differs from the one above ends a segment of the old id and begins one
of the new. Gathering segments by id is `components.gather`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, Rows, Segments, kernel


@kernel
def scan_ids(ids: NDArray[np.uint8]) -> tuple[Segments, NDArray[np.uint8]]:
    """Vertical segments of equal id, sorted by column and row, and their ids.

    Args:
        ids: (H, W) of any unsigned dtype, in C order.
    """
    height, width = ids.shape
    columns = np.empty(1024 + 2 * width, np.int32)
    rows = np.empty(1024 + 2 * width, np.int32)
    k = 0
    for r in range(1, height):
        if k + width > columns.size:
            columns, rows = _grown(columns, k, width), _grown(rows, k, width)
        end = _id_changes(ids[r - 1], ids[r], columns, k)
        rows[k:end] = r
        k = end
    return _segments_by_column(ids, columns[:k], rows[:k])


@kernel
def _grown(items: Rows, k: int, room: int) -> Rows:
    """A larger copy of a list of which k items are used."""
    grown = np.empty(2 * items.size + room, np.int32)
    grown[:k] = items[:k]
    return grown


@kernel
def _id_changes(above: NDArray[np.uint8], row: NDArray[np.uint8], columns: Rows, k: int) -> int:
    """Append the columns at which two rows differ."""
    width = row.size
    for start in range(0, width, 64):
        stop = min(start + 64, width)
        differ = above[start] ^ row[start]
        for j in range(start, stop):
            differ |= above[j] ^ row[j]
        if differ:
            for j in range(start, stop):
                columns[k] = j
                k += above[j] != row[j]
    return k


@kernel
def _segments_by_column(
    ids: NDArray[np.uint8], columns: Rows, rows: Rows
) -> tuple[Segments, NDArray[np.uint8]]:
    """Sort changes by column; between two of them lies one segment."""
    height, width = ids.shape
    starts = np.zeros(width + 1, np.int64)
    for j in range(columns.size):
        starts[columns[j] + 1] += 1
    for c in range(width):
        starts[c + 1] += starts[c] + 1
    segments = np.empty((starts[width], 3), np.int32)
    owners = np.empty(starts[width], ids.dtype)
    fill: Ints = starts[:width].copy()
    for c in range(width):
        segments[fill[c], 0], segments[fill[c], 1] = c, 0
        owners[fill[c]] = ids[0, c]
    for j in range(columns.size):
        c = columns[j]
        segments[fill[c], 2] = rows[j]
        fill[c] += 1
        segments[fill[c], 0], segments[fill[c], 1] = c, rows[j]
        owners[fill[c]] = ids[rows[j], c]
    for c in range(width):
        segments[fill[c], 2] = height
    return segments, owners
