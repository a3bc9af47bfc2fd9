"""Boundary IoU of pairs that overlap: the lesser of mask IoU and Boundary IoU.

Only masks of such pairs get a band (`boundary/bands.py`); the others need none.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from maskloom.core.coco_rle import frame_to_crop
from maskloom.core.kernel import Ints, Rows, kernel
from maskloom.core.masks import Masks
from maskloom.metrics.boundary.bands import BoundaryBands, boundary_bands, boundary_iou_pairs
from maskloom.metrics.coco.near import Lines
from maskloom.metrics.objects.matching import Flags, Floats

BandsOf = Callable[[NDArray[np.int64]], BoundaryBands]
"""The bands of some rows."""


def lesser_iou(
    pairs: tuple[Ints, Ints, Floats], found: BandsOf, truth: BandsOf, crowd: Flags
) -> tuple[Ints, Ints, Floats]:
    """Pairs with the lesser of their IoU and Boundary IoU; against a crowd the IoU stays.

    Args:
        pairs: of `near_masks` or `matching.candidates`.
        found: bands of rows of the detections.
        truth: bands of rows of the objects.
        crowd: (G,) objects that are regions of many.

    Source: Cheng et al., Boundary IoU, CVPR 2021; boundary-iou-api `cocoeval.computeBoundaryIoU`.
    """
    offsets, index, value = pairs
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    asked = np.flatnonzero(~crowd[index] & (value > 0))
    if not len(asked):
        return pairs
    own, place = np.unique(rows[asked], return_inverse=True)
    other, other_place = np.unique(index[asked], return_inverse=True)
    places = place.reshape(-1), other_place.reshape(-1)
    boundary = boundary_iou_pairs(found(own), truth(other), *places)
    lesser = value.copy()
    lesser[asked] = np.minimum(value[asked], boundary)
    return offsets, index, lesser


def line_bands(lines: Lines, sizes: Ints, widths: Ints, rows: NDArray[np.int64]) -> BoundaryBands:
    """Bands of some of N masks as lines.

    Args:
        lines: of all.
        sizes: (N, 2) frames.
        widths: (N,) px.
        rows: which.
    """
    runs, offsets = _runs(lines[0], lines[1][rows], lines[2][rows])
    sizes = np.ascontiguousarray(sizes[rows])
    boxes, counts, starts, _, _ = frame_to_crop(runs, offsets, sizes)
    return boundary_bands(Masks(sizes, boxes, counts, starts), widths[rows])


@kernel
def _runs(ends: Rows, firsts: Ints, lasts: Ints) -> tuple[Ints, Ints]:
    """Lengths of runs of masks, end to end, and where those of each begin."""
    offsets = np.zeros(firsts.size + 1, np.int64)
    for i in range(firsts.size):
        offsets[i + 1] = offsets[i] + lasts[i] - firsts[i]
    runs = np.empty(offsets[firsts.size], np.int64)
    for i in range(firsts.size):
        past, k = 0, offsets[i]
        for j in range(firsts[i], lasts[i]):
            runs[k] = ends[j] - past
            past = ends[j]
            k += 1
    return runs, offsets
