"""Masks as spans of pixels in row-major order, as CVAT and Label Studio count them.

COCO counts down the columns, and taking one order for the other gives masks that look like
stripes (cvat#6487, #8124, label-studio#382). Frames are painted a slab of rows at a time, so
that a span of a few bytes never asks for the memory of a frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskloom.core.masks import Masks
from maskloom.errors import MaskError

MAX_PIXELS = 1 << 32
MAX_WIDTH = 1 << 24
_SLAB = 1 << 24

Spans = NDArray[np.int64]


def spans_of_counts(counts: NDArray[np.int64], pixels: int) -> Spans:
    """Spans (n, 2) [start, end) of runs that alternate background, foreground.

    Args:
        counts: of pixels in row-major order; zeros are allowed.
        pixels: of the frame, which the counts must sum to.

    Raises:
        MaskError: a negative count, or counts of another frame.
    """
    if counts.size and (int(counts.min()) < 0 or int(counts.max()) > pixels):
        bad = next(int(c) for c in counts if not 0 <= c <= pixels)
        raise MaskError("a run is negative or too long", seen=bad)
    # Python's sum cannot overflow.
    top = int(counts.max(initial=0))
    total = int(counts.sum()) if top * counts.size < 2**63 else sum(counts.tolist())
    if total != pixels:
        raise MaskError(f"the runs do not sum to the {pixels} pixels of their box", seen=total)
    ends = np.cumsum(counts)
    starts = ends - counts
    spans = np.stack([starts[1::2], ends[1::2]], axis=1)
    return spans[spans[:, 1] > spans[:, 0]]


def counts_of_spans(spans: Spans, pixels: int) -> list[int]:
    """Runs that alternate background, foreground and sum to the pixels of the frame."""
    edges = np.concatenate([[0], spans.ravel(), [pixels]])
    counts: list[int] = np.diff(edges).tolist()
    return counts if counts[-1] or len(counts) == 1 else counts[:-1]


def mask_of_spans(spans: Spans, size: tuple[int, int]) -> Masks:
    """One mask row.

    Args:
        spans: (n, 2) [start, end) in a row-major frame, rising, apart.
        size: (H, W) of that frame.

    Raises:
        MaskError: a frame of more than 2**32 pixels, or wider than 2**24.
    """
    height, width = size
    if height * width > MAX_PIXELS or width > MAX_WIDTH:
        raise MaskError("a bitmap of more than 2**32 pixels, or wider than 2**24", seen=size)
    if not len(spans):
        return Masks.empty(1, size)
    step = max(1, _SLAB // width)
    parts = []
    first, last = int(spans[0, 0]) // width, (int(spans[-1, 1]) - 1) // width + 1
    for y in range(first, last, step):
        rows = min(step, last - y)
        low, high = y * width, (y + rows) * width
        i, j = np.searchsorted(spans[:, 1], low, "right"), np.searchsorted(spans[:, 0], high)
        if i >= j:
            continue
        inside = np.clip(spans[i:j], low, high) - low
        canvas = _painted(inside, rows * width).reshape(rows, width)
        parts.append(Masks.from_dense(canvas).place(0, y, size))
    return parts[0] if len(parts) == 1 else Masks.concatenate(parts).merge()


def _painted(spans: Spans, pixels: int) -> NDArray[np.uint8]:
    # Spans that touch change the pixel between them twice, which is not at all.
    changes = np.zeros(pixels + 1, np.uint8)
    np.bitwise_xor.at(changes, spans.ravel(), 1)
    return np.bitwise_xor.accumulate(changes)[:-1]


def spans_of_mask(mask: Masks, box: tuple[int, int, int, int]) -> Spans:
    """The spans of one mask row inside a window, in row-major order of that window.

    Args:
        mask: one row.
        box: x0, y0, x1, y1 of the window, which has pixels.
    """
    x0, y0, x1, y1 = box
    width = x1 - x0
    step = max(1, _SLAB // width)
    found = []
    for y in range(y0, y1, step):
        rows = min(step, y1 - y)
        flat = mask.crop([x0, y, x1, y + rows]).dense(0).ravel()
        changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        edges = [*([0] if flat[0] else []), *changes.tolist(), *([flat.size] if flat[-1] else [])]
        found.append(np.array(edges, np.int64).reshape(-1, 2) + (y - y0) * width)
    spans = np.concatenate(found)
    # What one slab ends with and the next begins with is one span.
    joined = spans[1:, 0] == spans[:-1, 1]
    starts, ends = np.r_[True, ~joined], np.r_[~joined, True]
    return np.stack([spans[starts[: len(spans)], 0], spans[ends[: len(spans)], 1]], axis=1)
