"""Crop runs to column segments and back, and the check of foreign runs.

Segments are the working form of all mask algebra: vertical spans in frame coordinates,
so that two masks with different crops meet without decoding a pixel. Dense arrays are
in `dense`, set operations in `algebra`.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import MAX_CROP, Counts, Ints, Rows, Segments, kernel, wide

FAULTS = (
    "",
    "run offsets do not rise from 0 to the number of counts",
    "the box does not lie inside the frame",
    "a crop holds 2**32 pixels or more",
    "an empty mask must have box 0, 0, 0, 0 and no counts",
    "a count after the first is zero",
    "the counts do not sum to the area of the box",
    "the box is not the tight box of the pixels inside",
)


@kernel
def runs_to_segments(boxes: Rows, counts: Counts, offsets: Ints) -> tuple[Segments, Ints]:
    """Split runs at column ends.

    Returns:
        segments (S, 3) in frame coordinates, and offsets (N+1) of each mask's segments.
    """
    n = boxes.shape[0]
    bound = 0
    for i in range(n):
        bound += (offsets[i + 1] - offsets[i]) // 2 + 1 + boxes[i, 2] - boxes[i, 0]
    segments = np.empty((bound, 3), np.int32)
    segment_offsets = np.zeros(n + 1, np.int64)
    k = 0
    for i in range(n):
        y0 = wide(boxes[i, 1])
        height = wide(boxes[i, 3]) - y0
        column = wide(boxes[i, 0])
        row = wide(0)
        for j in range(offsets[i], offsets[i + 1]):
            left = wide(counts[j])
            if (j - offsets[i]) & 1:
                while left > 0:
                    step = min(left, height - row)
                    segments[k, 0] = column
                    segments[k, 1] = y0 + row
                    segments[k, 2] = y0 + row + step
                    k += 1
                    left -= step
                    row += step
                    if row == height:
                        row = 0
                        column += 1
            else:
                row += left
                if row >= height:
                    column += row // height
                    row %= height
        segment_offsets[i + 1] = k
    return segments[:k], segment_offsets


@kernel
def segments_to_runs(segments: Segments, segment_offsets: Ints) -> tuple[Rows, Counts, Ints, int]:
    """The canonical crop runs of sorted, maximal segments.

    Returns:
        boxes (N, 4), counts, offsets (N+1), and the first row whose crop is too large or -1.
    """
    n = segment_offsets.size - 1
    boxes = np.zeros((n, 4), np.int32)
    counts = np.empty(2 * segments.shape[0] + n, np.uint32)
    offsets = np.zeros(n + 1, np.int64)
    k = 0
    for i in range(n):
        first, last = segment_offsets[i], segment_offsets[i + 1]
        if first < last:
            y0, y1 = segments[first, 1], segments[first, 2]
            for j in range(first + 1, last):
                y0 = min(y0, segments[j, 1])
                y1 = max(y1, segments[j, 2])
            boxes[i, 0], boxes[i, 1] = segments[first, 0], y0
            boxes[i, 2], boxes[i, 3] = segments[last - 1, 0] + 1, y1
            height = wide(y1) - wide(y0)
            if height * (wide(boxes[i, 2]) - wide(boxes[i, 0])) > MAX_CROP:
                return boxes, counts[:0].copy(), offsets, i
            k = _write_runs(segments[first:last], boxes[i], counts, k)
        offsets[i + 1] = k
    return boxes, counts[:k].copy(), offsets, -1


@kernel
def _write_runs(segments: Segments, box: Rows, counts: Counts, k: int) -> int:
    """Append the runs of one mask at counts[k:]; returns the new end."""
    x0, y0 = wide(box[0]), wide(box[1])
    height = wide(box[3]) - y0
    end = wide(0)
    for j in range(segments.shape[0]):
        start = (segments[j, 0] - x0) * height + segments[j, 1] - y0
        length = wide(segments[j, 2]) - wide(segments[j, 1])
        if start == end and j > 0:
            counts[k - 1] += np.uint32(length)
        else:
            counts[k] = start - end
            counts[k + 1] = length
            k += 2
        end = start + length
    area = height * (wide(box[2]) - x0)
    if end < area:
        counts[k] = area - end
        k += 1
    return k


@kernel
def run_areas(counts: Counts, offsets: Ints) -> Ints:
    """Pixels inside each mask: the sum of its odd counts."""
    areas = np.zeros(offsets.size - 1, np.int64)
    for i in range(areas.size):
        total = wide(0)
        for j in range(offsets[i] + 1, offsets[i + 1], 2):
            total += wide(counts[j])
        areas[i] = total
    return areas


@kernel
def find_fault(
    sizes: Ints, boxes: Rows, counts: Counts, offsets: Ints
) -> tuple[int, int, int, int]:
    """The first fault of foreign arrays.

    Returns:
        row or -1, index into `FAULTS`, the value seen, the value expected.
    """
    n = boxes.shape[0]
    if offsets[0] != 0 or offsets[n] != counts.size:
        return 0, 1, int(offsets[n]), counts.size
    for i in range(n):
        if offsets[i + 1] < offsets[i] or offsets[i + 1] > counts.size:
            return i, 1, int(offsets[i + 1]), int(offsets[i])
        x0, y0 = wide(boxes[i, 0]), wide(boxes[i, 1])
        width, height = boxes[i, 2] - x0, boxes[i, 3] - y0
        if min(x0, y0, width, height) < 0 or x0 + width > sizes[i, 1] or y0 + height > sizes[i, 0]:
            return i, 2, int(width), int(height)
        run = counts[offsets[i] : offsets[i + 1]]
        if run.size == 0 or width * height == 0:
            if run.size + x0 + y0 + width + height > 0:
                return i, 4, run.size, 0
            continue
        fault, seen, expected = _run_fault(run, width, height)
        if fault:
            return i, fault, seen, expected
    return -1, 0, 0, 0


@kernel
def _run_fault(run: Counts, width: int, height: int) -> tuple[int, int, int]:
    """What is wrong with the runs of one crop: fault or 0, value seen and expected."""
    area = width * height
    if area > MAX_CROP:
        return 3, area, MAX_CROP
    total = wide(run[0])
    for j in range(1, run.size):
        if run[j] == 0:
            return 5, j, 0
        total += wide(run[j])
    if total != area:
        return 6, total, area
    if not _is_tight(run, height):
        return 7, width, height
    return 0, 0, 0


@kernel
def _is_tight(run: Counts, height: int) -> bool:
    """Whether pixels inside touch all four sides of a crop."""
    if run.size < 2 or run[0] >= height:
        return False
    if run.size & 1 and run[run.size - 1] >= height:
        return False
    top = bottom = False
    start = wide(run[0])
    for j in range(1, run.size, 2):
        end = start + wide(run[j])
        row = start % height
        top = top or row == 0 or row + run[j] > height
        bottom = bottom or row + run[j] >= height
        if top and bottom:
            return True
        start = end + (wide(run[j + 1]) if j + 1 < run.size else wide(0))
    return False
