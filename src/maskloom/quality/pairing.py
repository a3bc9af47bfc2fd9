"""Which predicted object is which true one, where the first question is what to mend.

Unlike the matching behind scores (`metrics/objects/matching.py`), every object is paired at most
once, whatever its class, so that one fault is one region; the regions are `regions_rows.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.objects.rows import ANY_CATEGORY, unite_parts

FOUND_IOU = 0.5
SAME_IOU = 0.25
"""Objects of one class that nothing else claims are one, badly outlined, from this overlap."""


@dataclass(frozen=True, slots=True, eq=False)
class Blind:
    """Where nothing is judged.

    Args:
        ignore: one row, the part of the frame that was not labelled, or None.
        unlabelled: positions of the categories that were not looked for.
    """

    ignore: Masks | None = None
    unlabelled: Collection[int] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Objects that share pixels, one value per pair.

    Args:
        p, t: positions of the predicted and the true object.
        shared: pixels in both.
        iou: intersection over union.
    """

    p: NDArray[np.int64]
    t: NDArray[np.int64]
    shared: NDArray[np.int64]
    iou: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """The objects of both sides of one image, and who belongs to whom.

    Args:
        truth: N objects: masks with pixels, parts united, no crowd, no void.
        predicted: M likewise.
        places: for each side, where its objects lie in the rows that were given.
        score: (M,) certainty in [0, 1], 1 where the prediction gives none.
        taken: (M,) position of the true object that each is, or -1.
        swallowed: (M,) whether a prediction lies, by half and more, where nothing is judged.
        overlaps: every pair that shares a pixel.
    """

    truth: Rows
    predicted: Rows
    places: tuple[NDArray[np.int64], NDArray[np.int64]]
    score: NDArray[np.float64]
    taken: NDArray[np.int64]
    swallowed: NDArray[np.bool_]
    overlaps: Overlaps

    @property
    def missing(self) -> NDArray[np.int64]:
        """Positions of the true objects that no prediction is."""
        alone = np.ones(len(self.truth), np.bool_)
        alone[self.taken[self.taken >= 0]] = False
        return np.flatnonzero(alone)

    @property
    def extra(self) -> NDArray[np.int64]:
        """Positions of the predictions that are no true object and count."""
        return np.flatnonzero((self.taken < 0) & ~self.swallowed)

    @property
    def agreement(self) -> tuple[int, int]:
        """Pairs of one class, and how many objects there are when pairs count once."""
        paired = self.taken >= 0
        same = self.truth.category[self.taken[paired]] == self.predicted.category[paired]
        return int(same.sum()), len(self.truth) + len(self.extra)


def pair_objects(truth: Rows, predicted: Rows, taxonomy: Taxonomy, blind: Blind) -> Pairing:
    """Pair the objects of one image.

    Predictions take the free object that they overlap most, the surest prediction first: of
    their class at an IoU of 0.5, then of another class at 0.5, then of their class at 0.25.
    Predictions without an object are swallowed by void, crowds of their class and unlabelled
    parts of the frame. Rows that are not masks are left out.

    Args:
        truth: rows of one image.
        predicted: rows of the same frame; one without a score counts as certain.
        taxonomy: of both.
        blind: where nothing is judged.
    """
    (ours, at), (theirs, there) = (_drawn(rows, blind.unlabelled) for rows in (truth, predicted))
    void = np.array([c.void for c in taxonomy], np.bool_)[ours.category]
    out = void | ours.crowd
    aside, category = ours.take(out), np.where(void, ANY_CATEGORY, ours.category)[out]
    ours, at = ours.take(~out), at[~out]
    overlaps = _overlaps(theirs.masks, ours.masks)
    score = np.clip(np.nan_to_num(theirs.score, nan=1.0), 0.0, 1.0)
    return Pairing(
        ours,
        theirs,
        (at, there),
        score,
        _taken(overlaps, ours, theirs, score),
        _swallowed(theirs, aside.masks, category, blind.ignore),
        overlaps,
    )


def _drawn(rows: Rows, unlabelled: Collection[int]) -> tuple[Rows, NDArray[np.int64]]:
    """Masks with pixels, parts of one object united, and where they (or their first part) were."""
    keep = (rows.kind == RowKind.MASK) & (rows.masks.areas > 0)
    if unlabelled:
        keep &= ~np.isin(rows.category, list(unlabelled))
    places = np.flatnonzero(keep)
    rows = rows if keep.all() else rows.take(keep)
    if len(np.unique(rows.instance)) == len(rows):
        return rows, places
    ids = np.stack([rows.instance, rows.category.astype(np.int64)])
    return unite_parts(rows), places[np.sort(np.unique(ids, axis=1, return_index=True)[1])]


def _overlaps(predicted: Masks, truth: Masks) -> Overlaps:
    p, t, shared = predicted.overlapping(truth)
    return Overlaps(p, t, shared, shared / (predicted.areas[p] + truth.areas[t] - shared))


def _taken(
    overlaps: Overlaps, truth: Rows, predicted: Rows, score: NDArray[np.float64]
) -> NDArray[np.int64]:
    """(M,) the true object of each prediction, or -1."""
    p, t, iou = overlaps.p, overlaps.t, overlaps.iou
    same = predicted.category[p] == truth.category[t]
    stages = [(iou >= FOUND_IOU) & same, iou >= FOUND_IOU, (iou >= SAME_IOU) & same]
    stage = np.select(stages, [0, 1, 2], 3)
    order = np.lexsort((t, p, -iou, -score[p], stage))
    taken = np.full(len(predicted), -1, np.int64)
    free = np.ones(len(truth), np.bool_)
    for k in order[stage[order] < 3].tolist():
        if taken[p[k]] < 0 and free[t[k]]:
            taken[p[k]], free[t[k]] = t[k], False
    return taken


def _swallowed(
    predicted: Rows, aside: Masks, category: NDArray[np.int32], ignore: Masks | None
) -> NDArray[np.bool_]:
    """(M,) predictions of which half and more lies in void, a crowd of theirs or unlabelled."""
    inside = np.zeros(len(predicted), np.int64)
    if ignore is not None and len(ignore):
        aside = Masks.concatenate([aside, ignore])
        category = np.append(category, ANY_CATEGORY)
    for kind in np.unique(category).tolist():
        mine = predicted.category == kind if kind != ANY_CATEGORY else predicted.category >= 0
        region = aside[np.flatnonzero(category == kind)].merge()
        if mine.any():
            inside[mine] += predicted.masks[mine].intersections(region)[:, 0]
    lost: NDArray[np.bool_] = (2 * inside >= predicted.masks.areas) & (len(category) > 0)
    return lost
