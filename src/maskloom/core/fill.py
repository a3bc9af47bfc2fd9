"""Polygons to segments: three scan rules, all by parity, one crossing list.

"coco" is pycocotools' rleFrPoly bit for bit, "centre" takes a pixel whose centre lies
inside, and "grid" is the same decided in whole numbers on a 1/64 px grid, as the web
page does it; integer pixel-edge rings are exact under it. Rings come from `rings`.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Ints, Points, Rows, Segments, kernel, wide

COCO, CENTRE, GRID = 0, 1, 2
GRID_STEPS = 64
"""Grid positions per pixel under the rule "grid"."""
MAX_COORDINATE = 2**24
MAX_CROSSINGS = 2**26


@kernel
def fill(
    points: Points, rings: Ints, groups: Ints, frames: Ints, rule: int
) -> tuple[Segments, Ints, int]:
    """Fill each group of rings by parity.

    Args:
        points: (V, 2) [x, y] vertices of all rings, finite and within `MAX_COORDINATE`.
        rings: (R+1) offsets of the rings; each is closed implicitly.
        groups: (G+1) offsets into the rings; the rings of a group are filled together.
        frames: (2,) [H, W].
        rule: `COCO`, `CENTRE` or `GRID`.

    Returns:
        segments, offsets (G+1), and the first group with too many crossings or -1.
    """
    height, width = frames[0], frames[1]
    out = np.empty((max(64, 4 * points.shape[0]), 3), np.int32)
    offsets = np.zeros(groups.size, np.int64)
    k = 0
    for g in range(groups.size - 1):
        total, low, high = _extent(points, rings, groups[g], groups[g + 1], width, rule)
        if total > MAX_CROSSINGS:
            return out[:0], offsets, g
        if total > 0:
            if k + total > out.shape[0]:
                grown = np.empty((2 * out.shape[0] + total, 3), np.int32)
                grown[:k] = out[:k]
                out = grown
            places = _places(points, rings, (groups[g], groups[g + 1]), (low, high), width, rule)
            lines = np.empty(total, np.int32)
            for r in range(groups[g], groups[g + 1]):
                ring = points[rings[r] : rings[r + 1]]
                _cross_ring(ring, height, width, rule, low, places, lines)
            k = _pair(lines, low, places, out, k)
        offsets[g + 1] = k
    return out[:k], offsets, -1


@kernel
def _extent(
    points: Points, rings: Ints, first: int, last: int, width: int, rule: int
) -> tuple[int, int, int]:
    """Number of crossings of some rings, and their first and last column."""
    total, low, high = 0, width, -1
    for r in range(first, last):
        a, b = rings[r], rings[r + 1]
        for j in range(a, b):
            n = j + 1 if j + 1 < b else a
            left, right = _columns(points[j, 0], points[n, 0], width, rule)
            if left <= right:
                total += right - left + 1
                low, high = min(low, left), max(high, right)
    return total, low, high


@kernel
def _places(
    points: Points,
    rings: Ints,
    span: tuple[int, int],
    columns: tuple[int, int],
    width: int,
    rule: int,
) -> Ints:
    """Where the crossings of each column from the first to the last begin, sorted by column."""
    places = np.zeros(columns[1] - columns[0] + 2, np.int64)
    for r in range(span[0], span[1]):
        a, b = rings[r], rings[r + 1]
        for j in range(a, b):
            n = j + 1 if j + 1 < b else a
            left, right = _columns(points[j, 0], points[n, 0], width, rule)
            if left <= right:
                places[left - columns[0]] += 1
                places[right + 1 - columns[0]] -= 1
    edges = begin = wide(0)
    for c in range(places.size):
        edges += places[c]
        places[c] = begin
        begin += edges
    return places


@kernel
def _columns(xa: float, xb: float, width: int, rule: int) -> tuple[int, int]:
    """First and last column of the frame whose centre line an edge crosses."""
    if rule == COCO:
        ia, ib = wide(5.0 * xa + 0.5), wide(5.0 * xb + 0.5)
        left, right = _centres(min(ia, ib)), _centres(max(ia, ib)) - 1
    elif rule == CENTRE:
        left = wide(np.ceil(min(xa, xb) - 0.5))
        right = wide(np.ceil(max(xa, xb) - 0.5)) - 1
    else:
        ia, ib = wide(np.floor(xa * 64 + 0.5)), wide(np.floor(xb * 64 + 0.5))
        left, right = -((32 - min(ia, ib)) // 64), -((32 - max(ia, ib)) // 64) - 1
    return max(left, wide(0)), min(right, width - 1)


@kernel
def _cross_ring(
    ring: Points, height: int, width: int, rule: int, low: int, places: Ints, lines: Rows
) -> None:
    """Write the row of every crossing to the place of its column; rows are clipped to the frame."""
    for j in range(ring.shape[0]):
        n = j + 1 if j + 1 < ring.shape[0] else 0
        left, right = _columns(ring[j, 0], ring[n, 0], width, rule)
        if left > right:
            continue
        xa, ya, xb, yb = ring[j, 0], ring[j, 1], ring[n, 0], ring[n, 1]
        if rule == COCO:
            _cross_coco((xa, ya, xb, yb), (left, right, low), height, places, lines)
            continue
        if xa > xb:
            xa, ya, xb, yb = xb, yb, xa, ya
        for c in range(left, right + 1):
            if rule == CENTRE:
                y = ya + (c + 0.5 - xa) * (yb - ya) / (xb - xa)
                row = wide(np.ceil(y - 0.5))
            else:
                row = _grid_row(xa, ya, xb, yb, c)
            lines[places[c - low]] = min(max(row, wide(0)), height)
            places[c - low] += 1


@kernel
def _grid_row(xa: float, ya: float, xb: float, yb: float, column: int) -> int:
    """First row whose centre is not above the edge, in whole numbers."""
    ia, ja = wide(np.floor(xa * 64 + 0.5)), wide(np.floor(ya * 64 + 0.5))
    ib, jb = wide(np.floor(xb * 64 + 0.5)), wide(np.floor(yb * 64 + 0.5))
    run = ib - ia
    above = (ja - 32) * run + (jb - ja) * (64 * column + 32 - ia)
    return -((-above) // (64 * run))


@kernel
def _cross_coco(
    edge: tuple[float, float, float, float],
    columns: tuple[int, int, int],
    height: int,
    places: Ints,
    lines: Rows,
) -> None:
    """Crossings of one edge as rleFrPoly finds them, without its walk along the edge.

    Source: cocoapi common/maskApi.c, rleFrPoly: vertices and edges are rounded to a grid
    of 1/5 px; column c is sampled between grid columns 5c+2 and 5c+3.
    """
    left, right, low = columns
    xs, ys = wide(5.0 * edge[0] + 0.5), wide(5.0 * edge[1] + 0.5)
    xe, ye = wide(5.0 * edge[2] + 0.5), wide(5.0 * edge[3] + 0.5)
    dx, dy = abs(xe - xs), abs(ye - ys)
    flat = dx >= dy
    if (flat and xs > xe) or (not flat and ys > ye):
        xs, ys, xe, ye = xe, ye, xs, ys
    slope = (ye - ys) / dx if flat else (xe - xs) / dy
    per_column = 1.0 if flat else 1.0 / slope
    # The higher of the two samples of a column; rounding keeps their order.
    t = 5 * left + 2 - xs + wide(slope < 0)
    u = 5.0 * left + 3.0
    for c in range(left - low, right + 1 - low):
        if flat:
            v = wide(ys + slope * t + 0.5)
            t += 5
        else:
            v = ys + _first_past(xs, slope, (u - 0.5 - xs) * per_column, dy, u) - 1
            u += 5.0
        lines[places[c]] = min(_centres(v), height)
        places[c] += 1


@kernel
def _centres(place: int) -> int:
    """How many pixel centres, which lie at 2.5, 7.5, ..., a place on the 1/5 px grid has passed."""
    # Without a sign this division is a multiplication.
    return wide(np.uint64(max(place + 2, wide(0))) // np.uint64(5))


@kernel
def _first_past(xs: int, slope: float, guess: float, most: int, line: float) -> int:
    """The first step of 1 to `most` of a steep edge that lies beyond a line.

    The guess may be a step off: the rounding of the source decides.
    """
    t = min(max(wide(np.ceil(guess)), wide(1)), most)
    while t > 1 and (xs + slope * (t - 1) + 0.5 >= line) == (slope > 0):
        t -= 1
    while t < most and (xs + slope * t + 0.5 >= line) != (slope > 0):
        t += 1
    return t


@kernel
def _pair(lines: Rows, low: int, places: Ints, out: Segments, k: int) -> int:
    """Sort the crossings of each column, which end at its place, and join them in pairs."""
    begin = wide(0)
    for c in range(places.size - 1):
        end = places[c]
        if end - begin == 2:
            # Which of the usual two is higher cannot be foreseen: no branch.
            y0, y1 = lines[begin], lines[begin + 1]
            out[k, 0], out[k, 1], out[k, 2] = low + c, min(y0, y1), max(y0, y1)
            k += wide(y0 != y1)
            begin = end
            continue
        first = k
        _sort(lines[begin:end])
        for j in range(begin, end - 1, 2):
            if lines[j] == lines[j + 1]:
                continue
            if k > first and out[k - 1, 2] == lines[j]:
                out[k - 1, 2] = lines[j + 1]
            else:
                out[k, 0], out[k, 1], out[k, 2] = low + c, lines[j], lines[j + 1]
                k += 1
        begin = end
    return k


@kernel
def _sort(line: Rows) -> None:
    """Sort in place; lines are short but for noise."""
    if line.size > 32:
        line.sort()
        return
    for j in range(1, line.size):
        value = line[j]
        i = j - 1
        while i >= 0 and line[i] > value:
            line[i + 1] = line[i]
            i -= 1
        line[i + 1] = value
