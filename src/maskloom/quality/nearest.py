"""How far it is from places to the nearest pixel of a code, in work linear in the pixels.

An exact Euclidean distance transform for many codes that only looks where it is asked. Code by
code a sweep down the rows keeps for each column the nearest pixels of the code above and below;
in a row the distance is the lower envelope of their parabolas (Meijster, Roerdink and Hesselink,
2000; Felzenszwalb and Huttenlocher, 2012). The work is at most pixels × codes that are asked for,
and at most places × reach; the memory is that of the pixels for any number of codes. What the
distances mean is `bands.py`.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Ints, Points, Rows, kernel, wide

_FAR = 1 << 40
"""A row that is farther from every row than any reach."""


def nearest(codes_map: Rows, yx: Ints, wanted: Rows, reach: float) -> Points:
    """For each place the distance to the nearest pixel of the wanted code, in px.

    Args:
        codes_map: (H, W) int32; negative pixels are nothing.
        yx: (M, 2) places in raster order, none on a pixel of the code that it wants.
        wanted: (M,) codes from 0.
        reach: pixels farther than this many px are not looked at.

    Returns:
        (M,) distances, infinite where there is none within reach.
    """
    out = np.full(len(yx), np.inf)
    if len(yx) and reach >= 1:
        starts, order = _grouped(wanted, int(wanted.max()) + 1)
        first, contour = _contours(codes_map, starts)
        columns = np.empty((2, codes_map.shape[1]), np.int64)
        columns[0], columns[1] = -_FAR, _FAR
        _sweep((starts, order, yx), (first, contour), columns, reach, out)
    return out


@kernel
def _grouped(wanted: Rows, n_codes: int) -> tuple[Ints, Ints]:
    """Where the places of each code start (and the last ones end), and the places by code."""
    starts = np.zeros(n_codes + 1, np.int64)
    for code in wanted:
        starts[code + 1] += 1
    starts = np.cumsum(starts)
    order = np.empty(wanted.size, np.int64)
    used = starts.copy()
    for i in range(wanted.size):
        order[used[wanted[i]]] = i
        used[wanted[i]] += 1
    return starts, order


def _contours(codes_map: Rows, starts: Ints) -> tuple[Ints, Rows]:
    """Pixels of the wanted codes beside one of another code: first of each code, (N, 2) yx.

    From outside a code the nearest pixel of it is always such a one.
    """
    beside = np.zeros(codes_map.shape, np.bool_)
    for one, two in (np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:]):
        differ = codes_map[one] != codes_map[two]
        beside[one] |= differ
        beside[two] |= differ
    y, x = np.nonzero(beside)
    codes = codes_map[y, x]
    known = (codes >= 0) & (codes < len(starts) - 1)
    known[known] = np.diff(starts)[codes[known]] > 0
    first, order = _grouped(codes[known], len(starts) - 1)
    yx = np.stack([y[known], x[known]], axis=1).astype(np.int32)
    return first, yx[order]


@kernel
def _sweep(
    asked: tuple[Ints, Ints, Ints],
    found: tuple[Ints, Rows],
    columns: Ints,
    reach: float,
    out: Points,
) -> None:
    """Answer the places of each code, row by row.

    Args:
        asked: starts and order of `_grouped`, and the places.
        found: of `_contours`.
        columns: (2, W) the row of the nearest pixel at or above and of that below; all far.
        reach: in px.
        out: distances of the places, written to.
    """
    starts, order, yx = asked
    first, contour = found
    after = np.empty(len(contour), np.int64)
    stack = np.empty_like(columns)
    for code in range(starts.size - 1):
        mine = contour[first[code] : first[code + 1]]
        _enter(mine, after[first[code] : first[code + 1]], columns)
        at, p = starts[code], first[code]
        while at < starts[code + 1] and len(mine):
            y = yx[order[at], 0]
            while p < first[code + 1] and contour[p, 0] <= y:
                x = contour[p, 1]
                columns[0, x], columns[1, x] = contour[p, 0], after[p]
                p += 1
            end = at + 1
            while end < starts[code + 1] and _joined(yx, order[end - 1], order[end], reach):
                end += 1
            _answer(order[at:end], yx, columns, stack, reach, out)
            at = end
        for i in range(len(mine)):
            columns[0, mine[i, 1]], columns[1, mine[i, 1]] = -_FAR, _FAR


@kernel
def _enter(contour: Rows, after: Ints, columns: Ints) -> None:
    """Set the first pixel of each column as the next below, and `after` each pixel its next one."""
    for i in range(len(contour) - 1, -1, -1):
        x = contour[i, 1]
        after[i] = columns[1, x]
        columns[1, x] = contour[i, 0]


@kernel
def _joined(yx: Ints, one: int, two: int, reach: float) -> bool:
    """Two places that follow each other share columns within reach."""
    return bool(yx[one, 0] == yx[two, 0] and yx[two, 1] - yx[one, 1] <= 2 * reach)


@kernel
def _answer(places: Ints, yx: Ints, columns: Ints, stack: Ints, reach: float, out: Points) -> None:
    """Distances of places in one row, from the lower envelope of the columns within reach.

    The stack holds columns, and from where on each is the nearest.
    """
    y, margin = yx[places[0], 0], int(reach)
    low = max(yx[places[0], 1] - margin, 0)
    high = min(yx[places[-1], 1] + margin, columns.shape[1] - 1)
    top = -1
    for x in range(low, high + 1):
        step = _height(columns, y, x)
        if step > margin:
            continue
        start = low
        while top >= 0:
            other, since = stack[0, top], stack[1, top]
            rise = step * step - _height(columns, y, other) ** 2
            if (since - x) ** 2 + rise >= (since - other) ** 2:
                start = (x * x - other * other + rise) // (2 * (x - other)) + 1
                break
            top -= 1
        if start <= high:
            top += 1
            stack[0, top], stack[1, top] = x, start
    k = 0
    for place in places:
        x = yx[place, 1]
        while k < top and stack[1, k + 1] <= x:
            k += 1
        if top >= 0:
            far = np.sqrt((x - stack[0, k]) ** 2 + _height(columns, y, stack[0, k]) ** 2)
            out[place] = far if far <= reach else np.inf


@kernel
def _height(columns: Ints, y: int, x: int) -> int:
    """How many rows away the nearest pixel of a column is."""
    return wide(min(y - columns[0, x], columns[1, x] - y))
