"""What is wrong with each prediction of a sample: the six kinds of error of TIDE.

What an error costs in average precision is `fixes.py`; objects in pieces are `pieces.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, kernel
from maskloom.metrics.errors.pairs import Pairs
from maskloom.metrics.objects.matching import Flags, Floats, match_into
from maskloom.metrics.objects.rows import Objects

RIGHT, CLASS, LOCATION, BOTH, DUPLICATE, BACKGROUND = range(6)
KINDS = ("right", "class", "location", "both", "duplicate", "background")
FOUND, NEAR = 0.5, 0.1
"""IoU from which an object is found, and below which a prediction is on nothing."""
_LEVELS = np.array([FOUND, 0.75])


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """D predictions and G true objects of one sample.

    Args:
        rank: (D,) int64, by falling score, whatever the category.
        counts: (D,) bool; False where a prediction is not judged: it fell on a crowd, on void or
            on what was not labelled.
        kind: (D,) uint8, an index of `KINDS`.
        gains: (D,) int64, the object that would be found if this prediction of kind class or
            location were put right; -1 where there is none, or a surer one would find it.
        iou: (G,) with the prediction that found it, 0 where none did.
        fine: (G,) bool, found at IoU 0.75 too.
        missed: (G,) bool, neither found nor gained by any prediction; crowds never are.
    """

    rank: Ints
    counts: Flags
    kind: NDArray[np.uint8]
    gains: Ints
    iou: Floats
    fine: Flags
    missed: Flags


def judged(pairs: Pairs, predicted: Objects, truth: Objects, outside: Flags) -> Judged:
    """Match as AP does at IoU 0.5, then say of each other prediction what is wrong.

    With the highest IoU to objects of its category and to those of others, a prediction that
    found nothing is, the first that holds:

    - location: its own category, 0.1 up to below 0.5
    - class: another category, at least 0.5
    - duplicate: its own category, at least 0.5: a surer prediction has that object
    - both: another category, at least 0.1
    - background: no object at all

    Args:
        pairs: of both sides.
        predicted: by category and falling score.
        truth: by category.
        outside: (D,) predictions that are not judged unless they find an object.

    Source: Bolya et al. 2020, section 2.2, and tidecv `TIDERun._eval_image` for what comes
    first. Deviations: bounds are half open; of equal IoU the later object is taken, as
    pycocotools does; IoU of exactly 0.5 with a crowd excuses.
    """
    n, crowd = len(predicted), truth.crowd
    hit, drop = np.zeros((n, 1), np.uint16), np.zeros((n, 1), np.uint16)
    partner = np.full((1, len(_LEVELS), n), -1, np.int32)
    unseen = np.zeros(len(truth), np.bool_), np.zeros(n, np.bool_)
    sides = crowd, crowd[None]
    match_into(pairs.candidates(), sides, outside[None], _LEVELS, unseen, (hit, drop), partner)
    counts = (drop[:, 0] & 1) == 0
    right = counts & (hit[:, 0] & 1 == 1)
    fine = np.zeros(len(truth), np.bool_)
    fine[partner[0, 1, (hit[:, 0] & ~drop[:, 0] & 2) != 0]] = True
    iou = np.zeros(len(truth))
    of = right[pairs.predicted] & (partner[0, 0, pairs.predicted] == pairs.truth)
    iou[pairs.truth[of]] = pairs.iou[of]
    columns = pairs.offsets, pairs.truth, pairs.iou, pairs.alike
    kind, target = _kinds(columns, right, counts, crowd)
    order = np.argsort(-predicted.score, kind="stable")
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    gains = _gains(target, order, iou > 0)
    missed = (iou == 0) & ~crowd
    missed[target[target >= 0]] = False
    return Judged(rank, counts, kind, gains, iou, fine, missed)


@kernel
def _kinds(
    pairs: tuple[Ints, Ints, Floats, Flags], right: Flags, counts: Flags, crowd: Flags
) -> tuple[NDArray[np.uint8], Ints]:
    """Kind of each prediction, and the object that an error of class or location is about."""
    offsets = pairs[0]
    n = right.size
    kind, target = np.full(n, BACKGROUND, np.uint8), np.full(n, -1, np.int64)
    for d in range(n):
        if right[d]:
            kind[d] = RIGHT
        elif counts[d]:
            own, best_own = _nearest(pairs, offsets[d], offsets[d + 1], crowd, 1)
            other, best_other = _nearest(pairs, offsets[d], offsets[d + 1], crowd, 0)
            if NEAR <= best_own < FOUND:
                kind[d], target[d] = LOCATION, own
            elif best_other >= FOUND:
                kind[d], target[d] = CLASS, other
            elif best_own >= FOUND:
                kind[d] = DUPLICATE
            elif best_other >= NEAR:
                kind[d] = BOTH
    return kind, target


@kernel
def _nearest(
    pairs: tuple[Ints, Ints, Floats, Flags], first: int, last: int, crowd: Flags, like: int
) -> tuple[int, float]:
    """The object of highest IoU among some pairs that are alike (1) or not; the later of equals."""
    _, truth, iou, same = pairs
    best, level = -1, 0.0
    for c in range(first, last):
        if same[c] == like and not crowd[truth[c]] and iou[c] >= level:
            best, level = truth[c], iou[c]
    return best, level


@kernel
def _gains(target: Ints, order: Ints, found: Flags) -> Ints:
    """For each object that nobody found, only the surest prediction about it gains it."""
    gains = np.full(target.size, -1, np.int64)
    free = ~found
    for d in order:
        if target[d] >= 0 and free[target[d]]:
            gains[d] = target[d]
            free[target[d]] = False
    return gains
