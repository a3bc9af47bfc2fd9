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
    p_of, t_of, shared = predicted.masks.overlapping(truth.masks)
    iou = shared / (predicted.masks.areas[p_of] + truth.masks.areas[t_of] - shared)
    starts = np.searchsorted(p_of, np.arange(len(predicted) + 1))
    order = np.lexsort((-predicted.masks.areas, -np.nan_to_num(predicted.score, nan=-1.0)))
    for code in (1, 2):
        for p in order[state[order] == 0]:
            near, fit = (column[starts[p] : starts[p + 1]] for column in (t_of, iou))
            same = truth.category[near] == predicted.category[p]
            free = np.where((true_state[near] == 0) & (same if code == 1 else ~same), fit, 0.0)
            if free.max(initial=0.0) >= 0.5:
                true_state[near[free.argmax()]] = state[p] = code
    if truth.crowd.any():
        most = np.zeros(len(predicted), np.int64)
        crowds = truth.crowd[t_of]
        np.maximum.at(most, p_of[crowds], shared[crowds])
        state[(state == 0) & (2 * most >= np.maximum(predicted.masks.areas, 1))] = UNCOUNTED
    return true_state, state
