"""Dense binary arrays to crop runs and back.

Both directions go through toggles: the places where a pixel differs from the one above
it. Listed by row they fit an array in C order, listed by column they are runs, and a
counting sort turns one list into the other. Many ids in one array: see `id_maps`.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import MAX_CROP, Bytes, Counts, Ints, Rows, kernel, load_word, wide


@kernel
def encode_rows(stack: Bytes) -> tuple[Rows, Counts, Ints, int]:
    """Runs of a stack (N, H, W) in C order; non-zero is inside.

    Returns:
        boxes (N, 4), counts, offsets (N+1), and the first row whose crop is too large or -1.
    """
    n, height, width = stack.shape
    boxes = np.zeros((n, 4), np.int32)
    offsets = np.zeros(n + 1, np.int64)
    counts = np.empty(1024, np.uint32)
    columns = np.empty(max(1024, 4 * width), np.int32)
    row_ends = np.zeros(height + 2, np.int64)
    k = 0
    for i in range(n):
        columns = _scan_rows(stack[i], row_ends, columns)
        column_ends, rows = transpose(row_ends, columns, width)
        counts, k = _toggles_to_runs(column_ends, rows, boxes[i], counts, k)
        if k < 0:
            return boxes, counts[:0].copy(), offsets, i
        offsets[i + 1] = k
    return boxes, counts[:k].copy(), offsets, -1


@kernel
def encode_columns(stack: Bytes) -> tuple[Rows, Counts, Ints, int]:
    """Runs of a stack (N, W, H) of transposed masks: frames in Fortran order."""
    n, width, height = stack.shape
    boxes = np.zeros((n, 4), np.int32)
    offsets = np.zeros(n + 1, np.int64)
    counts = np.empty(1024, np.uint32)
    rows = np.empty(max(1024, 4 * height), np.int32)
    column_ends = np.zeros(width + 1, np.int64)
    k = 0
    for i in range(n):
        rows = _scan_columns(stack[i], column_ends, rows)
        counts, k = _toggles_to_runs(column_ends, rows, boxes[i], counts, k)
        if k < 0:
            return boxes, counts[:0].copy(), offsets, i
        offsets[i + 1] = k
    return boxes, counts[:k].copy(), offsets, -1


@kernel
def _scan_rows(image: Bytes, row_ends: Ints, columns: Rows) -> Rows:
    """List, row by row, the columns that differ from the row above; row H is outside."""
    height, width = image.shape
    outside = np.zeros(width, np.uint8)
    above = outside
    k = 0
    first, behind = _filled_rows(image)
    row_ends[: first + 1] = 0
    for r in range(first, behind + 1):
        if k + width + 8 > columns.size:
            grown = np.empty(2 * columns.size + width + 8, np.int32)
            grown[:k] = columns[:k]
            columns = grown
        row = image[r] if r < height else outside
        k = _changes(above, row, columns, k)
        row_ends[r + 1] = k
        above = row
    row_ends[behind + 1 :] = k
    return columns


@kernel
def _filled_rows(image: Bytes) -> tuple[int, int]:
    """Rows before and behind which all pixels are 0, found by blocks: most of a frame is empty."""
    height, width = image.shape
    flat = image.reshape(-1)
    whole = flat.size - flat.size % 64
    first = flat.size
    for start in range(0, whole, 64):
        inside = np.uint64(0)
        for j in range(start, start + 64, 8):
            inside |= load_word(flat, j)
        if inside != 0:
            first = start
            break
    if first == flat.size:
        return (whole // width if width else 0), height
    behind = flat.size
    for start in range(whole - 64, first, -64):
        inside = np.uint64(0)
        for j in range(start, start + 64, 8):
            inside |= load_word(flat, j)
        if inside != 0:
            break
        behind = start
    if (flat[whole:] != 0).any():
        behind = flat.size
    return first // width, min(behind // width + 1, height)


@kernel
def _changes(above: Bytes, row: Bytes, columns: Rows, k: int) -> int:
    """Append the places at which two lines differ; equal blocks cost one wide compare."""
    width = row.size
    whole = width - width % 64
    for start in range(0, whole, 64):
        differ = np.uint64(0)
        for j in range(start, start + 64, 8):
            differ |= load_word(above, j) ^ load_word(row, j)
        if differ == 0:
            continue
        for j in range(start, start + 64, 8):
            if load_word(above, j) != load_word(row, j):
                for i in range(j, j + 8):
                    columns[k] = i
                    k += (above[i] != 0) != (row[i] != 0)
    for j in range(whole, width):
        columns[k] = j
        k += (above[j] != 0) != (row[j] != 0)
    return k


@kernel
def _scan_columns(image: Bytes, column_ends: Ints, rows: Rows) -> Rows:
    """List, column by column, the rows at which a transposed mask toggles."""
    width, height = image.shape
    k = 0
    for c in range(width):
        if k + height + 1 > rows.size:
            grown = np.empty(2 * rows.size + height + 1, np.int32)
            grown[:k] = rows[:k]
            rows = grown
        line = image[c]
        if height and line[0] != 0:
            rows[k] = 0
            k += 1
        start = k
        k = _changes(line[: max(height - 1, 0)], line[1:], rows, k)
        for j in range(start, k):
            rows[j] += 1
        if height and line[height - 1] != 0:
            rows[k] = height
            k += 1
        column_ends[c + 1] = k
    return rows


@kernel
def transpose(ends: Ints, items: Rows, n: int) -> tuple[Ints, Rows]:
    """Turn lists by row into lists by column, or the other way; order is kept."""
    total = ends[ends.size - 1]
    starts = np.zeros(n + 2, np.int64)
    for j in range(total):
        starts[items[j] + 2] += 1
    for c in range(2, n + 2):
        starts[c] += starts[c - 1]
    turned = np.empty(total, np.int32)
    for r in range(ends.size - 1):
        for j in range(ends[r], ends[r + 1]):
            c = items[j] + 1
            turned[starts[c]] = r
            starts[c] += 1
    return starts[: n + 1], turned


@kernel
def _toggles_to_runs(
    column_ends: Ints, rows: Rows, box: Rows, counts: Counts, k: int
) -> tuple[Counts, int]:
    """Append the canonical runs of one mask; the new end is -1 if the crop is too large."""
    width = column_ends.size - 1
    total = column_ends[width]
    if total == 0:
        return counts, k
    x0 = 0
    while column_ends[x0 + 1] == 0:
        x0 += 1
    x1 = width
    while column_ends[x1 - 1] == total:
        x1 -= 1
    y0, y1 = wide(rows[0]), wide(0)
    for j in range(total):
        y0 = min(y0, wide(rows[j]))
        y1 = max(y1, wide(rows[j]))
    box[0], box[1], box[2], box[3] = x0, y0, x1, y1
    height = y1 - y0
    if height * (x1 - x0) > MAX_CROP:
        return counts, -1
    if k + total + 2 > counts.size:
        grown = np.empty(2 * counts.size + total + 2, np.uint32)
        grown[:k] = counts[:k]
        counts = grown
    return counts, _write_runs(column_ends, rows, box, counts, k)


@kernel
def _write_runs(column_ends: Ints, rows: Rows, box: Rows, counts: Counts, k: int) -> int:
    """Write the runs of toggles at counts[k:]; two toggles at one place cancel."""
    x0, y0 = wide(box[0]), wide(box[1])
    height, width = box[3] - y0, box[2] - x0
    start, past = k, wide(0)
    for c in range(width):
        for j in range(column_ends[x0 + c], column_ends[x0 + c + 1]):
            place = c * height - y0 + rows[j]
            if place == past and k > start:
                k -= 1
                past -= wide(counts[k])
            else:
                counts[k] = place - past
                k += 1
                past = place
    if past < height * width:
        counts[k] = height * width - past
        k += 1
    return k


@kernel
def decode_rows(box: Rows, run: Counts, out: Bytes) -> None:
    """Write 0 and 1 into the crop of `out`, a frame (H, W) in C order."""
    x0, y0 = wide(box[0]), wide(box[1])
    width, height = box[2] - x0, box[3] - y0
    column_ends, rows = _runs_to_toggles(run, width, height)
    row_ends, columns = transpose(column_ends, rows, height)
    state = np.zeros(width, np.uint8)
    for r in range(height):
        for j in range(row_ends[r], row_ends[r + 1]):
            state[columns[j]] ^= np.uint8(1)
        out[y0 + r, x0 : x0 + width] = state


@kernel
def _runs_to_toggles(run: Counts, width: int, height: int) -> tuple[Ints, Rows]:
    """Toggles of a crop by column, without those at its lower edge."""
    ends = np.zeros(width + 1, np.int64)
    rows = np.empty(run.size + width, np.int32)
    k = 0
    column = wide(0)
    row = wide(0)
    for j in range(run.size):
        row += wide(run[j])
        if j & 1:
            while row >= height:
                row -= height
                column += 1
                ends[column] = k
                if row > 0:
                    rows[k] = 0
                    k += 1
            if row > 0:
                rows[k] = row
                k += 1
        else:
            while row >= height:
                row -= height
                column += 1
                ends[column] = k
            if j + 1 < run.size:
                rows[k] = row
                k += 1
    return ends, rows[:k]


@kernel
def decode_columns(box: Rows, run: Counts, out: Bytes) -> None:
    """Write 0 and 1 into the crop of `out`, a transposed frame (W, H) in C order."""
    y0, y1 = wide(box[1]), wide(box[3])
    column, row = wide(box[0]), y0
    for j in range(run.size):
        left = wide(run[j])
        while left > 0:
            step = min(left, y1 - row)
            out[column, row : row + step] = j & 1
            left -= step
            row += step
            if row == y1:
                row = y0
                column += 1
