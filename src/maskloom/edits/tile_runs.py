"""Kernels of 256 × 256 tiles: varint runs to toggles, pixels, segments and other runs.

A tile is its run lengths down the columns, background first, as LEB128 varints. Its toggles
are the places (column * 256 + row) where the value changes: XOR of two tiles is the symmetric
difference of their toggles. The face for people is `tiles`; polygons are in `fill`.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Bytes, Ints, Rows, Segments, kernel, wide

TILE = 256
AREA = 65536

FAULTS = (
    "",
    "a count is cut off, or longer than it needs to be",
    "a count after the first is zero",
    "the counts do not sum to 65536",
    "a pixel outside the frame is set",
    "it has no pixel",
)


@kernel
def read_toggles(data: Bytes, first: int, last: int, toggles: Rows) -> int:
    """The toggles of data[first:last] into a buffer of 65536; their number, or minus a fault."""
    total = n = 0
    k = first
    while k < last:
        value = 0
        shift = 0
        while True:
            if k == last or shift > 14:
                return -1
            byte = wide(data[k])
            k += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if byte == 0 and shift > 7:
            return -1
        if value == 0 and total + n > 0:
            return -2
        total += value
        if total > AREA or (total == AREA and k < last):
            return -3
        if total < AREA:
            toggles[n] = total
            n += 1
    return n if total == AREA else -3


@kernel
def write_toggles(toggles: Rows, n: int, out: Bytes, k: int) -> int:
    """Write the runs of n toggles at out[k:], which has room for 3 n + 3; the new end."""
    past = 0
    for j in range(n + 1):
        value = (toggles[j] if j < n else AREA) - past
        past += value
        while value > 127:
            out[k] = (value & 127) | 128
            value >>= 7
            k += 1
        out[k] = value
        k += 1
    return k


@kernel
def encode(pixels: Bytes) -> Bytes:
    """Runs of a tile (256, 256) of 0 and 1 in C order."""
    toggles = np.empty(AREA, np.int32)
    n = 0
    past = np.uint8(0)
    for c in range(TILE):
        for r in range(TILE):
            if pixels[r, c] != past:
                past = pixels[r, c]
                toggles[n] = c * TILE + r
                n += 1
    out = np.empty(3 * n + 3, np.uint8)
    return out[: write_toggles(toggles, n, out, 0)].copy()


@kernel
def decode(data: Bytes, pixels: Bytes) -> int:
    """Write 0 and 1 into a tile (256, 256); 0 or a fault."""
    toggles = np.empty(AREA, np.int32)
    n = read_toggles(data, 0, data.size, toggles)
    if n < 0:
        return -n
    pixels[:] = 0
    for j in range(0, n, 2):
        for place in range(toggles[j], toggles[j + 1] if j + 1 < n else AREA):
            pixels[place & 255, place >> 8] = 1
    return 0


@kernel
def find_fault(data: Bytes, height: int, width: int) -> int:
    """What is wrong with the runs of a tile of which height × width pixels lie in the frame."""
    toggles = np.empty(AREA, np.int32)
    n = read_toggles(data, 0, data.size, toggles)
    if n <= 0:
        return -n if n < 0 else 5
    for j in range(0, n, 2):
        start = toggles[j]
        end = toggles[j + 1] if j + 1 < n else AREA
        top = start & 255
        if end > width * TILE or (height < TILE and top + end - start > height):
            return 4
    return 0


@kernel
def combine(a: Bytes, b: Bytes) -> Bytes:
    """Runs of the XOR of two sound tiles; nothing at all where they are equal."""
    left, right = np.empty(AREA, np.int32), np.empty(AREA, np.int32)
    n = read_toggles(a, 0, a.size, left)
    m = read_toggles(b, 0, b.size, right)
    both = np.empty(n + m, np.int32)
    i = j = k = 0
    while i < n or j < m:
        if i < n and j < m and left[i] == right[j]:
            i += 1
            j += 1
        elif j == m or (i < n and left[i] < right[j]):
            both[k] = left[i]
            i += 1
            k += 1
        else:
            both[k] = right[j]
            j += 1
            k += 1
    out = np.empty(3 * k + 3, np.uint8)
    end = write_toggles(both, k, out, 0) if k else 0
    return out[:end].copy()


@kernel
def measure(data: Bytes, offsets: Ints) -> Ints:
    """(T, 5) x0, y0, x1, y1, area of sound tiles with pixels, in the tile's own frame."""
    out = np.zeros((offsets.size - 1, 5), np.int64)
    toggles = np.empty(AREA, np.int32)
    for t in range(out.shape[0]):
        n = read_toggles(data, offsets[t], offsets[t + 1], toggles)
        low, high, area = TILE, 0, 0
        end = wide(0)
        for j in range(0, n, 2):
            start = wide(toggles[j])
            end = wide(toggles[j + 1]) if j + 1 < n else wide(AREA)
            area += end - start
            top = start & 255
            bottom = top + end - start
            low = min(low, top if bottom <= TILE else 0)
            high = max(high, min(bottom, TILE))
        if n > 0:
            out[t] = toggles[0] >> 8, low, (end + 255) >> 8, high, area
    return out


