"""Pixel-edge rings: the exact outline of a mask as integer polygons.

The outline runs along pixel edges, so filling the rings by parity (`fill`, rule "edge")
gives back the same pixels. Not a contour through pixel centres as OpenCV draws it.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Bytes, Ints, Rows, Segments, kernel, wide

Links = tuple[Rows, Ints, Ints, Bytes, Ints]
"""Corners, vertical and horizontal partners, inward flags, open edge by row."""


@kernel
def trace(segments: Segments, diagonal: int) -> tuple[Rows, Ints]:
    """The rings of one mask.

    Every corner of the outline ends one vertical and one horizontal edge. A sweep over
    the lines between columns pairs the corners both ways; rings are the cycles.

    Args:
        segments: (S, 3), sorted, maximal.
        diagonal: 0 parts pixels that share only a corner, 1 puts them on one ring.

    Returns:
        corners (K, 2) [x, y] and ring offsets (R+1). Inside is to the right of the way
        of travel as seen on a screen (y down): outer rings have positive shoelace area,
        holes negative. A ring starts at its smallest (x, y); rings are in that order.
    """
    if segments.shape[0] == 0:
        return np.empty((0, 2), np.int32), np.zeros(1, np.int64)
    corners, vertical, horizontal, inward = _corners(segments, diagonal)
    total = corners.shape[0]
    seen = np.zeros(total, np.bool_)
    out = np.empty((total, 2), np.int32)
    offsets = np.empty(total + 1, np.int64)
    offsets[0] = 0
    k = rings = 0
    for first in range(total):
        if seen[first]:
            continue
        current = first
        along = inward[first] != 0
        while not seen[current]:
            seen[current] = True
            out[k] = corners[current]
            k += 1
            current = horizontal[current] if along else vertical[current]
            along = not along
        rings += 1
        offsets[rings] = k
    return out, offsets[: rings + 1].copy()


@kernel
def _corners(segments: Segments, diagonal: int) -> tuple[Rows, Ints, Ints, Bytes]:
    """Corners by (x, y), their partners both ways, and whether inside lies to the right."""
    total = segments.shape[0]
    y0, y1 = segments[0, 1], segments[0, 2]
    for j in range(total):
        y0, y1 = min(y0, segments[j, 1]), max(y1, segments[j, 2])
    corners = np.empty((4 * total, 2), np.int32)
    vertical = np.empty(4 * total, np.int64)
    horizontal = np.empty(4 * total, np.int64)
    inward = np.zeros(4 * total, np.uint8)
    edges = np.full(wide(y1) - y0 + 1, -1, np.int64)
    k = left = left_end = right_end = 0
    x = wide(segments[0, 0])
    while left < total:
        right = right_end
        while right_end < total and segments[right_end, 0] == x:
            right_end += 1
        links = (corners, vertical, horizontal, inward, edges)
        k = _line(segments, (left, left_end, right, right_end), (x, y0), diagonal, links, k)
        left, left_end = right, right_end
        x += 1
        if left == left_end and left < total:
            x = wide(segments[left, 0])
    return corners[:k], vertical[:k], horizontal[:k], inward[:k]


@kernel
def _line(
    segments: Segments,
    spans: tuple[int, int, int, int],
    origin: tuple[int, int],
    diagonal: int,
    links: Links,
    k: int,
) -> int:
    """Add the corners on the line x, between the column before it and the one after."""
    corners, vertical, horizontal, inward, edges = links
    x, y0 = origin
    p, p_end, q, q_end = 2 * spans[0], 2 * spans[1], 2 * spans[2], 2 * spans[3]
    pending = -1
    while p < p_end or q < q_end:
        yp = wide(segments[p >> 1, 1 + (p & 1)]) if p < p_end else wide(2**40)
        yq = wide(segments[q >> 1, 1 + (q & 1)]) if q < q_end else wide(2**40)
        y = min(yp, yq)
        both = yp == yq
        if both and (p & 1) == (q & 1):
            p += 1
            q += 1
            continue
        corners[k, 0], corners[k, 1] = x, y
        after_right = (q & 1) == 0 if yq == y else (q & 1) == 1
        if both:
            # Two pixels meet in a corner: the upper edge ends here and the lower begins.
            corners[k + 1, 0], corners[k + 1, 1] = x, y
            vertical[pending], vertical[k] = k, pending
            inward[k + 1] = after_right
            to_left, to_right = (k, k + 1) if ((p & 1) != diagonal) else (k + 1, k)
            horizontal[to_left], horizontal[edges[y - y0]] = edges[y - y0], to_left
            edges[y - y0] = to_right
            pending = k + 1
            k += 2
        else:
            if yp == y:
                horizontal[k], horizontal[edges[y - y0]] = edges[y - y0], k
            else:
                edges[y - y0] = k
            if pending >= 0:
                vertical[pending], vertical[k] = k, pending
                pending = -1
            else:
                inward[k] = after_right
                pending = k
            k += 1
        p += yp == y
        q += yq == y
    return k
