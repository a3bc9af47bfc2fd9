"""What pycocotools keeps of each image and category, made when somebody asks for it.

Source: pycocotools 2.0.11 `COCOeval.evaluateImg` and `computeIoU`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.compat.coco.params import Params
from maskloom.metrics.coco.matched import BITS, Matching

Result = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Detections and objects of one image and category, as bounds of the sorted tables."""

    image: int
    category: int
    found: slice
    truth: slice


def all_ious(matching: Matching, params: Params) -> dict[tuple[Any, Any], Any]:
    """(image id, category id) → IoU (D, G), detections by falling score; [] without any."""
    categories = params.catIds if params.useCats else [-1]
    out: dict[tuple[Any, Any], Any] = {
        (image, category): [] for image in params.imgIds for category in categories
    }
    for first, last in matching.spans():
        # All pairs of an image and category are kept where the lowest IoU is 0.
        (offsets, _, value), _, _ = matching.block(first, last, 0.0)
        for group in _groups(matching, range(matching.image[first], matching.image[last - 1] + 1)):
            d, g = group.found, group.truth.stop - group.truth.start
            if d.stop > d.start and g:
                own = value[offsets[d.start - first] : offsets[d.stop - first]]
                place = params.imgIds[group.image], categories[group.category]
                out[place] = own.reshape(-1, g).copy()
    return out


def _groups(matching: Matching, images: range) -> Iterator[_Group]:
    """Every image and category that has something, in order of images."""
    for image in images:
        d = slice(*np.searchsorted(matching.image, [image, image + 1]).tolist())
        g = slice(*matching.truth_firsts[image : image + 2].tolist())
        found, truth = matching.category[d], matching.truth_category[g]
        for category in np.union1d(found, truth).tolist():
            yield _Group(
                image,
                category,
                slice(*(d.start + np.searchsorted(found, [category, category + 1])).tolist()),
                slice(*(g.start + np.searchsorted(truth, [category, category + 1])).tolist()),
            )


def image_results(matching: Matching, params: Params) -> list[Result | None]:
    """For each category, area range and image: a dict, or None where there is nothing."""
    n, areas = len(params.imgIds), len(params.areaRng)
    categories = params.catIds if params.useCats else [-1]
    out: list[Result | None] = [None] * (len(categories) * areas * n)
    taken, dropped = _partners(matching)
    for group in _groups(matching, range(n)):
        for a in range(areas):
            result = _result(matching, group, a, taken[a], dropped[a])
            out[(group.category * areas + a) * n + group.image] = {
                "image_id": params.imgIds[group.image],
                "category_id": categories[group.category],
                "aRng": params.areaRng[a],
                "maxDet": params.maxDets[-1],
                **result,
            }
    return out


def _partners(matching: Matching) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """(A, T, N) the object that each detection took or -1, and whether it counts nowhere."""
    levels = len(matching.rules.levels)
    shape = (len(matching.rules.areas), levels, len(matching.rows))
    taken, dropped = np.full(shape, -1, np.int32), np.zeros(shape, np.bool_)
    for first, last in matching.spans():
        pairs, outside, objects = matching.block(first, last)
        for part in range(-(-levels // BITS)):
            own = slice(part * BITS, min((part + 1) * BITS, levels))
            bits = np.zeros((2, last - first, shape[0]), np.uint16)
            partner = np.full((shape[0], own.stop - own.start, last - first), -1, np.int32)
            span = (first, last)
            matching.match_block(span, objects, (pairs, outside), part, (bits[0], bits[1]), partner)
            taken[:, own, first:last] = np.where(partner < 0, -1, partner + objects.start)
            shifts = np.arange(own.stop - own.start)[:, None]
            dropped[:, own, first:last] = bits[1].T[:, None] >> shifts & 1
    return taken, dropped


def _result(
    matching: Matching,
    group: _Group,
    a: int,
    taken: NDArray[np.int32],
    dropped: NDArray[np.bool_],
) -> Result:
    rows, truth_rows = matching.rows[group.found], matching.truth_rows[group.truth]
    ids, truth_ids = matching.found.ids[rows], matching.truth.ids[truth_rows]
    ignored = matching.ignored[a, group.truth]
    by = np.argsort(ignored, kind="stable")
    place = np.empty(len(by), np.int64)
    place[by] = np.arange(len(by))
    own = taken[:, group.found] - group.truth.start
    hit = taken[:, group.found] >= 0
    matches = np.zeros(hit.shape)
    truth_matches = np.zeros((len(hit), len(by)))
    for t, d in zip(*np.nonzero(hit), strict=True):
        matches[t, d] = truth_ids[own[t, d]]
        truth_matches[t, place[own[t, d]]] = ids[d]
    return {
        "dtIds": ids.tolist(),
        "gtIds": truth_ids[by].tolist(),
        "dtMatches": matches,
        "gtMatches": truth_matches,
        "dtScores": matching.found.score[rows].tolist(),
        "gtIgnore": ignored[by].astype(np.int64),
        "dtIgnore": dropped[:, group.found].copy(),
    }
