"""Rows of one frame, whose tracks say who is who, as a `Frame` of each class."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.objects.rows import unite_parts
from maskloom.metrics.tracks.sequences import SLACK, Frame, Table, checked_frame


def row_frames(
    truth: Rows,
    predicted: Rows,
    taxonomy: Taxonomy,
    *,
    ignore: Masks | None = None,
    unlabelled: Collection[int] = (),
    where: str = "",
) -> dict[int, Frame]:
    """Who is in a frame, for each class that occurs in it.

    Rows of one track and class are parts of one object. A prediction that matches no true object
    of its class with an IoU of 1/2, and of which more than half lies on void, on `ignore` or on
    a crowd of its class, is left out.

    Args:
        truth: rows of one frame; those that are not masks are left out.
        predicted: likewise, in the same frame; void rows and crowd flags mean nothing.
        taxonomy: of the rows.
        ignore: one row, the part of the frame that was not labelled.
        unlabelled: positions of categories that the truth does not list exhaustively here.
        where: the frame, for errors.

    Raises:
        DataError: a row has no track.

    Source: Voigtlaender et al. 2019 (MOTS), ignore regions; TrackEval `datasets/mots_challenge.py`.
    Deviation: masks of one side may overlap.
    """
    void = np.array([category.void for category in taxonomy], np.bool_)
    real, found, regions = objects_in(truth, predicted, taxonomy, unlabelled=unlabelled)
    real, found = _by_track(real, "truth", where), _by_track(found, "prediction", where)
    out = {}
    for k in np.union1d(real.category, found.category).tolist():
        true, guessed = real.take(real.category == k), found.take(found.category == k)
        near = regions.masks[np.flatnonzero(void[regions.category] | (regions.category == k))]
        if ignore is not None:
            near = Masks.concatenate([near, ignore])
        iou = true.masks.iou(guessed.masks)
        kept = np.ones(len(guessed), np.bool_)
        if len(near) and len(guessed):
            hidden = near.merge().intersections(guessed.masks)[0]
            kept = ~(2 * hidden > guessed.masks.areas) | _matched(iou)
        out[k] = checked_frame(true.track, guessed.track[kept], iou[:, kept], where=where)
    return out


def objects_in(
    truth: Rows, predicted: Rows, taxonomy: Taxonomy, *, unlabelled: Collection[int] = ()
) -> tuple[Rows, Rows, Rows]:
    """Objects of the truth and of the prediction, and void and crowds of the truth: masks only."""
    void = np.array([category.void for category in taxonomy], np.bool_)
    t, p = _masks_only(truth, unlabelled), _masks_only(predicted, unlabelled)
    aside = void[t.category] | t.crowd
    return t.take(~aside), p.take(~void[p.category]), t.take(aside)


def _masks_only(rows: Rows, unlabelled: Collection[int]) -> Rows:
    return rows.take((rows.kind == RowKind.MASK) & ~np.isin(rows.category, list(unlabelled)))


def _by_track(rows: Rows, side: str, where: str) -> Rows:
    lost = np.flatnonzero(rows.track < 0)
    if len(lost):
        raise DataError(
            f"a row of the {side} has no track",
            where=where,
            seen=f"instance {rows.instance[lost[0]]}",
            hint="give each object of a sequence a track of its own, from 0",
        )
    ids = np.stack([rows.track, rows.category.astype(np.int64)])
    if np.unique(ids, axis=1).shape[1] == len(rows):
        return rows
    return unite_parts(replace(rows, instance=rows.track))


def _matched(iou: Table) -> NDArray[np.bool_]:
    """(M,) predictions with a true partner of IoU 1/2 or more, of as many as can have one."""
    out = np.zeros(iou.shape[1], np.bool_)
    worth = np.where(iou >= 0.5 - SLACK, 1000 + iou, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    out[columns[worth[rows, columns] > 0]] = True
    return out
