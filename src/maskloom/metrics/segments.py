"""Rows as panoptic segments: every object of a thing, and all of a stuff category, is one.

Segments of one side must not overlap: a pixel has one answer. How segments are matched and
scored is `panoptic.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows, codes
from maskloom.core.masks import Masks
from maskloom.core.outcome import counted
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.contingency import Columns, columns_of, overlap_in

VOID_SEGMENT = -1


def segment_rows(
    rows: Rows, taxonomy: Taxonomy, *, unlabelled: Collection[int] = (), void: bool = True
) -> Rows:
    """One row per segment, in order of first appearance.

    Rows of one instance id and thing category are one segment, and so are all rows of one stuff
    or void category; a crowd region and what is none stay apart.

    Args:
        rows: of one sample, or of `map_segments`; rows that are not masks are left out.
        taxonomy: of the rows; decides what is thing, stuff and void.
        unlabelled: positions of categories to leave out.
        void: keep rows of void categories, as one segment of category `VOID_SEGMENT`.
    """
    kept = rows.kind == RowKind.MASK
    void_rows = np.array([c.void for c in taxonomy], np.bool_)[rows.category]
    void_rows |= rows.category == VOID_SEGMENT
    if unlabelled:
        kept &= ~np.isin(rows.category, list(unlabelled))
    if not void:
        kept &= ~void_rows
    category = np.where(void_rows, np.int32(VOID_SEGMENT), rows.category)
    rows = replace(rows, category=category)
    rows, void_rows = (rows, void_rows) if kept.all() else (rows.take(kept), void_rows[kept])
    things = np.array([c.kind == "thing" for c in taxonomy], np.bool_)[rows.category] & ~void_rows
    ids = np.stack([
        rows.category.astype(np.int64),
        np.where(things, rows.instance, 0),
        rows.crowd & ~void_rows,
    ])  # fmt: skip
    _, first, group = np.unique(ids, axis=1, return_index=True, return_inverse=True)
    return rows if len(first) == len(rows) else _united(rows, first, group.reshape(-1))


def joined_stuff(rows: Rows, taxonomy: Taxonomy) -> int:
    """How many segments of stuff are no segments of their own, because the image has others."""
    stuff = [i for i in taxonomy.scored if taxonomy[i].kind == "stuff"]
    own = (rows.kind == RowKind.MASK) & ~rows.crowd & np.isin(rows.category, stuff)
    ids = np.stack([rows.category[own].astype(np.int64), rows.instance[own]])
    return int(np.unique(ids, axis=1).shape[1]) - len(np.unique(ids[0]))


def map_segments(class_map: NDArray[Any], taxonomy: Taxonomy, *, side: str, where: str) -> Rows:
    """One row per stuff category of a class map, and one of its void pixels.

    Args:
        class_map: (H, W) uint8 or uint16 of positions, void and background codes.
        taxonomy: of the map.
        side: "truth" or "prediction", for errors.
        where: the sample, for errors.

    Raises:
        DataError: the map holds a thing category, whose objects it cannot tell apart.
    """
    masks, ids = Masks.from_id_map(class_map, background=None)
    void, background = codes(class_map.dtype)
    for i in ids[ids < len(taxonomy)]:
        if taxonomy[int(i)].kind == "thing":
            raise DataError(
                f"the {side} is a class map, which does not tell objects of a thing apart",
                where=where,
                seen=taxonomy[int(i)].name,
                hint="score it with --task semantic, or make the category stuff in the taxonomy",
            )
    kept = np.flatnonzero(ids != background)
    category = np.where(ids == void, VOID_SEGMENT, ids)
    return Rows.make(masks[kept], category[kept])


def exclusive_columns(segments: Rows, taxonomy: Taxonomy, *, side: str, where: str) -> Columns:
    """The segments by column, once it is sure that none overlap.

    Raises:
        DataError: two segments claim the same pixels.
    """
    columns = columns_of(segments.masks)
    found = overlap_in(columns)
    if found is None:
        return columns
    names = [_called(segments, row, taxonomy) for row in (found.one, found.other)]
    raise DataError(
        f"segments of the {side} overlap, by {counted(found.pixels, 'pixel')}",
        where=where,
        seen=f"{names[0]} and {names[1]} at x={found.x}, y={found.y}",
        hint="panoptic labels have one segment per pixel: cut the overlap off, or score objects "
        "that may overlap with --task instance",
    )


def _called(segments: Rows, row: int, taxonomy: Taxonomy) -> str:
    category = int(segments.category[row])
    if category == VOID_SEGMENT:
        return "void"
    name = taxonomy[category].name
    thing = taxonomy[category].kind == "thing"
    return f"{name} (instance {segments.instance[row]})" if thing else name


def _united(rows: Rows, first: NDArray[np.int64], group: NDArray[np.int64]) -> Rows:
    """One row per group; only groups of several rows are touched."""
    by_first = np.argsort(first)
    members = np.bincount(group, minlength=len(first))
    several = np.flatnonzero(members[by_first] > 1)
    parts = [rows.masks[first[by_first]]]
    listed = np.split(np.argsort(group, kind="stable"), np.cumsum(members)[:-1])
    parts += [rows.masks[listed[by_first[g]]].merge() for g in several]
    place = np.arange(len(first))
    place[several] = len(first) + np.arange(len(several))
    chosen = rows.take(first[by_first])
    return replace(chosen, masks=Masks.concatenate(parts)[place], geometry=(), source=())