@kernel
def find_overlap(data: Bytes, offsets: Ints) -> int:
    """The first place (column * 256 + row) that two of some sound tiles share, or -1."""
    taken = np.zeros(AREA, np.uint8)
    toggles = np.empty(AREA, np.int32)
    for t in range(offsets.size - 1):
        n = read_toggles(data, offsets[t], offsets[t + 1], toggles)
        for j in range(0, n, 2):
            for place in range(toggles[j], toggles[j + 1] if j + 1 < n else AREA):
                if taken[place]:
                    return place
                taken[place] = 1
    return -1


@kernel
def join(data: Bytes, offsets: Ints, places: Ints, groups: Ints) -> tuple[Segments, Ints, int, int]:
    """Tiles to the segments of `runs`.

    Args:
        data: runs of all tiles.
        offsets: (T+1) bounds of each tile's runs.
        places: (T, 2) column and row of each tile.
        groups: (G+1) bounds of the tiles of one mask that stand in one column, by rising row.

    Returns:
        segments in frame coordinates, cut at tile borders; offsets (G+1); the first bad tile or -1,
        and its fault.
    """
    toggles = np.empty(AREA, np.int32)
    out = np.empty((1024, 3), np.int32)
    ends = np.zeros(groups.size, np.int64)
    k = 0
    for g in range(groups.size - 1):
        first, last = groups[g], groups[g + 1]
        spans = np.empty((256, 3), np.int32)
        bounds = np.zeros(last - first + 1, np.int64)
        for t in range(first, last):
            n = read_toggles(data, offsets[t], offsets[t + 1], toggles)
            if n < 0:
                return out[:0], ends, t, -n
            spans, bounds[t - first + 1] = _spans(toggles, n, places[t], spans, bounds[t - first])
        if k + bounds[-1] > out.shape[0]:
            grown = np.empty((2 * out.shape[0] + bounds[-1], 3), np.int32)
            grown[:k] = out[:k]
            out = grown
        k = _weave(spans, bounds, out, k)
        ends[g + 1] = k
    return out[:k], ends, -1, 0


@kernel
def _spans(toggles: Rows, n: int, place: Ints, spans: Rows, k: int) -> tuple[Rows, int]:
    """Append the segments of one tile at spans[k:]; a run is split at column ends."""
    room = k + n + TILE + 1
    if room > spans.shape[0]:
        grown = np.empty((2 * room, 3), np.int32)
        grown[:k] = spans[:k]
        spans = grown
    for j in range(0, n, 2):
        start = wide(toggles[j])
        end = wide(toggles[j + 1]) if j + 1 < n else wide(AREA)
        while start < end:
            stop = min(end, (start | 255) + 1)
            top = place[1] * TILE + (start & 255)
            spans[k, 0] = place[0] * TILE + (start >> 8)
            spans[k, 1], spans[k, 2] = top, top + stop - start
            k += 1
            start = stop
    return spans, k


@kernel
def _weave(spans: Rows, bounds: Ints, out: Segments, k: int) -> int:
    """Put the segments of tiles that stand below each other in the order of columns."""
    heads = bounds[:-1].copy()
    while True:
        column = wide(-1)
        for t in range(heads.size):
            if heads[t] < bounds[t + 1] and (column < 0 or spans[heads[t], 0] < column):
                column = wide(spans[heads[t], 0])
        if column < 0:
            return k
        for t in range(heads.size):
            while heads[t] < bounds[t + 1] and spans[heads[t], 0] == column:
                out[k] = spans[heads[t]]
                heads[t] += 1
                k += 1
