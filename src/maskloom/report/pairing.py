"""Which objects of a picture belong together: for colours, not for scores (`metrics/`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Rows

UNCOUNTED = 3
States = tuple[NDArray[np.int8], NDArray[np.int8]]


def match_objects(truth: Rows, predicted: Rows) -> States:
    """State of each object on both sides: 0 alone, 1 matched, 2 wrong class, 3 not counted.

    Predictions are taken by falling score, unscored ones by falling area, first among truth of
    their category, then among the rest; a match needs an IoU of 0.5. Crowds, and predictions
    left alone of which half and more lies in a crowd, are not counted.
    """
    true_state = np.where(truth.crowd, UNCOUNTED, 0).astype(np.int8)
    state = np.zeros(len(predicted), np.int8)
    if not len(truth) or not len(predicted):
        return true_state, state
    iou = truth.masks.iou(predicted.masks)
    order = np.lexsort((-predicted.masks.areas, -np.nan_to_num(predicted.score, nan=-1.0)))
    for code in (1, 2):
        for p in order[state[order] == 0]:
            same = truth.category == predicted.category[p]
            free = np.where((true_state == 0) & (same if code == 1 else ~same), iou[:, p], 0.0)
            best = int(free.argmax())
            if free[best] >= 0.5:
                true_state[best] = state[p] = code
    if truth.crowd.any():
        shared = truth.masks[truth.crowd].intersections(predicted.masks).max(axis=0)
        state[(state == 0) & (2 * shared >= np.maximum(predicted.masks.areas, 1))] = UNCOUNTED
    return true_state, state
