"""Every pair of a prediction and a true object that share pixels, of any category.

Average precision needs pairs of one category only (`matching.candidates`); what an error is, shows
beside the objects of all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.algebra import overlapping
from maskloom.metrics.objects.matching import LOWEST_IOU
from maskloom.metrics.objects.rows import ANY_CATEGORY, Objects

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """C pairs as CSR over D predictions, objects in rising order.

    Args:
        offsets: (D + 1,) bounds of the pairs of each prediction.
        predicted: (C,) positions of predictions.
        truth: (C,) positions of true objects.
        shared: (C,) px, at least 1 each.
        iou: (C,) in (0, 1]; against a crowd the union is the prediction's own area.
        alike: (C,) bool, whether both are of one category, or the object is of any.
    """

    offsets: Ints
    predicted: Ints
    truth: Ints
    shared: Ints
    iou: NDArray[np.float64]
    alike: NDArray[np.bool_]

    def candidates(self) -> tuple[Ints, Ints, NDArray[np.float64]]:
        """The pairs that may be matched, as `matching.candidates` gives them."""
        kept = self.alike & (self.iou >= LOWEST_IOU)
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
        return before[self.offsets], self.truth[kept], self.iou[kept]


def pairs_of(predicted: Objects, truth: Objects) -> Pairs:
    """All pairs of the objects of one sample; both sides are sorted by category."""
    one, other = predicted.columns(), truth.columns()
    offsets, index, shared = overlapping(*one[:3], *other[:3])
    own = np.repeat(np.arange(len(predicted)), np.diff(offsets))
    union = one[3][own] + np.where(truth.crowd[index], 0, other[3][index] - shared)
    category = truth.category[index]
    alike = (category == predicted.category[own]) | (category == ANY_CATEGORY)
    return Pairs(offsets, own, index, shared, shared / union, alike)
