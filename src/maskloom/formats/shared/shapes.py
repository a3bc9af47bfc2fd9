"""Annotations as tools draw them (polygons, bitmaps, boxes, points), and the rows they make.

Formats of labelling tools parse their files into `Shape`s; here they become pixels, under the
rule by which the tool's own readers fill polygons, with the vertices kept verbatim beside them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Geometry, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.errors import FormatError, MaskError


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One annotation of a file, before it has pixels.

    Args:
        category: its name, as the file says it.
        where: file and id, for messages.
        kind: what was drawn. Polygons, bitmaps and runs are masks.
        vertices: (n, 2) arrays of (x, y) as the rule takes them; corners of boxes, points of lines.
        rule: how vertices become pixels (`Masks.from_polygons`); of drawings `box`, `point` or
            `line`, which do not.
        mask: one row of the image's frame, where the file holds pixels.
        instance: shapes of one object share it; None is an object of its own.
        number: the object's id where the file tells one (positive); None takes a free one.
        parent: `instance` of the object that this one is part of.
        score: mostly in [0, 1]; NaN none.
        source: fields that are not interpreted, and the file's own id, box and area.
    """

    category: str
    where: str
    kind: RowKind = RowKind.MASK
    vertices: tuple[NDArray[np.float64], ...] = ()
    rule: str = ""
    mask: Masks | None = None
    instance: Hashable = None
    number: int | None = None
    parent: Hashable = None
    score: float = math.nan
    crowd: bool = False
    z_order: int = 0
    track: int = -1
    attributes: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)


def score_of(entry: Mapping[str, Any], where: str) -> float:
    """The `score` of an entry, a finite number and mostly in 0 .. 1; NaN where it has none.

    Raises:
        FormatError: not such a number.
    """
    score = entry.get("score")
    if score is None:
        return math.nan
    number = isinstance(score, int | float) and not isinstance(score, bool)
    if not number or not abs(score) <= sys.float_info.max:
        raise FormatError("a score is a finite number", where=where, seen=score)
    return float(score)


def rows_of(shapes: Sequence[Shape], size: tuple[int, int], names: Mapping[str, int]) -> Rows:
    """One row per shape, in order.

    Args:
        shapes: of one image.
        size: (H, W) of the image.
        names: category name → position in the taxonomy.

    Raises:
        FormatError: vertices that make no mask, or a bitmap of another frame; names the shape.
    """
    if not shapes:
        return Rows.make(Masks.empty(0, size), np.zeros(0, np.int32))
    instances, parents = instances_of(shapes)
    return Rows.make(
        _masks(shapes, size),
        np.array([names[shape.category] for shape in shapes], np.int32),
        instance=instances,
        parent=parents,
        kind=np.array([shape.kind for shape in shapes], np.uint8),
        score=np.array([shape.score for shape in shapes], np.float64),
        crowd=np.array([shape.crowd for shape in shapes], np.bool_),
        z_order=np.array([shape.z_order for shape in shapes], np.int32),
        track=np.array([shape.track for shape in shapes], np.int64),
        attributes=optional(dict(shape.attributes) for shape in shapes),
        geometry=optional(
            Geometry(shape.vertices, shape.rule) if shape.vertices else None for shape in shapes
        ),
        source=optional(dict(shape.source) for shape in shapes),
    )


def optional(values: Any) -> tuple[Any, ...]:
    """A column, or nothing where every value is None or empty."""
    column = tuple(value or None for value in values)
    return column if any(value is not None for value in column) else ()


def checked_vertices(values: object, where: str, *, least: int = 3) -> NDArray[np.float64]:
    """(n, 2) float64 vertices of a file.

    Args:
        values: pairs [x, y], or a flat list x, y, x, y, ...
        where: file, id and field.
        least: fewer points are refused.

    Raises:
        FormatError: not numbers, not pairs, not finite, too few.
    """
    try:
        points = np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise FormatError("vertices are pairs of numbers", where=where, seen=values) from None
    if points.ndim == 1 and points.size % 2 == 0:
        points = points.reshape(-1, 2)
    if points.ndim != 2 or points.shape[1] != 2:
        raise FormatError("vertices are pairs of numbers", where=where, seen=values)
    if not np.isfinite(points).all():
        bad = points[~np.isfinite(points).all(axis=1)][0].tolist()
        raise FormatError("a vertex is not finite", where=where, seen=bad)
    if len(points) < least:
        raise FormatError(f"fewer than {least} vertices", where=where, seen=points.tolist())
    return points


def _masks(shapes: Sequence[Shape], size: tuple[int, int]) -> Masks:
    """One row per shape; polygons of one rule are filled in one call."""
    parts: list[Masks] = []
    order: list[int] = []
    by_rule: dict[str, list[int]] = {}
    for i, shape in enumerate(shapes):
        if shape.mask is None and shape.kind == RowKind.MASK:
            by_rule.setdefault(shape.rule, []).append(i)
            continue
        parts.append(_bitmap(shape, size))
        order.append(i)
    for rule, listed in by_rule.items():
        parts.append(_filled([shapes[i] for i in listed], size, rule))
        order += listed
    return Masks.concatenate(parts)[np.argsort(np.array(order, np.int64))]


def _bitmap(shape: Shape, size: tuple[int, int]) -> Masks:
    """The pixels of a shape that has them, or none for a drawing."""
    if shape.mask is None:
        return Masks.empty(1, size)
    if tuple(shape.mask.sizes[0].tolist()) != tuple(size):
        raise FormatError(
            f"the bitmap is for another frame than the image, {size[1]} × {size[0]} px",
            where=shape.where,
            seen=shape.mask.sizes[0].tolist(),
        )
    return shape.mask


def _filled(shapes: Sequence[Shape], size: tuple[int, int], rule: str) -> Masks:
    try:
        return Masks.from_polygons([list(shape.vertices) for shape in shapes], size, rule=rule)
    except MaskError as error:
        if len(shapes) == 1:
            raise FormatError(error.what, where=shapes[0].where, seen=error.seen) from error
    # One of them is wrong: which, is told.
    return Masks.concatenate([_filled([shape], size, rule) for shape in shapes])


def instances_of(shapes: Sequence[Shape]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids of objects, and of those they are part of (-1 none), one of each per shape.

    An id is the file's own where it tells one that is free, else the next free number.
    """
    taken = {number for shape in shapes if (number := _id(shape.number)) is not None}
    known: dict[Hashable, int] = {}
    used: set[int] = set()
    out = np.zeros(len(shapes), np.int64)
    fresh = 1
    for i, shape in enumerate(shapes):
        if shape.instance is not None and shape.instance in known:
            out[i] = known[shape.instance]
            continue
        own = _id(shape.number)
        if own is None or own in used:
            while fresh in taken or fresh in used:
                fresh += 1
            own = fresh
        used.add(own)
        out[i] = own
        if shape.instance is not None:
            known[shape.instance] = own
    parents = [-1 if shape.parent is None else known.get(shape.parent, -1) for shape in shapes]
    return out, np.array(parents, np.int64)


def _id(number: int | None) -> int | None:
    """A number that can be an id: positive, and of 64 bit."""
    return number if number is not None and 0 < number < 2**63 else None
