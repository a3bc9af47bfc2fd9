"""Set operations on segments: union, intersection, difference, placing, overlaps.

Inputs and outputs are sorted and maximal, so every operation is one linear sweep.
Runs become segments in `runs`.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Ints, Rows, Segments, kernel, wide


@kernel
def unite(a: Segments, a_offsets: Ints, b: Segments, b_offsets: Ints) -> tuple[Segments, Ints]:
    """Row-wise union."""
    n = a_offsets.size - 1
    out = np.empty((a.shape[0] + b.shape[0], 3), np.int32)
    offsets = np.zeros(n + 1, np.int64)
    k = 0
    for i in range(n):
        start = k
        p, q = a_offsets[i], b_offsets[i]
        while p < a_offsets[i + 1] or q < b_offsets[i + 1]:
            from_a = q == b_offsets[i + 1] or (
                p < a_offsets[i + 1]
                and (a[p, 0] < b[q, 0] or (a[p, 0] == b[q, 0] and a[p, 1] <= b[q, 1]))
            )
            if from_a:
                k = _append(out, start, k, a[p])
                p += 1
            else:
                k = _append(out, start, k, b[q])
                q += 1
        offsets[i + 1] = k
    return out[:k], offsets


@kernel
def _append(out: Segments, start: int, k: int, segment: Rows) -> int:
    """Append a segment that is not before the last one, joining what touches."""
    if k > start and out[k - 1, 0] == segment[0] and segment[1] <= out[k - 1, 2]:
        out[k - 1, 2] = max(out[k - 1, 2], segment[2])
        return k
    out[k, 0], out[k, 1], out[k, 2] = segment[0], segment[1], segment[2]
    return k + 1


@kernel
def intersect(a: Segments, a_offsets: Ints, b: Segments, b_offsets: Ints) -> tuple[Segments, Ints]:
    """Row-wise intersection."""
    n = a_offsets.size - 1
    out = np.empty((a.shape[0] + b.shape[0], 3), np.int32)
    offsets = np.zeros(n + 1, np.int64)
    k = 0
    for i in range(n):
        p, q = a_offsets[i], b_offsets[i]
        while p < a_offsets[i + 1] and q < b_offsets[i + 1]:
            if a[p, 0] != b[q, 0]:
                if a[p, 0] < b[q, 0]:
                    p += 1
                else:
                    q += 1
                continue
            top, bottom = max(a[p, 1], b[q, 1]), min(a[p, 2], b[q, 2])
            if top < bottom:
                out[k, 0], out[k, 1], out[k, 2] = a[p, 0], top, bottom
                k += 1
            if a[p, 2] < b[q, 2]:
                p += 1
            else:
                q += 1
        offsets[i + 1] = k
    return out[:k], offsets


@kernel
def subtract(a: Segments, a_offsets: Ints, b: Segments, b_offsets: Ints) -> tuple[Segments, Ints]:
    """Row-wise difference: what is in a and not in b."""
    n = a_offsets.size - 1
    out = np.empty((a.shape[0] + b.shape[0], 3), np.int32)
    offsets = np.zeros(n + 1, np.int64)
    k = 0
    for i in range(n):
        q, stop = b_offsets[i], b_offsets[i + 1]
        for p in range(a_offsets[i], a_offsets[i + 1]):
            column, top, bottom = a[p, 0], a[p, 1], a[p, 2]
            while q < stop and (b[q, 0] < column or (b[q, 0] == column and b[q, 2] <= top)):
                q += 1
            s = q
            while s < stop and b[s, 0] == column and b[s, 1] < bottom:
                if top < b[s, 1]:
                    out[k, 0], out[k, 1], out[k, 2] = column, top, b[s, 1]
                    k += 1
                top = b[s, 2]
                s += 1
            if top < bottom:
                out[k, 0], out[k, 1], out[k, 2] = column, top, bottom
                k += 1
        offsets[i + 1] = k
    return out[:k], offsets


@kernel
def complement(segments: Segments, offsets: Ints, windows: Rows) -> tuple[Segments, Ints]:
    """The pixels of each window (N, 4) that are outside the mask, which lies within it."""
    n = offsets.size - 1
    bound = segments.shape[0]
    for i in range(n):
        bound += wide(windows[i, 2]) - wide(windows[i, 0])
    out = np.empty((bound, 3), np.int32)
    out_offsets = np.zeros(n + 1, np.int64)
    k = 0
    for i in range(n):
        p = offsets[i]
        for column in range(windows[i, 0], windows[i, 2]):
            top = windows[i, 1]
            while p < offsets[i + 1] and segments[p, 0] == column:
                if top < segments[p, 1]:
                    out[k, 0], out[k, 1], out[k, 2] = column, top, segments[p, 1]
                    k += 1
                top = segments[p, 2]
                p += 1
            if top < windows[i, 3]:
                out[k, 0], out[k, 1], out[k, 2] = column, top, windows[i, 3]
                k += 1
        out_offsets[i + 1] = k
    return out[:k], out_offsets


@kernel
def place(segments: Segments, offsets: Ints, steps: Ints, sizes: Ints) -> tuple[Segments, Ints]:
    """Move each mask by steps (N, 2) [dx, dy] and clip it to a frame of sizes (N, 2) [H, W]."""
    out = np.empty_like(segments)
    out_offsets = np.zeros(offsets.size, np.int64)
    k = 0
    for i in range(offsets.size - 1):
        for j in range(offsets[i], offsets[i + 1]):
            column = segments[j, 0] + steps[i, 0]
            top = max(segments[j, 1] + steps[i, 1], wide(0))
            bottom = min(segments[j, 2] + steps[i, 1], sizes[i, 0])
            if 0 <= column < sizes[i, 1] and top < bottom:
                out[k, 0], out[k, 1], out[k, 2] = column, top, bottom
                k += 1
        out_offsets[i + 1] = k
    return out[:k], out_offsets


@kernel
def unite_groups(segments: Segments, offsets: Ints, groups: Ints) -> tuple[Segments, Ints]:
    """Union of the rows groups[g] to groups[g+1] - 1, for each group g."""
    if np.all(groups[1:] - groups[:-1] <= 1):
        return segments, offsets[groups]
    out = np.empty_like(segments)
    out_offsets = np.zeros(groups.size, np.int64)
    k = 0
    for g in range(groups.size - 1):
        start = k
        first, last = offsets[groups[g]], offsets[groups[g + 1]]
        members = segments[first:last]
        if groups[g + 1] - groups[g] > 1 and last > first:
            members = _sorted(_sorted(members, 1), 0)
        for j in range(members.shape[0]):
            k = _append(out, start, k, members[j])
        out_offsets[g + 1] = k
    return out[:k], out_offsets


@kernel
def _sorted(segments: Segments, axis: int) -> Segments:
    """Stable counting sort by one of the three numbers."""
    low, high = segments[0, axis], segments[0, axis]
    for j in range(segments.shape[0]):
        low, high = min(low, segments[j, axis]), max(high, segments[j, axis])
    starts = np.zeros(wide(high) - low + 2, np.int64)
    for j in range(segments.shape[0]):
        starts[segments[j, axis] - low + 1] += 1
    for c in range(1, starts.size):
        starts[c] += starts[c - 1]
    out = np.empty((segments.shape[0], 3), np.int32)
    for j in range(segments.shape[0]):
        c = segments[j, axis] - low
        k = starts[c]
        out[k, 0], out[k, 1], out[k, 2] = segments[j, 0], segments[j, 1], segments[j, 2]
        starts[c] += 1
    return out


@kernel
def overlaps(
    a: Segments, a_offsets: Ints, a_boxes: Rows, b: Segments, b_offsets: Ints, b_boxes: Rows
) -> Ints:
    """Pixels shared by every pair, (N, M); pairs with disjoint boxes are not walked."""
    n, m = a_offsets.size - 1, b_offsets.size - 1
    shared = np.zeros((n, m), np.int64)
    for i in range(n):
        x0, y0, x1, y1 = a_boxes[i, 0], a_boxes[i, 1], a_boxes[i, 2], a_boxes[i, 3]
        for j in range(m):
            left, right = max(x0, b_boxes[j, 0]), min(x1, b_boxes[j, 2])
            if left < right and max(y0, b_boxes[j, 1]) < min(y1, b_boxes[j, 3]):
                shared[i, j] = _shared(
                    a[a_offsets[i] : a_offsets[i + 1]],
                    b[b_offsets[j] : b_offsets[j + 1]],
                    left,
                    right,
                )
    return shared


@kernel
def overlapping(
    a: Segments, a_offsets: Ints, a_boxes: Rows, b: Segments, b_offsets: Ints, b_boxes: Rows
) -> tuple[Ints, Ints, Ints]:
    """The pairs that share pixels; memory and time grow with pairs of boxes that meet, not N * M.

    Returns:
        CSR over the rows of a: offsets (N + 1), rows of b in rising order, pixels shared.
    """
    n, m = a_offsets.size - 1, b_offsets.size - 1
    by_left = np.argsort(b_boxes[:, 0], kind="mergesort")
    lefts = b_boxes[:, 0][by_left]
    widest = 0
    for j in range(m):
        widest = max(widest, b_boxes[j, 2] - b_boxes[j, 0])
    offsets = np.zeros(n + 1, np.int64)
    index, shared = np.empty(n + 16, np.int64), np.empty(n + 16, np.int64)
    k = 0
    for i in range(n):
        x0, y0, x1, y1 = a_boxes[i, 0], a_boxes[i, 1], a_boxes[i, 2], a_boxes[i, 3]
        first, last = np.searchsorted(lefts, x0 - widest), np.searchsorted(lefts, x1)
        for j in np.sort(by_left[first:last]):
            left, right = max(x0, b_boxes[j, 0]), min(x1, b_boxes[j, 2])
            if left >= right or max(y0, b_boxes[j, 1]) >= min(y1, b_boxes[j, 3]):
                continue
            own = a[a_offsets[i] : a_offsets[i + 1]]
            pixels = _shared(own, b[b_offsets[j] : b_offsets[j + 1]], left, right)
            if pixels == 0:
                continue
            if k == index.size:
                index = np.concatenate((index, np.empty_like(index)))
                shared = np.concatenate((shared, np.empty_like(shared)))
            index[k], shared[k] = j, pixels
            k += 1
        offsets[i + 1] = k
    return offsets, index[:k].copy(), shared[:k].copy()


@kernel
def _shared(a: Segments, b: Segments, left: int, right: int) -> int:
    """Pixels in both of two masks, in the columns from left to right."""
    p, q = _first_at(a, left), _first_at(b, left)
    total = wide(0)
    while p < a.shape[0] and q < b.shape[0] and a[p, 0] < right:
        if a[p, 0] != b[q, 0]:
            if a[p, 0] < b[q, 0]:
                p += 1
            else:
                q += 1
            continue
        total += max(wide(0), wide(min(a[p, 2], b[q, 2])) - max(a[p, 1], b[q, 1]))
        if a[p, 2] < b[q, 2]:
            p += 1
        else:
            q += 1
    return total


@kernel
def _first_at(segments: Segments, column: int) -> int:
    """Index of the first segment whose column is not before `column`."""
    low, high = 0, segments.shape[0]
    while low < high:
        middle = (low + high) // 2
        if segments[middle, 0] < column:
            low = middle + 1
        else:
            high = middle
    return low
