"""Rows as objects: parts united, boxes and areas told. Who counts is `sides.py`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.places import box_of, source_of

ANY_CATEGORY = -1


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
        boxes: (N, 4) float64 x, y, width, height.
    """

    masks: Masks
    category: NDArray[np.int32]
    crowd: NDArray[np.bool_]
    score: NDArray[np.float64]
    area: NDArray[np.float64]
    boxes: NDArray[np.float64]

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


def objects_of(
    rows: Rows, left_out: Collection[int], *, stated: bool, boxed: bool = False
) -> Objects:
    """The masks of one side of a sample, and its boxes if these are objects, too.

    Args:
        rows: of one sample; those of one instance id and category are one object.
        left_out: positions of categories.
        stated: areas and boxes are those that the file states, where it does.
        boxed: a box without a mask is an object that fills it.
    """
    keep = rows.kind == RowKind.MASK
    if boxed:
        keep |= rows.kind == RowKind.BOX
    if left_out:
        keep &= ~np.isin(rows.category, list(left_out))
    rows = rows if keep.all() else rows.take(keep)
    if boxed and (rows.kind == RowKind.BOX).any():
        rows = _filled(rows)
    if len(np.unique(rows.instance)) < len(rows):
        rows = unite_parts(rows)
    area, boxes = rows.masks.areas.astype(np.float64), mask_boxes(rows.masks)
    if boxed:
        for i in np.flatnonzero(rows.kind == RowKind.BOX).tolist():
            if (edges := box_of(rows, i)) is not None:
                boxes[i] = _from_edges(edges)
                area[i] = boxes[i, 2] * boxes[i, 3]
    if stated and rows.source:
        _state(rows, area, boxes)
    return Objects(
        rows.masks, rows.category, rows.crowd, rows.score.astype(np.float64), area, boxes
    )


def mask_boxes(masks: Masks) -> NDArray[np.float64]:
    """(N, 4) x, y, width and height of the tight boxes."""
    boxes = masks.boxes.astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    return boxes


def unite_parts(rows: Rows) -> Rows:
    """One row per instance id and category, in order of first appearance: parts are united."""
    ids = np.stack([rows.instance, rows.category.astype(np.int64)])
    _, first, inverse = np.unique(ids, axis=1, return_index=True, return_inverse=True)
    order = np.argsort(first)
    masks = [rows.masks[np.flatnonzero(inverse.reshape(-1) == g)].merge() for g in order]
    own = rows.take(first[order])
    alone = np.bincount(inverse.reshape(-1))[order] == 1
    # What a file says of one part is not true of the whole.
    source = tuple(s if one else None for s, one in zip(own.source, alone, strict=False))
    return replace(own, masks=Masks.concatenate(masks), source=source)


def _filled(rows: Rows) -> Rows:
    """Boxes with the pixels whose centres lie in them; those that lie nowhere are left out."""
    edges = [box_of(rows, i) for i in range(len(rows))]
    kept = [i for i, e in enumerate(edges) if rows.kind[i] == RowKind.MASK or e is not None]
    masks = []
    for i in kept:
        x, y, width, height = _from_edges(edges[i] or (0.0, 0.0, 0.0, 0.0))
        ring = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        size = rows.masks.sizes[i]
        drawn = rows.kind[i] == RowKind.MASK
        masks.append(rows.masks[i] if drawn else Masks.from_polygons([[ring]], size, "centre"))
    return replace(rows.take(kept), masks=Masks.concatenate(masks)) if masks else rows.take(kept)


def _from_edges(edges: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = edges
    return min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)


def _state(rows: Rows, area: NDArray[np.float64], boxes: NDArray[np.float64]) -> None:
    """Areas and boxes as the file has them; the area of a box where it tells none.

    Source: pycocotools 2.0.11 `COCO.loadRes`.
    """
    for i in range(len(rows)):
        own = source_of(rows, i)
        told = own.get("bbox")
        if isinstance(told, list) and len(told) == 4:
            boxes[i] = told
            area[i] = boxes[i, 2] * boxes[i, 3]
        if own.get("area") is not None:
            area[i] = float(own["area"])
