"""Bands and contours of every class of two class maps, each in the window where the class is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, kernel, wide
from maskloom.core.labels import codes
from maskloom.errors import DataError
from maskloom.metrics.boundary.bits import ALL, as_pixels, equal_bits, value_plane
from maskloom.metrics.boundary.contours import ContourCounts, plane_counts
from maskloom.metrics.boundary.dense_bands import band_counts
from maskloom.metrics.boundary.planes import disk, gap_for
from maskloom.metrics.boundary.rules import BoundaryRules, ContourRules


@dataclass(frozen=True, slots=True)
class ClassOutline:
    """What one sample says of the outline of one class: pixels of bands and of contours."""

    category: int
    band_shared: int
    band_union: int
    contours: ContourCounts


def class_outlines(
    truth: NDArray[Any],
    predicted: NDArray[Any],
    n_categories: int,
    rules: BoundaryRules,
    contour_rules: ContourRules,
) -> Iterator[ClassOutline]:
    """Bands and contours of each class that a map shows, void pixels of the truth apart.

    Args:
        truth: (H, W) uint8 or uint16: positions, void and background codes.
        predicted: the same shape; its void pixels are of no class.
        n_categories: K; positions are below it.
        rules: what is a band.
        contour_rules: what is a contour, and what meets.

    Raises:
        DataError: shapes differ, a type is wrong, or a value is not a category.
    """
    if truth.shape != predicted.shape:
        raise DataError(
            "truth and prediction differ in size", seen=f"{truth.shape} and {predicted.shape}"
        )
    boxes = [class_boxes(truth, n_categories, "truth")]
    boxes.append(class_boxes(predicted, n_categories, "prediction"))
    t, p = as_pixels(truth, what="truth"), as_pixels(predicted, what="prediction")
    height, width = t.shape
    void_code = codes(t.dtype)[0]
    has_void = bool(boxes[0][n_categories, 3])
    distance = rules.width(height, width)
    halves = disk(contour_rules.reach_squared(height, width), height, width)
    gap = gap_for(max(halves.size, math.ceil(distance)))
    # Beside void, what is outside is decided by pixels as far away as a band is wide.
    margin = math.ceil(distance) if has_void else 1
    for k in np.flatnonzero(np.maximum(boxes[0][:n_categories, 3], boxes[1][:n_categories, 3])):
        window = _window(boxes[0][k], boxes[1][k], margin, height, width)
        planes = [value_plane(one, int(k), gap, window) for one in (t, p)]
        void = value_plane(t, void_code, gap, window) if has_void else None
        across = int(window[3] - window[1])
        shared, union = band_counts(planes[0], planes[1], void, across, distance, rules)
        met = plane_counts(planes[0], planes[1], void, across, halves, contour_rules)
        yield ClassOutline(int(k), shared, union, met)


def class_boxes(values: NDArray[Any], n_categories: int, what: str) -> Ints:
    """(K + 1, 4) [y0, x0, y1, x1] of the pixels of each class, and of void; y1 is 0 for none.

    Raises:
        DataError: no map (H, W) of uint8 or uint16, or a value that is not a category.
    """
    void, background = codes(values.dtype)
    array = as_pixels(values, what=what)
    line = array.reshape(-1)
    boxes, wrong = _boxes(line, array.shape[1], n_categories, void, background)
    if wrong >= 0:
        raise DataError(
            f"the {what} holds a value that is no category",
            seen=int(wrong),
            hint=f"there are {n_categories} categories, counted from 0",
        )
    return boxes


def _window(one: Ints, other: Ints, margin: int, height: int, width: int) -> Ints:
    """The box around both, wider by a margin within the frame."""
    given = np.array([box for box in (one, other) if box[3]])
    y0, x0 = np.maximum(given[:, :2].min(axis=0) - margin, 0)
    y1, x1 = np.minimum(given[:, 2:].max(axis=0) + margin, (height, width))
    return np.array([y0, x0, y1, x1], np.int64)


@kernel
def _boxes(line: NDArray[Any], width: int, n: int, void: int, background: int) -> tuple[Ints, int]:
    """Boxes as `class_boxes` gives them, and a value that is no category, or -1."""
    boxes = np.zeros((n + 1, 4), np.int64)
    boxes[:, :2] = 2**31
    wrong = -1
    height = line.size // max(width, 1)
    for y in range(height):
        x = 0
        while x < width:
            start, value = x, line[y * width + x]
            x += 1
            while x < width:
                if x + 64 <= width and equal_bits(line, y * width + x, value) == ALL:
                    x += 64
                elif line[y * width + x] == value:
                    x += 1
                else:
                    break
            k = wide(value)
            if k >= n:
                if k != void:
                    wrong = wrong if k == background else k
                    continue
                k = wide(n)
            boxes[k, 0], boxes[k, 1] = min(boxes[k, 0], y), min(boxes[k, 1], start)
            boxes[k, 2], boxes[k, 3] = y + 1, max(boxes[k, 3], x)
    return boxes, wrong
