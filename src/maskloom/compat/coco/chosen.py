"""What of a truth and of results an evaluation asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.compat.coco.columns import annotation_columns, result_columns, truth_columns
from maskloom.compat.coco.data import COCO
from maskloom.compat.coco.fields import Asked
from maskloom.compat.coco.file_columns import file_columns, serves
from maskloom.compat.coco.frames import Frames
from maskloom.compat.coco.params import Params
from maskloom.compat.coco.places import Places
from maskloom.errors import UsageError
from maskloom.metrics.coco.columns import Found, MatchRules, Truth
from maskloom.metrics.coco.lvis import judged
from maskloom.metrics.coco.matched import Matching


def matching_of(
    truth: COCO, results: COCO, params: Params, *, lvis: bool, threads: int
) -> Matching:
    """Truth and results as columns, ready to be matched.

    Args:
        truth: annotations.
        results: detections on the same images.
        params: ids of images and categories, thresholds, limits.
        lvis: follow the rules of LVIS.
        threads: that share the images.

    Raises:
        DataError: what cannot be compared.
    """
    images, categories = Places(params.imgIds), Places(params.catIds)
    asked = Asked(images, categories, params.iouType)
    frames = Frames(truth.images() if params.iouType != "bbox" else [], images)
    objects = truth_columns(truth.annotations(), asked, frames, lvis=lvis)
    unread = results.unread()
    if unread is not None and not (params.iouType == "bbox" and not unread.boxed):
        if unread.own is None and unread.file is not None and serves(unread.file, asked.kind):
            found = file_columns(unread.file, asked, frames)
        else:
            found = result_columns(unread.listed, asked, frames, boxed=unread.boxed)
    else:
        found = annotation_columns(results.annotations(), asked, frames)
    if lvis:
        found = _lvis(truth, objects, found, asked, params)
    rules = MatchRules(
        np.asarray(params.iouThrs, np.float64),
        np.asarray(params.areaRng, np.float64).reshape(-1, 2),
        int(params.maxDets[-1]),
        len(params.catIds) if params.useCats else 1,
        kind=params.iouType,
        threads=threads,
    )
    return Matching(objects, found, frames.sizes, rules)


def _lvis(truth: COCO, objects: Truth, found: Found, asked: Asked, params: Params) -> Found:
    negative, partial = (
        np.array(
            [
                (asked.images.find(one["id"]), asked.categories.find(category))
                for one in truth.images()
                if asked.images.find(one["id"]) >= 0
                for category in one.get(key, ())
                if asked.categories.find(category) >= 0
            ],
            np.int64,
        ).reshape(-1, 2)
        for key in ("neg_category_ids", "not_exhaustive_category_ids")
    )
    return judged(
        found,
        objects,
        negative,
        partial,
        images=len(asked.images),
        categories=len(asked.categories),
        most=int(params.maxDets[-1]),
    )


def chosen_places(
    params: Params, done: Params
) -> tuple[NDArray[np.bool_] | None, list[int], list[int], list[int]]:
    """Where what is asked for stands in what was evaluated.

    Args:
        params: asked for.
        done: evaluated.

    Returns:
        flags of images or None for all, places of categories and of areas, and limits.

    Raises:
        UsageError: IoU thresholds that were not evaluated.
    """
    if not np.array_equal(params.iouThrs, done.iouThrs):
        raise UsageError(
            "matches are of other IoU thresholds",
            where="params.iouThrs",
            seen=params.iouThrs,
            hint="call evaluate() again",
        )
    images = None
    if list(params.imgIds) != list(done.imgIds):
        images = np.isin(np.asarray(done.imgIds), np.asarray(params.imgIds))
    kinds = _where(params.catIds, done.catIds) if done.useCats else [0]
    areas = _where(list(map(tuple, params.areaRng)), list(map(tuple, done.areaRng)))
    limits = [int(one) for one in params.maxDets if one in done.maxDets]
    return images, kinds, areas, limits


def _where(asked: Sequence[Any], done: Sequence[Any]) -> list[int]:
    """Places of what was evaluated, in the order that is asked for."""
    known = {one: place for place, one in enumerate(done)}
    try:
        return [known[one] for one in asked]
    except KeyError as error:
        raise UsageError(
            "this was not evaluated", where="params", seen=error.args[0], hint="call evaluate()"
        ) from None
