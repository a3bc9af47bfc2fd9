"""Objects laid flat for formats in which a pixel belongs to one segment at most.

Parts of one object are united, regions of one class of stuff become one segment, and where
objects overlap the one in front keeps the pixel. What that loses is `flat_losses`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.formats.loss import Loss, first_instances
from maskloom.formats.shared.slabs import paint_slab, slabs


def flat_rows(labels: Labels, taxonomy: Taxonomy) -> Rows:
    """Segments that do not overlap, each with at least one pixel, in the order of the rows.

    Args:
        labels: rows, or a class map, whose classes become one segment each.
        taxonomy: says what is stuff, and what is void and so no segment.

    Returns:
        mask rows; in front lies what has the higher z order, then the higher score (none counts
        as 1), then the later row.
    """
    rows = instance_rows(labels)
    rows = rows.take((rows.kind == RowKind.MASK) & ~void_rows(rows, taxonomy))
    rows = _united(rows, taxonomy)
    if len(rows) > 1 and int(rows.masks.areas.sum()) > int(rows.masks.merge().areas[0]):
        rows = _apart(rows)
    return rows.take(rows.masks.areas > 0)


def front_order(rows: Rows) -> NDArray[np.int64]:
    """Positions from the rearmost row to the one in front: what is painted later is seen.

    In front lies the higher z order, then the higher score (none counts as 1), then the later row.
    """
    return np.lexsort((np.nan_to_num(rows.score, nan=1.0), rows.z_order))


def flat_losses(rows: Rows, taxonomy: Taxonomy) -> list[Loss]:
    """Objects of which nothing is seen, void ones, and regions of a class that become one.

    Pixels that objects share, and parts of one object, are told by `Holds`.
    """
    void = void_rows(rows, taxonomy)
    solid = rows.take((rows.kind == RowKind.MASK) & ~void)
    found = [*covered_losses(solid, taxonomy), *_regions(solid, taxonomy)]
    things = np.array([category.kind == "thing" for category in taxonomy], np.bool_)[rows.category]
    for kind, flag in (("ignored", void & things), ("void_classes", void & ~things)):
        if flag.any():
            area, named = int(rows.masks.areas[flag].sum()), first_instances(rows, flag)
            found.append(Loss("", kind, int(flag.sum()), area, instances=named))
    return found


def covered_losses(rows: Rows, taxonomy: Taxonomy) -> list[Loss]:
    """Objects that lie wholly under others.

    Args:
        rows: mask rows.
        taxonomy: says what is stuff, whose regions are one.
    """
    rows = _united(rows, taxonomy)
    rows = rows.take(rows.masks.areas > 0)
    if len(rows) < 2 or int(rows.masks.areas.sum()) == int(rows.masks.merge().areas[0]):
        return []
    gone = np.flatnonzero(_apart(rows).masks.areas == 0)
    if not len(gone):
        return []
    first = taxonomy[int(rows.category[gone[0]])].name
    detail = f"{len(gone)} objects lie wholly under others and vanish, first one of {first}"
    area, named = int(rows.masks.areas[gone].sum()), first_instances(rows, gone)
    return [Loss("", "covered", len(gone), area, detail, instances=named)]


def hidden_objects(key: str, labels: Labels, taxonomy: Taxonomy) -> list[Loss]:
    """Objects of which a map of ids shows nothing, as they lie wholly under others."""
    if labels.rows is None:
        return []
    rows = instance_rows(labels)
    rows = rows.take((rows.kind == RowKind.MASK) & ~void_rows(rows, taxonomy))
    return [replace(loss, key=key) for loss in covered_losses(rows, as_things(taxonomy))]


def _regions(rows: Rows, taxonomy: Taxonomy) -> list[Loss]:
    regions = Counter(
        category
        for category, _ in set(zip(rows.category.tolist(), rows.instance.tolist(), strict=True))
        if taxonomy[category].kind == "stuff"
    )
    merged = {category: n for category, n in regions.items() if n > 1}
    if not merged:
        return []
    first = min(merged)
    detail = f"{merged[first]} regions of {taxonomy[first].name}, which is stuff, become one"
    named = first_instances(rows, np.isin(rows.category, list(merged)))
    count = sum(merged.values()) - len(merged)
    return [Loss("", "parts", count, detail=detail, instances=named)]


def as_things(taxonomy: Taxonomy) -> Taxonomy:
    """The taxonomy for maps of object ids, in which regions of stuff are told apart, too."""
    return replace(taxonomy, categories=tuple(replace(c, kind="thing") for c in taxonomy))


def void_rows(rows: Rows, taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """(N,) which rows are of a void category."""
    return np.array([category.void for category in taxonomy], np.bool_)[rows.category]


def _united(rows: Rows, taxonomy: Taxonomy) -> Rows:
    """One row per object, and one per class of stuff (its crowd regions apart)."""
    stuff = np.array([category.kind == "stuff" for category in taxonomy], np.bool_)[rows.category]
    objects = list(
        zip(
            np.where(stuff, rows.category, -1).tolist(),
            np.where(stuff, rows.crowd, rows.instance).tolist(),
            strict=True,
        )
    )
    members: dict[tuple[int, int], list[int]] = {}
    for i, name in enumerate(objects):
        members.setdefault(name, []).append(i)
    if len(members) == len(rows):
        return rows
    kept = rows.take(np.array([own[0] for own in members.values()], np.int64))
    masks = [rows.masks[np.array(own, np.int64)].merge() for own in members.values()]
    return _with_masks(kept, Masks.concatenate(masks))


def _apart(rows: Rows) -> Rows:
    """Every pixel to the row in front."""
    return _with_masks(rows, reduce(Masks.union, _visible(rows.masks, front_order(rows))))


def _visible(masks: Masks, order: NDArray[np.int64]) -> Iterator[Masks]:
    """Slab by slab, what of each mask is seen there; later ones of the order lie in front."""
    height, width = (int(side) for side in masks.sizes[0])
    behind = masks[order]
    for y0, y1 in slabs((height, width)):
        seen = np.zeros((y1 - y0, width), np.int32)
        paint_slab(behind, seen, order + 1, y0)
        parts, ids = Masks.from_id_map(seen, background=0)
        place = np.full(len(masks), len(ids), np.int64)
        place[ids - 1] = np.arange(len(ids))
        parts = Masks.concatenate([parts, Masks.empty(1, seen.shape)])[place]
        yield parts.place(0, y0, (height, width))


def _with_masks(rows: Rows, masks: Masks) -> Rows:
    columns = {name: getattr(rows, name) for name in Rows.__slots__}
    return Rows(**{**columns, "masks": masks})
