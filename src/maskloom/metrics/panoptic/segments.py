"""Rows as panoptic segments: every object of a thing, and all of a stuff category, is one.

Segments of one side must not overlap: a pixel has one answer. How segments are matched and
scored is `family.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """What the categories of a taxonomy are: (K,) bool each; the one more at the end is of void.

    Args:
        thing: has objects; of void ones nothing is asked.
        void: is not judged.
    """

    thing: NDArray[np.bool_]
    void: NDArray[np.bool_]

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> Kinds:
        """Those of a taxonomy."""
        thing = [c.kind == "thing" and not c.void for c in taxonomy]
        return cls(np.array([*thing, False]), np.array([*(c.void for c in taxonomy), True]))


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
    kinds = Kinds.of(taxonomy)
    void_rows = kinds.void[rows.category]
    if unlabelled:
        kept &= ~np.isin(rows.category, list(unlabelled))
    if not void:
        kept &= ~void_rows
    category = np.where(void_rows, np.int32(VOID_SEGMENT), rows.category)
    rows = replace(rows, category=category)
    rows = rows if kept.all() else rows.take(kept)
    first, group = segment_groups(rows.category, rows.instance, rows.crowd, kinds)
    return rows if len(first) == len(rows) else _united(rows, first, group)


def segment_groups(
    category: NDArray[np.integer[Any]],
    instance: NDArray[np.int64],
    crowd: NDArray[np.bool_],
    kinds: Kinds,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which parts of a sample are one segment; arguments (N,) as columns of rows.

    Args:
        category: positions, or `VOID_SEGMENT`.
        instance: ids that tell objects of a thing apart.
        crowd: whether a part is of a crowd.
        kinds: of the categories.

    Returns:
        (G,) first part of each segment, rising, and (N,) the segment of each part.
    """
    keys = zip(
        category.tolist(),
        np.where(kinds.thing[category], instance, 0).tolist(),
        (crowd & ~kinds.void[category]).tolist(),
        strict=True,
    )
    places: dict[tuple[int, int, bool], int] = {}
    first, group = [], []
    for i, key in enumerate(keys):
        if key not in places:
            places[key] = len(places)
            first.append(i)
        group.append(places[key])
    return np.array(first, np.int64), np.array(group, np.int64)


def joined_stuff(
    category: NDArray[np.integer[Any]],
    instance: NDArray[np.int64],
    crowd: NDArray[np.bool_],
    kinds: Kinds,
) -> int:
    """How many segments of stuff are no segments of their own, because the sample has others."""
    own = ~(crowd | kinds.thing[category] | kinds.void[category])
    found = category[own].tolist()
    return len(set(zip(found, instance[own].tolist(), strict=True))) - len(set(found))


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
    members = np.bincount(group, minlength=len(first))
    several = np.flatnonzero(members > 1)
    parts = [rows.masks[first]]
    listed = np.split(np.argsort(group, kind="stable"), np.cumsum(members)[:-1])
    parts += [rows.masks[listed[g]].merge() for g in several]
    place = np.arange(len(first))
    place[several] = len(first) + np.arange(len(several))
    chosen = rows.take(first)
    return replace(chosen, masks=Masks.concatenate(parts)[place], geometry=(), source=())
