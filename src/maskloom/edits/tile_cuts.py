"""Kernel that cuts the segments of many masks into the runs of 256 × 256 tiles.

Segments of one tile column are put into a bucket per tile row, so the cost is linear in the
pieces however tall a mask is. The way back is `tile_runs.join`; the face is `tiles`.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Bytes, Ints, Rows, Segments, kernel, wide
from maskloom.edits.tile_runs import TILE, write_toggles


@kernel
def cut(segments: Segments, offsets: Ints) -> tuple[Ints, Bytes, Ints]:
    """Tiles of many masks.

    Args:
        segments: (S, 3) sorted and maximal, of all masks.
        offsets: (N+1) bounds of each mask's segments.

    Returns:
        places (T, 3) of mask, tile column and tile row; the runs; offsets (T+1) of each tile.
    """
    places = np.empty((64, 3), np.int64)
    ends = np.zeros(65, np.int64)
    out = np.empty(4096, np.uint8)
    t = 0
    for i in range(offsets.size - 1):
        first = offsets[i]
        while first < offsets[i + 1]:
            column = segments[first, 0] >> 8
            last, low, high = _strip(segments, first, offsets[i + 1])
            starts, pieces = _bucket(segments[first:last], low, high)
            for b in range(high - low + 1):
                n = starts[b + 1] - starts[b]
                if n == 0:
                    continue
                if t + 1 == ends.size:
                    places, ends = _grow_places(places, ends)
                if ends[t] + 6 * n + 3 > out.size:
                    grown = np.empty(2 * out.size + 6 * n + 3, np.uint8)
                    grown[: ends[t]] = out[: ends[t]]
                    out = grown
                places[t] = i, column, low + b
                ends[t + 1] = _write(pieces[starts[b] : starts[b + 1]], out, ends[t])
                t += 1
            first = last
    return places[:t], out[: ends[t]], ends[: t + 1]


@kernel
def _strip(segments: Segments, first: int, end: int) -> tuple[int, int, int]:
    """The end of the segments in one tile column, and their first and last tile row."""
    column = segments[first, 0] >> 8
    low, high = segments[first, 1] >> 8, np.int32(0)
    last = first
    while last < end and segments[last, 0] >> 8 == column:
        low = min(low, segments[last, 1] >> 8)
        high = max(high, (segments[last, 2] - 1) >> 8)
        last += 1
    return last, wide(low), wide(high)


@kernel
def _bucket(strip: Segments, low: int, high: int) -> tuple[Ints, Rows]:
    """Cut the segments of a strip at tile rows: bounds per row, and pieces [from, to)."""
    starts = np.zeros(high - low + 3, np.int64)
    for j in range(strip.shape[0]):
        for b in range((strip[j, 1] >> 8) - low, ((strip[j, 2] - 1) >> 8) - low + 1):
            starts[b + 2] += 1
    for b in range(2, starts.size):
        starts[b] += starts[b - 1]
    pieces = np.empty((starts[-1], 2), np.int32)
    for j in range(strip.shape[0]):
        base = (strip[j, 0] & 255) * TILE
        for b in range((strip[j, 1] >> 8) - low, ((strip[j, 2] - 1) >> 8) - low + 1):
            edge = (low + b) * TILE
            pieces[starts[b + 1], 0] = base + max(strip[j, 1] - edge, 0)
            pieces[starts[b + 1], 1] = base + min(strip[j, 2] - edge, TILE)
            starts[b + 1] += 1
    return starts[:-1].copy(), pieces


@kernel
def _write(pieces: Rows, out: Bytes, k: int) -> int:
    """Write the runs of one tile at out[k:]; pieces that meet at a column end become one."""
    toggles = np.empty(2 * pieces.shape[0], np.int32)
    n = 0
    for j in range(pieces.shape[0]):
        if n and toggles[n - 1] == pieces[j, 0]:
            toggles[n - 1] = pieces[j, 1]
        else:
            toggles[n], toggles[n + 1] = pieces[j, 0], pieces[j, 1]
            n += 2
    if toggles[n - 1] == TILE * TILE:
        n -= 1
    return write_toggles(toggles, n, out, k)


@kernel
def _grow_places(places: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Twice the room."""
    n = places.shape[0]
    more = np.empty((2 * n, 3), np.int64)
    more[:n] = places
    longer = np.zeros(2 * n + 1, np.int64)
    longer[: n + 1] = ends
    return more, longer
