"""From polygons to the four columns of `Masks`: what is drawn is checked, kernels do the work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from maskloom.core import dense, fill, fill_gdal, painters
from maskloom.core.algebra import unite_groups
from maskloom.core.kernel import Ints, Points
from maskloom.core.mask_inputs import (
    TOO_LARGE,
    Columns,
    checked_size,
    offsets_of,
    segments_to_columns,
)
from maskloom.errors import MaskError

_RULES = ("coco", "edge", "centre", "center", "grid", "gdal")


def polygons_to_columns(
    objects: Sequence[Sequence[ArrayLike]], size_hw: ArrayLike, rule: str
) -> Columns:
    """Columns of one mask per object; see `Masks.from_polygons`."""
    if rule not in (*_RULES, *painters.PAINTERS):
        known = ", ".join((*_RULES, *painters.PAINTERS))
        raise MaskError("unknown polygon rule", seen=rule, hint=f"use one of {known}")
    size = checked_size(size_hw)
    if rule in painters.PAINTERS:
        return _painted(objects, size, rule)
    rings, points = _rings(objects)
    if rule == "edge":
        for i, ring in rings:
            _check_edge_ring(ring, f"row {i}")
    ring_offsets = offsets_of([len(ring) for _, ring in rings])
    by_object = offsets_of([len(object_) for object_ in objects])
    return rings_to_columns(points, ring_offsets, by_object, size, rule)


def rings_to_columns(points: Points, rings: Ints, objects: Ints, size: Ints, rule: str) -> Columns:
    """Columns of one mask per object, of rings that were checked.

    Args:
        points: (V, 2) vertices of all rings, finite and within `fill.MAX_COORDINATE`.
        rings: (R+1) offsets of the rings, each of 3 vertices and more.
        objects: (N+1) offsets of the objects in the rings.
        size: (2,) the frame [H, W].
        rule: one that no other program paints; see `Masks.from_polygons`.

    Raises:
        MaskError: too many crossings, or a crop of 2**32 pixels.
    """
    code = {"coco": fill.COCO, "centre": fill.CENTRE, "center": fill.CENTRE}.get(rule, fill.GRID)
    groups = np.arange(len(rings)) if code == fill.COCO else objects
    if rule == "gdal":
        segments, offsets, bad = fill_gdal.fill_gdal(points, rings, groups, size)
    else:
        segments, offsets, bad = fill.fill(points, rings, groups, size, code)
    if bad >= 0:
        raise MaskError(
            "a polygon crosses more than 2**26 column centres",
            where=f"{'ring' if code == fill.COCO else 'row'} {bad}",
        )
    if code == fill.COCO:
        segments, offsets = unite_groups(segments, offsets, objects)
    sizes = np.empty((len(objects) - 1, 2), np.int64)
    sizes[:] = size
    return segments_to_columns(segments, offsets, sizes)


def _painted(objects: Sequence[Sequence[ArrayLike]], size: Ints, rule: str) -> Columns:
    """Columns of objects that another program paints."""
    boxes, counts = [np.zeros((0, 4), np.int32)], [np.zeros(0, np.uint32)]
    for i, object_ in enumerate(objects):
        own = [ring for _, ring in _rings([object_], first=i)[0]]
        x, y, canvas = painters.paint(own, size, rule)
        box, runs, _, bad = dense.encode_rows(canvas[None])
        if bad >= 0:
            raise MaskError(TOO_LARGE, where=f"row {i}", hint="tile the frame")
        boxes.append(box + np.array([x, y, x, y], np.int32) if len(runs) else box)
        counts.append(runs)
    offsets = offsets_of([len(runs) for runs in counts[1:]])
    sizes = np.tile(size, (len(objects), 1))
    return sizes, np.concatenate(boxes), np.concatenate(counts), offsets


def _rings(
    objects: Sequence[Sequence[ArrayLike]], first: int = 0
) -> tuple[list[tuple[int, Points]], Points]:
    """(row, ring) of all rings, checked, and their points in one array."""
    rings = [(i, _ring(ring, i)) for i, own in enumerate(objects, first) for ring in own]
    points = np.concatenate([np.zeros((0, 2)), *(ring for _, ring in rings)])
    # One comparison for all; it catches NaN and infinity too.
    if not (np.abs(points) <= fill.MAX_COORDINATE).all():
        for i, ring in rings:
            far = ~(np.abs(ring) <= fill.MAX_COORDINATE).all(axis=1)
            if far.any():
                raise MaskError(
                    "a vertex is not finite or lies more than 2**24 px from the origin",
                    where=f"row {i}",
                    seen=ring[far][0].tolist(),
                )
    return rings, points


def _ring(ring: ArrayLike, row: int) -> Points:
    """One ring as float64 (n, 2)."""
    where = f"row {row}"
    try:
        points = np.asarray(ring, dtype=np.float64)
    except (ValueError, TypeError):
        raise MaskError("a polygon is a list of numbers", where=where, seen=ring) from None
    if points.ndim == 1 and points.size % 2 == 0:
        points = points.reshape(-1, 2)
    if points.ndim != 2 or points.shape[1] != 2:
        raise MaskError(
            "a polygon is (n, 2) or a flat list x, y, ...", where=where, seen=points.shape
        )
    if len(points) < 3:
        hint = "four numbers are a box, not a polygon" if len(points) == 2 else ""
        raise MaskError("a polygon has fewer than 3 vertices", where=where, seen=ring, hint=hint)
    return points


def _check_edge_ring(points: Points, where: str) -> None:
    """Pixel-edge rings have whole corners and axis-parallel sides."""
    steps: Points = points - np.roll(points, 1, axis=0)
    if (points % 1 != 0).any() or (steps != 0).all(axis=1).any():
        raise MaskError(
            "a pixel-edge ring has whole corners and sides along the axes",
            where=where,
            seen=points[:4].tolist(),
            hint='use rule "centre" for free polygons',
        )
