"""Polygons to segments as GDAL (rasterio.features.rasterize) burns them, bit for bit.

A line of pixels is cut at its centre height; between two cuts lie the pixels whose centre is
in (left, right]. Rings of one object are filled together by parity; a side that runs leftwards
exactly at centre height is burnt besides, so the direction of rings counts: GDAL turns every
ring clockwise in map coordinates (y up) before. Spans of rows become segments of columns.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.fill import MAX_CROSSINGS
from maskloom.core.kernel import Ints, Points, Rows, Segments, kernel, wide


@kernel
def fill_gdal(
    points: Points, rings: Ints, groups: Ints, frames: Ints
) -> tuple[Segments, Ints, int]:
    """Fill each group of rings.

    Args:
        points: (V, 2) [x, y] vertices of all rings, finite and within `fill.MAX_COORDINATE`.
        rings: (R+1) offsets of the rings; each is closed implicitly.
        groups: (G+1) offsets into the rings; the rings of a group are filled together.
        frames: (2,) [H, W].

    Returns:
        segments, offsets (G+1), and the first group with too many crossings or -1.

    Source: GDAL 3.10 alg/llrasterize.cpp, GDALdllImageFilledPolygon.
    """
    height, width = frames[0], frames[1]
    out = np.empty((max(64, 4 * points.shape[0]), 3), np.int32)
    offsets = np.zeros(groups.size, np.int64)
    k = 0
    for g in range(groups.size - 1):
        total, flat, low, high = _extent(points, rings, groups[g], groups[g + 1], height)
        if total + flat > MAX_CROSSINGS:
            return out[:0], offsets, g
        if low <= high:
            cuts = np.empty((total, 2), np.int32)
            sides = np.empty((flat, 3), np.int32)
            _cut(points, rings, (groups[g], groups[g + 1]), (height, width), cuts, sides)
            toggles, bad = _toggles(cuts, sides, low, high)
            if bad:
                return out[:0], offsets, g
            if k + toggles.shape[0] // 2 > out.shape[0]:
                grown = np.empty((2 * out.shape[0] + toggles.shape[0], 3), np.int32)
                grown[:k] = out[:k]
                out = grown
            k = _pair(toggles, out, k)
        offsets[g + 1] = k
    return out[:k], offsets, -1


@kernel
def _rows(ya: float, yb: float, height: int) -> tuple[int, int]:
    """First and last row of the frame whose centre height lies in [lower, upper)."""
    lower, upper = min(ya, yb), max(ya, yb)
    first, last = wide(np.floor(lower)), wide(np.floor(upper))
    # Comparisons with the centre itself, as GDAL makes them: a sum could be rounded.
    if first + 0.5 < lower:
        first += 1
    if last + 0.5 >= upper:
        last -= 1
    return max(first, wide(0)), min(last, height - 1)


@kernel
def _level(ya: float, yb: float, height: int) -> bool:
    """Whether an edge runs exactly along the centres of a row of the frame."""
    return ya == yb and ya - np.floor(ya) == 0.5 and 0 <= ya < height


@kernel
def _extent(
    points: Points, rings: Ints, first: int, last: int, height: int
) -> tuple[int, int, int, int]:
    """Number of cuts and of level sides of some rings, and their first and last row."""
    total, flat, low, high = 0, 0, height, -1
    for r in range(first, last):
        a, b = rings[r], rings[r + 1]
        for j in range(a, b):
            n = j + 1 if j + 1 < b else a
            top, bottom = _rows(points[j, 1], points[n, 1], height)
            if _level(points[j, 1], points[n, 1], height):
                flat += 1
                top = bottom = wide(np.floor(points[j, 1]))
            elif top <= bottom:
                total += bottom - top + 1
            if top <= bottom:
                low, high = min(low, top), max(high, bottom)
    return total, flat, low, high


@kernel
def _cut(
    points: Points,
    rings: Ints,
    span: tuple[int, int],
    frame: tuple[int, int],
    cuts: Rows,
    sides: Rows,
) -> None:
    """Write (row, column) of every cut and (row, from, to) of every level side."""
    height, width = frame
    m = s = 0
    for r in range(span[0], span[1]):
        a, b = rings[r], rings[r + 1]
        for j in range(a, b):
            n = j + 1 if j + 1 < b else a
            xa, ya, xb, yb = points[j, 0], points[j, 1], points[n, 0], points[n, 1]
            if _level(ya, yb, height):
                leftwards = xa > xb
                sides[s, 0] = wide(np.floor(ya))
                sides[s, 1] = _column(xb, width) if leftwards else 0
                sides[s, 2] = _column(xa, width) if leftwards else 0
                s += 1
                continue
            top, bottom = _rows(ya, yb, height)
            if ya > yb:
                xa, ya, xb, yb = xb, yb, xa, ya
            for y in range(top, bottom + 1):
                cuts[m, 0] = y
                cuts[m, 1] = _column((y + 0.5 - ya) * (xb - xa) / (yb - ya) + xa, width)
                m += 1


@kernel
def _column(x: float, width: int) -> int:
    """First column whose centre lies right of x, in [0, width]."""
    return min(max(wide(np.floor(x + 0.5)), wide(0)), width)


@kernel
def _toggles(cuts: Rows, sides: Rows, low: int, high: int) -> tuple[Rows, bool]:
    """(column, row) where a pixel differs from the one above, by row; and whether too many do."""
    cuts = cuts[np.argsort(cuts[:, 0].astype(np.int64) << 32 | cuts[:, 1], kind="mergesort")]
    out = np.empty((max(64, 4 * cuts.shape[0]), 2), np.int32)
    above = np.empty(0, np.int32)
    k = i = 0
    for y in range(low, high + 2):
        begin = i
        while i < cuts.shape[0] and cuts[i, 0] == y:
            i += 1
        ends = cuts[begin : begin + (i - begin) // 2 * 2, 1].copy()
        for s in range(sides.shape[0]):
            if sides[s, 0] == y and sides[s, 1] < sides[s, 2]:
                ends = _united(ends, sides[s, 1], sides[s, 2])
        both = np.sort(np.concatenate((above, ends)))
        for j in range(0, both.size - 1, 2):
            count = both[j + 1] - both[j]
            if k + count > MAX_CROSSINGS:
                return out[:0], True
            if k + count > out.shape[0]:
                grown = np.empty((2 * out.shape[0] + count, 2), np.int32)
                grown[:k] = out[:k]
                out = grown
            for c in range(both[j], both[j + 1]):
                out[k, 0], out[k, 1] = c, y
                k += 1
        above = ends
    return out[:k], False


@kernel
def _united(ends: Segments, start: int, stop: int) -> Segments:
    """Sorted ends of spans, with one span more."""
    out = np.empty(ends.size + 2, np.int32)
    k = 0
    low, high = start, stop
    for j in range(0, ends.size, 2):
        if ends[j] <= high and ends[j + 1] >= low:
            low, high = min(low, wide(ends[j])), max(high, wide(ends[j + 1]))
        else:
            out[k], out[k + 1] = ends[j], ends[j + 1]
            k += 2
    out[k], out[k + 1] = low, high
    return np.sort(out[: k + 2])


@kernel
def _pair(toggles: Rows, out: Segments, k: int) -> int:
    """Toggles by row to segments by column."""
    if toggles.shape[0] == 0:
        return k
    low = high = wide(toggles[0, 0])
    for j in range(toggles.shape[0]):
        low, high = min(low, wide(toggles[j, 0])), max(high, wide(toggles[j, 0]))
    starts = np.zeros(high - low + 2, np.int64)
    for j in range(toggles.shape[0]):
        starts[toggles[j, 0] - low + 1] += 1
    for c in range(1, starts.size):
        starts[c] += starts[c - 1]
    lines = np.empty(toggles.shape[0], np.int32)
    places = starts.copy()
    for j in range(toggles.shape[0]):
        c = toggles[j, 0] - low
        lines[places[c]] = toggles[j, 1]
        places[c] += 1
    for c in range(starts.size - 1):
        for j in range(starts[c], starts[c + 1] - 1, 2):
            out[k, 0], out[k, 1], out[k, 2] = low + c, lines[j], lines[j + 1]
            k += 1
    return k
