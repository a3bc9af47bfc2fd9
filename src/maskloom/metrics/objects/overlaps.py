"""What it means that two objects overlap: by their masks, their boxes, or their boundaries.

Each is a way from the objects of a sample to pairs that `matching.match` takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints
from maskloom.core.masks import Masks
from maskloom.metrics.boundary.bands import BoundaryBands, band_widths, boundary_bands
from maskloom.metrics.coco.boundaries import lesser_iou
from maskloom.metrics.coco.near import near_boxes
from maskloom.metrics.objects.matching import LOWEST_IOU, Floats, candidates
from maskloom.metrics.objects.rows import Objects

Pairs = tuple[Ints, Ints, Floats]
"""CSR over predictions: offsets (D + 1), positions of true objects in rising order, IoU."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """By what objects overlap.

    Args:
        prefix: of the names of scores.
        pairs: predictions and true objects of one sample, by category → their pairs.
        boxed: boxes without a mask are objects, too.
    """

    prefix: str
    pairs: Callable[[Objects, Objects], Pairs]
    boxed: bool = False


def mask_pairs(found: Objects, truth: Objects) -> Pairs:
    """By the pixels that masks share."""
    return candidates(found.columns(), truth.columns(), truth.crowd)


def boundary_pairs(found: Objects, truth: Objects) -> Pairs:
    """By the lesser of mask IoU and Boundary IoU, with bands of 2 % of the diagonal.

    Source: Cheng et al. 2021; boundary-iou-api.
    """
    bands = partial(_bands, found.masks), partial(_bands, truth.masks)
    return lesser_iou(mask_pairs(found, truth), *bands, truth.crowd)


def _bands(masks: Masks, rows: NDArray[np.int64]) -> BoundaryBands:
    return boundary_bands(masks[rows], band_widths(masks.sizes[rows]))


def box_pairs(found: Objects, truth: Objects) -> Pairs:
    """By their boxes; whether a prediction lies on what is not judged, its pixels say.

    Source: cocoapi common/maskApi.c, bbIou.
    """
    free = int(np.searchsorted(truth.category, 0))
    at, truth_at = (np.zeros(len(one), np.int32) for one in (found, truth))
    own = near_boxes(
        *(found.boxes, (at, found.category), truth.boxes, (truth_at, truth.category)),
        truth.crowd,
        LOWEST_IOU,
    )
    if not free:
        return own
    regions = truth.take(np.arange(free))
    unjudged = candidates(found.columns(), regions.columns(), regions.crowd)
    # Regions come before objects, so that positions rise.
    offsets = (unjudged[0], own[0])
    rows = np.concatenate([np.repeat(np.arange(len(found)), np.diff(one)) for one in offsets])
    by = np.argsort(rows, kind="stable")
    index, value = (np.concatenate([unjudged[n], own[n]])[by] for n in (1, 2))
    return unjudged[0] + own[0], index, value


MASKS = Overlap("", mask_pairs)
BOXES = Overlap("box_", box_pairs, boxed=True)
BOUNDARIES = Overlap("boundary_", boundary_pairs)
