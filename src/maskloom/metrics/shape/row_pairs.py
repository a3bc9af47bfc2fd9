"""Rows of masks as objects of each class, with what is not judged; id maps are in `pairs.py`."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.objects.rows import ANY_CATEGORY, Objects
from maskloom.metrics.objects.sides import MASKLOOM_RULES, predicted_objects, truth_objects
from maskloom.metrics.shape.joint import Ids
from maskloom.metrics.shape.pairs import ObjectPairs


def row_pairs(
    truth: Rows,
    predicted: Rows,
    taxonomy: Taxonomy,
    *,
    ignore: Masks | None = None,
    unlabelled: Collection[int] = (),
) -> dict[int, ObjectPairs]:
    """The objects of each class that occurs on either side; masks may overlap.

    Not judged are void categories, `ignore`, and, for predictions of its class, a crowd region;
    where a true object lies over them, its pixels are judged. A predicted row without a pixel is
    no object, a true one is an object that nothing can match.

    Args:
        truth: rows of one sample; those that are not masks are left out, rows of one instance id
            and category are one object.
        predicted: likewise, in the same frame.
        taxonomy: of the rows.
        ignore: one row, the part of the frame that was not labelled.
        unlabelled: positions of categories that the truth does not list exhaustively here.
    """
    found = truth_objects(truth, taxonomy, MASKLOOM_RULES, ignore=ignore, unlabelled=unlabelled)
    p = predicted_objects(predicted, taxonomy, MASKLOOM_RULES, unlabelled=unlabelled)[0]
    p = p.take(np.flatnonzero(p.area > 0))
    t, regions = found.take(np.flatnonzero(~found.crowd)), found.take(np.flatnonzero(found.crowd))
    shared = t.masks.overlapping(p.masks)
    return {
        int(k): _pairs_of_class(int(k), t, p, regions, shared)
        for k in np.union1d(t.category, p.category)
    }


def _pairs_of_class(
    k: int, t: Objects, p: Objects, regions: Objects, shared: tuple[Ids, ...]
) -> ObjectPairs:
    rows, columns, pixels = shared
    # Both sides are sorted by category, so that a class is a stretch of each.
    t0, t1 = np.searchsorted(t.category, [k, k + 1])
    p0, p1 = np.searchsorted(p.category, [k, k + 1])
    own = (rows >= t0) & (rows < t1) & (columns >= p0) & (columns < p1)
    true, guessed = t.masks[t0:t1], p.masks[p0:p1]
    either = Masks.concatenate([true, guessed])
    blind = np.zeros(p1 - p0, np.int64)
    foreground = int(either.merge().areas[0]) if len(either) else 0
    near = np.flatnonzero((regions.category == ANY_CATEGORY) | (regions.category == k))
    if len(near) and len(guessed):
        free = regions.masks[near].merge()
        free = free.difference(t.masks.merge()) if len(t) else free
        blind = free.intersections(guessed)[0]
        foreground = int(either.merge().difference(free).areas[0])
    return ObjectPairs(
        true.areas,
        guessed.areas - blind,
        blind,
        rows[own] - t0,
        columns[own] - p0,
        pixels[own],
        foreground,
    )
