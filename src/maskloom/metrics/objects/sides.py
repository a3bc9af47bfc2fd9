"""The objects of both sides of a comparison, sorted, under the rules of a convention.

Void and unlabelled regions are set apart here. What objects are made of is `rows.py`,
matching them `overlaps.py` and `matching.py`, scoring them `family.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.objects.rows import ANY_CATEGORY, Objects, mask_boxes, objects_of


@dataclass(frozen=True, slots=True)
class InstanceRules:
    """What a convention says about matching objects.

    Args:
        max_detections: best-scored predictions kept per image and category; None keeps all.
        file_areas: the size of an object is the `area` that its file states, or that of the
            `bbox` (COCO), where it does, not the pixels of the mask; it decides between small,
            medium and large. Its box is the file's, too.
        void_ignores: predictions mostly on void or unlabelled pixels count nowhere.
        max_per_image: best-scored predictions kept per image, of whatever category.
        partial: objects of a category that is not listed exhaustively in an image count, and
            its predictions there that find none do not (LVIS); else neither counts.
    """

    max_detections: int | None = None
    file_areas: bool = False
    void_ignores: bool = True
    max_per_image: int | None = None
    partial: bool = False

    @property
    def limit(self) -> str:
        """The limit on predictions, in words; empty if there is none."""
        if self.max_per_image is not None:
            return f"{self.max_per_image} objects"
        return f"{self.max_detections} objects of one class" if self.max_detections else ""

    def caps(self, objects: NDArray[np.int64]) -> bool:
        """Whether an image of (K,) true objects of each class has more than predictions may be."""
        if self.max_per_image is not None:
            return int(objects.sum()) > self.max_per_image
        return self.max_detections is not None and objects.max(initial=0) > self.max_detections


MASKLOOM_RULES = InstanceRules()
COCO_RULES = InstanceRules(100, file_areas=True, void_ignores=False)
LVIS_RULES = InstanceRules(file_areas=True, void_ignores=False, max_per_image=300, partial=True)


def truth_objects(
    rows: Rows,
    taxonomy: Taxonomy,
    rules: InstanceRules,
    *,
    ignore: Masks | None = None,
    unlabelled: Collection[int] = (),
    boxed: bool = False,
) -> Objects:
    """What can be found: objects, crowds, and regions where nothing is judged.

    Args:
        rows: of one sample.
        taxonomy: of the rows.
        rules: of the convention.
        ignore: one row, the part of the frame that was not labelled.
        unlabelled: positions of categories not listed exhaustively in this sample.
        boxed: boxes without a mask are objects, too.
    """
    left_out = () if rules.partial else unlabelled
    found = objects_of(rows, left_out, stated=rules.file_areas, boxed=boxed)
    void = _void(taxonomy)[found.category]
    if not rules.void_ignores:
        found = found.take(~void)
    else:
        category = np.where(void, np.int32(ANY_CATEGORY), found.category)
        found = replace(found, category=category, crowd=found.crowd | void)
        if ignore is not None and len(ignore):
            found = Objects(
                Masks.concatenate([found.masks, ignore]),
                np.append(found.category, np.int32(ANY_CATEGORY)),
                np.append(found.crowd, np.True_),
                np.append(found.score, 0.0),
                np.append(found.area, 0.0),
                np.concatenate([found.boxes, mask_boxes(ignore)]),
            )
    return found.take(np.argsort(found.category, kind="stable"))


def predicted_objects(
    rows: Rows,
    taxonomy: Taxonomy,
    rules: InstanceRules,
    *,
    unlabelled: Collection[int] = (),
    told: Collection[int] = (),
    boxed: bool = False,
) -> tuple[Objects, NDArray[np.int64], int]:
    """What was found, by category and falling score.

    Rows of equal score keep their order; a row without a score counts as 1.0; void rows are no
    predictions.

    Args:
        rows: of one sample.
        taxonomy: of the rows.
        rules: of the convention.
        unlabelled: positions of categories not listed exhaustively in this sample.
        told: positions of categories of which the truth holds an object.
        boxed: boxes without a mask are predictions, too.

    Returns:
        the objects kept, (N,) int64 their rank within the category from 0, and how many of
        all had no score.
    """
    left_out = () if rules.partial else unlabelled
    found = objects_of(rows, left_out, stated=rules.file_areas, boxed=boxed)
    valid = np.flatnonzero(~_void(taxonomy)[found.category])
    unscored = int(np.isnan(found.score[valid]).sum())
    found = replace(found, score=np.nan_to_num(found.score, nan=1.0))
    if rules.max_per_image is not None:
        best = np.argsort(-found.score[valid], kind="stable")[: rules.max_per_image]
        valid = valid[np.sort(best)]
    if rules.partial and unlabelled:
        unsaid = [k for k in unlabelled if k not in told]
        valid = valid[~np.isin(found.category[valid], unsaid)]
    # One gathering of masks at the end: the columns alone decide which and in what order.
    order = valid[np.lexsort((-found.score[valid], found.category[valid]))]
    category = found.category[order]
    rank = np.arange(len(order)) - np.searchsorted(category, category)
    if rules.max_detections is not None:
        kept = rank < rules.max_detections
        order, rank = order[kept], rank[kept]
    found = found.take(order)
    return found, rank, unscored


def drawn_only(rows: Rows, taxonomy: Taxonomy, *, boxed: bool = False) -> int:
    """How many rows say something of a scored category, but not by a mask (or a box)."""
    drawn = rows.kind != RowKind.MASK
    if boxed:
        drawn &= rows.kind != RowKind.BOX
    return int((drawn & ~_void(taxonomy)[rows.category]).sum())


def _void(taxonomy: Taxonomy) -> NDArray[np.bool_]:
    return np.array([category.void for category in taxonomy], np.bool_)
