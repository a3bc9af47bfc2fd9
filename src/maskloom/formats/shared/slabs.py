"""Labels of an image of any size, a slab of rows at a time, without arrays of the whole image.

An image of up to `PIXELS` is one slab.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks

PIXELS = 1 << 22


def slabs(size: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Rows (from, to) of each slab of an image (H, W): at most `PIXELS`, or one row."""
    height, width = size
    step = max(1, PIXELS // max(1, width))
    for y0 in range(0, max(1, height), step):
        yield y0, min(y0 + step, height)


def cut(labels: Labels, y0: int, y1: int) -> Labels:
    """The labels of rows y0 to y1 of an image, with what a class map of them needs.

    Args:
        labels: of an image.
        y0: the first row.
        y1: the row after the last.
    """
    height, width = labels.size
    if (y0, y1) == (0, height):
        return labels
    coverage = labels.coverage
    if coverage.area is not None:
        coverage = replace(coverage, area=coverage.area.crop([0, y0, width, y1]))
    if labels.class_map is not None:
        return Labels((y1 - y0, width), class_map=labels.class_map[y0:y1], coverage=coverage)
    assert labels.rows is not None
    seen, masks = _between(labels.rows.masks, y0, y1)
    columns = {name: getattr(labels.rows, name)[seen] for name in ("kind", "z_order")}
    rows = Rows.make(masks, labels.rows.category[seen], **columns)
    return Labels((y1 - y0, width), rows=rows, coverage=coverage)


def paint_slab(masks: Masks, into: NDArray[Any], values: ArrayLike, y0: int) -> None:
    """`Masks.paint` into a slab (h, W) whose first row is y0 of the masks' frame."""
    seen, parts = _between(masks, y0, y0 + len(into))
    parts.paint(into, np.asarray(values)[seen])


def _between(masks: Masks, y0: int, y1: int) -> tuple[NDArray[np.int64], Masks]:
    """Which masks reach into rows y0 to y1, and what of them lies there."""
    seen = np.flatnonzero((masks.boxes[:, 1] < y1) & (masks.boxes[:, 3] > y0))
    width = int(masks.sizes[0, 1]) if len(masks) else 0
    return seen, masks[seen].crop([0, y0, width, y1])
