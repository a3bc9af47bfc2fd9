"""The run-length code of COCO: whole-frame runs, as lists or as compressed strings.

Source: cocoapi common/maskApi.c, rleToString and rleFrString: five bits a character from
ASCII 48, signed, and from the fourth run on the difference to the run two before.
Our deviation: whatever is not a whole frame is found, not read past.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import MAX_CROP, Bytes, Counts, Ints, Rows, kernel, wide

FAULTS = (
    "",
    "the counts string ends inside a number",
    "the counts string holds a character that is no run-length code",
    "a run is negative or too long",
    "the runs do not sum to the pixels of the frame",
    "the tight box holds 2**32 pixels or more",
)


@kernel
def parse(text: Bytes, text_offsets: Ints) -> tuple[Ints, Ints, int, int]:
    """Decompress strings laid end to end.

    Returns:
        frame runs, offsets (N+1), the first bad row or -1, and its index into `FAULTS`.
    """
    runs = np.empty(text.size, np.int64)
    offsets = np.zeros(text_offsets.size, np.int64)
    k = 0
    for i in range(text_offsets.size - 1):
        start = k
        value, shift = wide(0), 0
        for p in range(text_offsets[i], text_offsets[i + 1]):
            code = wide(text[p]) - 48
            if code < 0 or code > 63:
                return runs, offsets, i, 2
            if shift > 60 or (shift == 60 and 8 <= (code & 31) < 24):
                return runs, offsets, i, 3
            value |= (code & 31) << shift
            shift += 5
            if code & 32:
                continue
            if code & 16 and shift < 64:
                value -= wide(1) << shift
            if k - start > 2:
                value += runs[k - 2]
            if value < 0:
                return runs, offsets, i, 3
            runs[k] = value
            k += 1
            value, shift = wide(0), 0
        if shift:
            return runs, offsets, i, 1
        offsets[i + 1] = k
    return runs[:k], offsets, -1, 0


@kernel
def compress(runs: Ints) -> Bytes:
    """The string of one mask's frame runs, as bytes."""
    text = np.empty(13 * runs.size, np.uint8)
    k = 0
    for i in range(runs.size):
        value = runs[i] - runs[i - 2] if i > 2 else runs[i]
        more = True
        while more:
            code = value & 31
            value >>= 5
            more = value != -1 if code & 16 else value != 0
            text[k] = code + 48 + (32 if more else 0)
            k += 1
    return text[:k].copy()


@kernel
def frame_to_crop(runs: Ints, offsets: Ints, sizes: Ints) -> tuple[Rows, Counts, Ints, int, int]:
    """Whole-frame runs to canonical crop runs; zero runs are allowed and vanish.

    Returns:
        boxes, counts, offsets, the first bad row or -1, and its index into `FAULTS`.
    """
    n = sizes.shape[0]
    boxes = np.zeros((n, 4), np.int32)
    counts = np.empty(runs.size + 2 * n, np.uint32)
    out_offsets = np.zeros(n + 1, np.int64)
    k = 0
    for i in range(n):
        mine = runs[offsets[i] : offsets[i + 1]]
        height = sizes[i, 0]
        total = wide(0)
        for j in range(mine.size):
            if mine[j] < 0 or mine[j] > height * sizes[i, 1]:
                return boxes, counts, out_offsets, i, 3
            total += mine[j]
            if total > height * sizes[i, 1]:
                return boxes, counts, out_offsets, i, 4
        if total != height * sizes[i, 1]:
            return boxes, counts, out_offsets, i, 4
        _frame_box(mine, height, boxes[i])
        x0, y0 = wide(boxes[i, 0]), wide(boxes[i, 1])
        if (boxes[i, 2] - x0) * (boxes[i, 3] - y0) > MAX_CROP:
            return boxes, counts, out_offsets, i, 5
        k = _write_crop(mine, height, boxes[i], counts, k)
        out_offsets[i + 1] = k
    return boxes, counts[:k].copy(), out_offsets, -1, 0


@kernel
def _frame_box(runs: Ints, height: int, box: Rows) -> None:
    """Tight box of frame runs; stays zero when nothing is inside."""
    x0 = x1 = wide(-1)
    y0, y1 = height, wide(0)
    place = wide(0)
    for j in range(runs.size):
        if j & 1 and runs[j] > 0:
            column, row = place // height, place % height
            x0 = column if x0 < 0 else x0
            x1 = (place + runs[j] - 1) // height + 1
            if row + runs[j] > height:
                y0, y1 = wide(0), height
            else:
                y0, y1 = min(y0, row), max(y1, row + runs[j])
        place += runs[j]
    if x0 >= 0:
        box[0], box[1], box[2], box[3] = x0, y0, x1, y1


@kernel
def _write_crop(runs: Ints, height: int, box: Rows, counts: Counts, k: int) -> int:
    """Append crop runs; a run that passes a column end implies a crop of full height."""
    x0, y0 = wide(box[0]), wide(box[1])
    crop_height = wide(box[3]) - y0
    if crop_height == 0:
        return k
    start, place, past = k, wide(0), wide(0)
    for j in range(runs.size):
        if j & 1 and runs[j] > 0:
            column = place // height
            crop_place = (column - x0) * crop_height + (place - column * height) - y0
            if crop_place == past and k > start:
                counts[k - 1] += np.uint32(runs[j])
            else:
                counts[k] = crop_place - past
                counts[k + 1] = runs[j]
                k += 2
            past = crop_place + runs[j]
        place += runs[j]
    area = crop_height * (box[2] - x0)
    if past < area:
        counts[k] = area - past
        k += 1
    return k


@kernel
def crop_to_frame(box: Rows, run: Counts, height: int, width: int) -> Ints:
    """Whole-frame runs of one mask, background first, in pycocotools' form."""
    x0, y0 = wide(box[0]), wide(box[1])
    crop_height = box[3] - y0
    out = np.empty(2 * (run.size + box[2] - x0) + 2, np.int64)
    k = 0
    past = wide(0)
    column, row = x0, wide(0)
    for j in range(run.size):
        left = wide(run[j])
        if j & 1 == 0:
            row += left
            column += row // crop_height
            row %= crop_height
            continue
        while left > 0:
            step = min(left, crop_height - row)
            place = column * height + y0 + row
            if place == past and k > 0:
                out[k - 1] += step
            else:
                out[k], out[k + 1] = place - past, step
                k += 2
            past = place + step
            left -= step
            row += step
            if row == crop_height:
                row = 0
                column += 1
    if past < height * width or k == 0:
        out[k] = height * width - past
        k += 1
    return out[:k].copy()
