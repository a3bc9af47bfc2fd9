"""Which parts of a large image to show at full resolution, and its small picture, band by band.

Nothing here holds more than a band of rows beside what the caller has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import codes
from maskloom.report.drawing import error_map

SIDE = 512
"""Pixels of a window's side, at most."""
BLOCK = 64
_BAND_PIXELS = 1 << 22

Box = tuple[int, int, int, int]
Bands = Callable[[int, int], NDArray[Any]]


def worst_windows(truth: NDArray[Any], predicted: NDArray[Any], most: int) -> list[Box]:
    """The windows with the most pixels that differ, worst first, without overlap.

    Where nothing differs, the windows with the most labelled pixels.

    Args:
        truth: (H, W) class map.
        predicted: likewise.
        most: at most so many windows.

    Returns:
        (x0, y0, x1, y1) px inside the image, `SIDE` px wide and high where it is as large.
    """
    counts = _blocks(truth, predicted, _changed)
    if not counts.any():
        counts = _blocks(truth, predicted, _labelled)
    reach = SIDE // BLOCK
    padded = np.pad(
        counts, ((1, max(0, reach - len(counts))), (1, max(0, reach - counts.shape[1])))
    )
    total = padded.cumsum(axis=0).cumsum(axis=1)
    sums = (
        total[reach:, reach:] - total[:-reach, reach:] - total[reach:, :-reach]
        + total[:-reach, :-reach]
    )  # fmt: skip
    height, width = truth.shape
    boxes: list[Box] = []
    while len(boxes) < most and sums.max() > 0:
        row, column = (int(v) for v in np.unravel_index(sums.argmax(), sums.shape))
        y0, x0 = max(0, min(row * BLOCK, height - SIDE)), max(0, min(column * BLOCK, width - SIDE))
        boxes.append((x0, y0, min(x0 + SIDE, width), min(y0 + SIDE, height)))
        sums[max(0, row - reach) : row + reach, max(0, column - reach) : column + reach] = 0
    return boxes


def shrunk_in_bands(
    read: Bands, size_hw: tuple[int, int], small_hw: tuple[int, int]
) -> NDArray[Any]:
    """A large picture averaged down, a band of its rows at a time.

    Args:
        read: gives the rows [y0, y1) as (y1 − y0, W, C), C up to 4.
        size_hw: (H, W) of the whole.
        small_hw: what to shrink it to.

    Returns:
        (h, w, C) uint8 where the bands are, else float32.
    """
    import cv2

    height, width = size_hw
    rows, columns = small_hw
    step = max(1, _BAND_PIXELS * rows // (width * height))
    bands = []
    for start in range(0, rows, step):
        end = min(start + step, rows)
        band = read(start * height // rows, -(-end * height // rows))
        if band.dtype != np.uint8:
            band = band.astype(np.float32)
        small = cv2.resize(band, (columns, end - start), interpolation=cv2.INTER_AREA)
        bands.append(small.reshape(end - start, columns, -1))
    return np.concatenate(bands)


def _blocks(
    truth: NDArray[Any],
    predicted: NDArray[Any],
    chosen: Callable[[NDArray[Any], NDArray[Any]], NDArray[np.bool_]],
) -> NDArray[np.int64]:
    """How many pixels of each block are chosen."""
    edges = np.arange(0, truth.shape[1], BLOCK)
    return np.array([
        np.add.reduceat(
            np.count_nonzero(chosen(truth[y : y + BLOCK], predicted[y : y + BLOCK]), axis=0), edges
        )
        for y in range(0, truth.shape[0], BLOCK)
    ], np.int64)  # fmt: skip


def _changed(truth: NDArray[Any], predicted: NDArray[Any]) -> NDArray[np.bool_]:
    kinds = error_map(truth, predicted)
    return (kinds > 0) & (kinds < 4)


def _labelled(truth: NDArray[Any], predicted: NDArray[Any]) -> NDArray[np.bool_]:
    del predicted
    void, background = codes(truth.dtype)
    labelled: NDArray[np.bool_] = (truth != void) & (truth != background)
    return labelled
