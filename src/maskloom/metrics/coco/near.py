"""Which detections overlap which objects, image by image and category by category.

Masks are lines of runs in a frame, boxes x, y, width and height. The result is what
`matching.match_objects` takes.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Ints, Rows, kernel, wide
from maskloom.metrics.boundary.bits import Words
from maskloom.metrics.coco.bits import fill_bits, shared_pixels
from maskloom.metrics.objects.matching import Flags, Floats

Lines = tuple[Rows, Ints, Ints, Ints]
"""Of N masks: ends of runs, first and last of each mask's own (N,) among them, areas (N,)."""
_ROOM = 1 << 22
"""Pairs that are looked at before those that overlap are kept."""
Places = tuple[Rows, Rows]
"""Image and category of N objects, by which they are sorted."""


@kernel
def near_masks(
    found: Lines, found_at: Places, truth: Lines, truth_at: Places, crowd: Flags, lowest: float
) -> tuple[Ints, Ints, Floats]:
    """Pairs of one image and category with an IoU of at least `lowest`.

    Against a crowd the union is the detection's own area. A pair without a common pixel has 0.

    Returns:
        CSR over detections: offsets (D + 1), objects in rising order, IoU.

    Source: cocoapi common/maskApi.c, rleIou.
    """
    offsets = np.zeros(found_at[0].size + 1, np.int64)
    index, value = np.empty(offsets.size + 15, np.int64), np.empty(offsets.size + 15, np.float64)
    most = wide(0)
    for j in range(crowd.size):
        most = max(most, _length(truth, j))
    words, before = np.empty((most >> 6) + 3, np.uint64), np.empty((most >> 6) + 3, np.uint64)
    k, d, g = wide(0), wide(0), wide(0)
    while d < found_at[0].size:
        d_end, g, g_end = _group(found_at, truth_at, d, g)
        d_end = min(d_end, d + max(1, _ROOM // max(1, g_end - g)))
        if g < g_end:
            iou = np.zeros((d_end - d, g_end - g), np.float64)
            for j in range(g, g_end):
                ends = truth[0][truth[1][j] : truth[2][j]]
                own = (ends, truth[3][j], crowd[j])
                _iou_of_masks(found, d, own, lowest, iou[:, j - g], words, before)
            if k + iou.size > index.size:
                index = np.concatenate((index, np.empty(index.size + iou.size, np.int64)))
                value = np.concatenate((value, np.empty(value.size + iou.size, np.float64)))
            k = _keep(iou, lowest, d, g, offsets, index, value, k)
        else:
            offsets[d + 1 : d_end + 1] = k
        d = d_end
    return offsets, index[:k].copy(), value[:k].copy()


@kernel
def near_boxes(
    found: Floats, found_at: Places, truth: Floats, truth_at: Places, crowd: Flags, lowest: float
) -> tuple[Ints, Ints, Floats]:
    """The same of boxes (N, 4) x, y, width, height.

    Source: cocoapi common/maskApi.c, bbIou.
    """
    offsets = np.zeros(found_at[0].size + 1, np.int64)
    index, value = np.empty(offsets.size + 15, np.int64), np.empty(offsets.size + 15, np.float64)
    k, d, g = wide(0), wide(0), wide(0)
    while d < found_at[0].size:
        d_end, g, g_end = _group(found_at, truth_at, d, g)
        d_end = min(d_end, d + max(1, _ROOM // max(1, g_end - g)))
        if g < g_end:
            iou = np.zeros((d_end - d, g_end - g), np.float64)
            for i in range(d, d_end):
                for j in range(g, g_end):
                    iou[i - d, j - g] = box_iou(found[i], truth[j], crowd[j])
            if k + iou.size > index.size:
                index = np.concatenate((index, np.empty(index.size + iou.size, np.int64)))
                value = np.concatenate((value, np.empty(value.size + iou.size, np.float64)))
            k = _keep(iou, lowest, d, g, offsets, index, value, k)
        else:
            offsets[d + 1 : d_end + 1] = k
        d = d_end
    return offsets, index[:k].copy(), value[:k].copy()


@kernel
def box_iou(found: Floats, truth: Floats, crowd: bool) -> float:  # noqa: FBT001 - kernels take no keywords
    """IoU of two boxes x, y, width, height; against a crowd, over the first one's area."""
    width = min(found[2] + found[0], truth[2] + truth[0]) - max(found[0], truth[0])
    if width <= 0:
        return 0.0
    height = min(found[3] + found[1], truth[3] + truth[1]) - max(found[1], truth[1])
    if height <= 0:
        return 0.0
    shared, own = width * height, found[2] * found[3]
    return float(shared / (own if crowd else own + truth[2] * truth[3] - shared))


@kernel
def _group(found_at: Places, truth_at: Places, d: int, g: int) -> tuple[int, int, int]:
    """Behind the detections of d's image and category, and first and last of its objects."""
    image, category = found_at[0][d], found_at[1][d]
    n, m = found_at[0].size, truth_at[0].size
    end = d + 1
    while end < n and found_at[0][end] == image and found_at[1][end] == category:
        end += 1
    while g < m and (
        truth_at[0][g] < image or (truth_at[0][g] == image and truth_at[1][g] < category)
    ):
        g += 1
    last = g
    while last < m and truth_at[0][last] == image and truth_at[1][last] == category:
        last += 1
    return end, g, last


@kernel
def _length(lines: Lines, j: int) -> int:
    """Pixels from the first inside a mask to the last."""
    ends, first, n = lines[0], lines[1][j], (lines[2][j] - lines[1][j]) >> 1
    return wide(ends[first + 2 * n - 1]) - wide(ends[first]) if n else wide(0)


@kernel
def _iou_of_masks(
    found: Lines,
    d: int,
    truth: tuple[Rows, int, bool],
    lowest: float,
    iou: Floats,
    words: Words,
    before: Words,
) -> None:
    """IoU of detections from d on with one object; 0 stays where it cannot reach `lowest`."""
    ends, area, crowd = truth
    if area == 0:
        return
    # Taken out of the tuple once: each time costs as much as a comparison.
    lines, firsts, lasts, areas = found
    high = wide(-1)
    low = wide(ends[0])
    stop = wide(ends[2 * (ends.size >> 1) - 1])
    for i in range(iou.size):
        first, last, own = firsts[d + i], lasts[d + i], areas[d + i]
        if own == 0:
            continue
        # Division is monotone, so a pair left out here could not have reached the level.
        start, end = wide(lines[first]), wide(lines[last - 1 - ((last - first) & 1)])
        most = min(own, area, min(end, stop) - max(start, low))
        if most <= 0 or most / (own if crowd else own + area - most) < lowest:
            continue
        if high < 0:
            low, high = fill_bits(ends, words, before)
        shared = shared_pixels(lines[first:last], low, high, words, before)
        if shared:
            iou[i] = shared / (own if crowd else own + area - shared)


@kernel
def _keep(
    iou: Floats,
    lowest: float,
    d: int,
    g: int,
    offsets: Ints,
    index: Ints,
    value: Floats,
    k: int,
) -> int:
    """Append the pairs of a group that reach `lowest`; returns the new end."""
    for i in range(iou.shape[0]):
        for j in range(iou.shape[1]):
            if iou[i, j] >= lowest:
                index[k], value[k] = g + j, iou[i, j]
                k += 1
        offsets[d + i + 1] = k
    return k
