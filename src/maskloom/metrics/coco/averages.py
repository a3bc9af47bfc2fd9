"""COCO's arrays of precision, recall and scores over all categories."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints
from maskloom.metrics.coco.curves import EPSILON, Curves, fill_curves
from maskloom.metrics.coco.matched import BITS, Matched
from maskloom.metrics.objects.matching import Flags, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Averages:
    """What `COCOeval.accumulate` gives.

    Args:
        precision, scores: (T, R, K, A, M).
        recall: (T, K, A, M).
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    scores: NDArray[np.float64]


def accumulate(
    matched: Matched,
    recalls: Floats,
    limits: Sequence[int],
    *,
    levels: int,
    images: Flags | None = None,
    epsilon: float = EPSILON,
    threads: int = 1,
) -> Averages:
    """Curves of all categories.

    Args:
        matched: detections of a data set.
        recalls: (R,) at which precision is told.
        limits: (M,) most detections an image and category.
        levels: T, how many were matched at.
        images: (I,) those that are counted; all by default.
        epsilon: added to the denominator of precision.
        threads: that share the categories; any number gives the same bits.
    """
    k, areas = len(matched.categories) - 1, len(matched.ignored)
    shape = (levels, len(recalls), k, areas, len(limits))
    precision, scores = np.full(shape, -1.0), np.full(shape, -1.0)
    recall = np.full((levels, *shape[2:]), -1.0)
    most = np.array(limits, np.int64)
    positives = _positives(matched, images)

    def fill(c: int) -> None:
        by = matched.by_score[matched.categories[c] : matched.categories[c + 1]]
        if images is not None:
            by = by[images[matched.image[by]]]
        if not positives[c].any():
            return
        rank, score = matched.rank[by], matched.score[by]
        for part in range(len(matched.hit)):
            at = slice(part * BITS, (part + 1) * BITS)
            out: Curves = precision[at, :, c], recall[at, c], scores[at, :, c]
            bits = (matched.hit[part][by], matched.drop[part][by], rank, score)
            fill_curves(bits, positives[c], most, recalls, epsilon, out)

    if threads == 1:
        for c in range(k):
            fill(c)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, range(k)))
    return Averages(precision, recall, scores)


def _positives(matched: Matched, images: Flags | None) -> Ints:
    """(K, A) objects that count."""
    counted = ~matched.ignored
    if images is not None:
        counted &= images[matched.truth_image]
    k = len(matched.categories) - 1
    return np.stack([np.bincount(matched.truth_category[own], minlength=k) for own in counted], 1)
