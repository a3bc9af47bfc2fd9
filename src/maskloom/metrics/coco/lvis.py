"""What LVIS says of detections: which take part, and which are not judged.

An image tells only of some categories: those of its objects and those that were looked for and
not found. Detections of others are left out; of categories whose objects are not all listed, one
without an object counts nowhere. An image has at most 300 detections, whatever they are.

Source: Gupta et al., LVIS, CVPR 2019; lvis-api 0.5.3 `LVISEval` and `LVISResults`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints
from maskloom.metrics.coco.columns import Found, Truth
from maskloom.metrics.coco.order import by_falling_score, by_value

MOST = 300
"""Detections of an image."""
FREQUENCIES = ("r", "c", "f")
"""Rare, common and frequent categories, by how many training images show them."""


def judged(
    found: Found,
    truth: Truth,
    negative: Ints,
    partial: Ints,
    *,
    images: int,
    categories: int,
    most: int = MOST,
) -> Found:
    """Detections with what LVIS says of each.

    Args:
        found: all detections.
        truth: the objects.
        negative: (P, 2) images and categories that were looked for and not found.
        partial: (Q, 2) images and categories whose objects are not all listed.
        images: how many there are.
        categories: likewise.
        most: detections of an image that take part, the best-scored.
    """
    own = np.stack([truth.image, truth.category], 1).astype(np.int64)
    pair = found.image.astype(np.int64) * categories + found.category
    told = np.isin(pair, _pairs(np.concatenate([own, negative]), categories))
    rows = by_falling_score(np.arange(len(pair), dtype=np.int32), found.score)
    rows, firsts = by_value(rows, found.image, images)
    rank = np.arange(len(rows)) - firsts[found.image[rows]]
    gone = ~told
    gone[rows[rank >= most]] = True
    return replace(found, gone=gone, partial=np.isin(pair, _pairs(partial, categories)))


def _pairs(table: Ints, categories: int) -> NDArray[np.int64]:
    return np.unique(table[:, 0] * categories + table[:, 1])
