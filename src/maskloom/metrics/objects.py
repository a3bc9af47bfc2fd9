"""The objects of one side of a comparison, as sorted columns, and the rules of a convention.

Rows become objects here: parts united, void and unlabelled regions set apart. Matching them
is `matching.py`, scoring them `instances.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy

ANY_CATEGORY = -1


@dataclass(frozen=True, slots=True)
class InstanceRules:
    """What a convention says about matching objects.

    Args:
        max_detections: best-scored predictions kept per image and category; None keeps all.
        file_areas: the size of a true object is the `area` that its file states, where it does
            (COCO), not the pixels of the mask; it decides between small, medium and large.
        void_ignores: predictions mostly on void or unlabelled pixels count nowhere.
    """

    max_detections: int | None = None
    file_areas: bool = False
    void_ignores: bool = True


MASKLOOM_RULES = InstanceRules()
COCO_RULES = InstanceRules(100, file_areas=True, void_ignores=False)


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """N objects as columns, sorted by category.

    Args:
        masks: N binary masks of one frame.
        category: (N,) int32 positions; `ANY_CATEGORY` for a region of the truth that
            predictions of any category may fall on without being judged.
        crowd: (N,) bool, regions that are not one object.
        score: (N,) float64; NaN where none is given.
        area: (N,) float64 px, the size that decides between small, medium and large.
    """

    masks: Masks
    category: NDArray[np.int32]
    crowd: NDArray[np.bool_]
    score: NDArray[np.float64]
    area: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.category)

    def take(self, index: NDArray[Any]) -> Objects:
        """The objects of an index array or a bool array; itself where nothing would change."""
        if np.array_equal(index, np.arange(len(self))):
            return self
        return Objects(*(getattr(self, name)[index] for name in self.__slots__))

    def columns(self) -> tuple[Any, ...]:
        """(segments, offsets, boxes, areas, category), as `matching.candidates` takes a side."""
        # boxes are copied because the masks' own are read-only, another type to the compiler
        return *self.masks.segments(), self.masks.boxes.copy(), self.masks.areas, self.category


def truth_objects(
    rows: Rows,
    taxonomy: Taxonomy,
    rules: InstanceRules,
    *,
    ignore: Masks | None = None,
    unlabelled: Collection[int] = (),
) -> Objects:
    """What can be found: objects, crowds, and regions where nothing is judged.

    Args:
        rows: of one sample.
        taxonomy: of the rows.
        rules: of the convention.
        ignore: one row, the part of the frame that was not labelled.
        unlabelled: positions of categories not listed exhaustively in this sample.
    """
    found = _objects(rows, unlabelled, stated=rules.file_areas)
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
            )
    return found.take(np.argsort(found.category, kind="stable"))


def predicted_objects(
    rows: Rows, taxonomy: Taxonomy, rules: InstanceRules, *, unlabelled: Collection[int] = ()
) -> tuple[Objects, NDArray[np.int64], int]:
    """What was found, by category and falling score.

    Rows of equal score keep their order; a row without a score counts as 1.0; void rows are no
    predictions.

    Returns:
        the objects kept, (N,) int64 their rank within the category from 0, and how many of
        all had no score.
    """
    found = _objects(rows, unlabelled, stated=False)
    valid = np.flatnonzero(~_void(taxonomy)[found.category])
    unscored = int(np.isnan(found.score[valid]).sum())
    found = replace(found, score=np.nan_to_num(found.score, nan=1.0))
    # One gathering of masks at the end: the columns alone decide which and in what order.
    order = valid[np.lexsort((-found.score[valid], found.category[valid]))]
    category = found.category[order]
    rank = np.arange(len(order)) - np.searchsorted(category, category)
    if rules.max_detections is not None:
        kept = rank < rules.max_detections
        order, rank = order[kept], rank[kept]
    found = found.take(order)
    return found, rank, unscored


def drawn_only(rows: Rows, taxonomy: Taxonomy) -> int:
    """How many rows say something of a scored category, but not by a mask."""
    return int(((rows.kind != RowKind.MASK) & ~_void(taxonomy)[rows.category]).sum())


def _void(taxonomy: Taxonomy) -> NDArray[np.bool_]:
    return np.array([category.void for category in taxonomy], np.bool_)


def _objects(rows: Rows, unlabelled: Collection[int], *, stated: bool) -> Objects:
    keep = rows.kind == RowKind.MASK
    if unlabelled:
        keep &= ~np.isin(rows.category, list(unlabelled))
    rows = rows if keep.all() else rows.take(keep)
    if len(np.unique(rows.instance)) < len(rows):
        rows = unite_parts(rows)
    area = rows.masks.areas.astype(np.float64)
    if stated and rows.source:
        said = [(one or {}).get("area") for one in rows.source]
        area = np.array(
            [a if s is None else float(s) for a, s in zip(area, said, strict=True)], np.float64
        )
    return Objects(rows.masks, rows.category, rows.crowd, rows.score.astype(np.float64), area)


def unite_parts(rows: Rows) -> Rows:
    """One row per instance id and category, in order of first appearance: parts are united."""
    ids = np.stack([rows.instance, rows.category.astype(np.int64)])
    _, first, inverse = np.unique(ids, axis=1, return_index=True, return_inverse=True)
    order = np.argsort(first)
    masks = [rows.masks[np.flatnonzero(inverse.reshape(-1) == g)].merge() for g in order]
    return replace(rows.take(first[order]), masks=Masks.concatenate(masks), source=())
