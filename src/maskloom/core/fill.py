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
            starts = np.zeros(high - low + 2, np.int64)
            crossings = np.empty((total, 2), np.int32)
            m = 0
            for r in range(groups[g], groups[g + 1]):
                ring = points[rings[r] : rings[r + 1]]
                m = _cross_ring(ring, height, width, rule, crossings, m)
            k = _pair(crossings[:m], low, starts, out, k)
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
def _columns(xa: float, xb: float, width: int, rule: int) -> tuple[int, int]:
    """First and last column of the frame whose centre line an edge crosses."""
    if rule == COCO:
        ia, ib = wide(5.0 * xa + 0.5), wide(5.0 * xb + 0.5)
        left, right = -((2 - min(ia, ib)) // 5), (max(ia, ib) - 3) // 5
    elif rule == CENTRE:
        left = wide(np.ceil(min(xa, xb) - 0.5))
        right = wide(np.ceil(max(xa, xb) - 0.5)) - 1
    else:
        ia, ib = wide(np.floor(xa * 64 + 0.5)), wide(np.floor(xb * 64 + 0.5))
        left, right = -((32 - min(ia, ib)) // 64), -((32 - max(ia, ib)) // 64) - 1
    return max(left, wide(0)), min(right, width - 1)


@kernel
def _cross_ring(ring: Points, height: int, width: int, rule: int, crossings: Rows, m: int) -> int:
    """Append (column, row) of every crossing; rows are clipped to [0, height]."""
    for j in range(ring.shape[0]):
        n = j + 1 if j + 1 < ring.shape[0] else 0
        left, right = _columns(ring[j, 0], ring[n, 0], width, rule)
        if left > right:
            continue
        xa, ya, xb, yb = ring[j, 0], ring[j, 1], ring[n, 0], ring[n, 1]
        if rule == COCO:
            m = _cross_coco((xa, ya, xb, yb), left, right, height, crossings, m)
            continue
        if xa > xb:
            xa, ya, xb, yb = xb, yb, xa, ya
        for c in range(left, right + 1):
            if rule == CENTRE:
                y = ya + (c + 0.5 - xa) * (yb - ya) / (xb - xa)
                row = wide(np.ceil(y - 0.5))
            else:
                row = _grid_row(xa, ya, xb, yb, c)
            crossings[m, 0] = c
            crossings[m, 1] = min(max(row, wide(0)), height)
            m += 1
    return m


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
    left: int,
    right: int,
    height: int,
    crossings: Rows,
    m: int,
) -> int:
    """Crossings of one edge as rleFrPoly finds them, without its walk along the edge.

    Source: cocoapi common/maskApi.c, rleFrPoly: vertices and edges are rounded to a grid
    of 1/5 px; column c is sampled between grid columns 5c+2 and 5c+3.
    """
    xs, ys = wide(5.0 * edge[0] + 0.5), wide(5.0 * edge[1] + 0.5)
    xe, ye = wide(5.0 * edge[2] + 0.5), wide(5.0 * edge[3] + 0.5)
    dx, dy = abs(xe - xs), abs(ye - ys)
    if (dx >= dy and xs > xe) or (dx < dy and ys > ye):
        xs, ys, xe, ye = xe, ye, xs, ys
    for c in range(left, right + 1):
        u = 5 * c + 2
        if dx >= dy:
            slope = (ye - ys) / dx
            t = u - xs
            v = min(wide(ys + slope * t + 0.5), wide(ys + slope * (t + 1) + 0.5))
        else:
            slope = (xe - xs) / dy
            t = min(max(wide((u + 0.5 - xs) / slope), wide(1)), dy)
            # The guess may be a step off: the rounding of the source decides.
            while t > 1 and _past(xs + slope * (t - 1) + 0.5, u, slope):
                t -= 1
            while t < dy and not _past(xs + slope * t + 0.5, u, slope):
                t += 1
            v = ys + t - 1
        crossings[m, 0] = c
        crossings[m, 1] = min(max(-((2 - v) // 5), wide(0)), height)
        m += 1
    return m


@kernel
def _past(x: float, u: int, slope: float) -> bool:
    """Whether a point of a steep edge lies beyond the line between u and u + 1."""
    return wide(x) > u if slope > 0 else wide(x) <= u


@kernel
def _pair(crossings: Rows, low: int, starts: Ints, out: Segments, k: int) -> int:
    """Sort crossings by column and row and join them in pairs."""
    for j in range(crossings.shape[0]):
        starts[crossings[j, 0] - low + 1] += 1
    for c in range(1, starts.size):
        starts[c] += starts[c - 1]
    rows = np.empty(crossings.shape[0], np.int32)
    for j in range(crossings.shape[0]):
        c = crossings[j, 0] - low
        rows[starts[c]] = crossings[j, 1]
        starts[c] += 1
    begin = wide(0)
    for c in range(starts.size - 1):
        line = rows[begin : starts[c]]
        begin = starts[c]
        _sort(line)
        first = k
        for j in range(0, line.size - 1, 2):
            if line[j] == line[j + 1]:
                continue
            if k > first and out[k - 1, 2] == line[j]:
                out[k - 1, 2] = line[j + 1]
            else:
                out[k, 0], out[k, 1], out[k, 2] = low + c, line[j], line[j + 1]
                k += 1
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
