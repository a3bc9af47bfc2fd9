"""Rows as `shape_attributes` of VIA 2: the author's figure or polygon, else a ring of the mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskloom.core.figures import FIGURES
from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.places import box_of, geometry_of, points_of
from maskloom.errors import MaskError
from maskloom.formats.shared.drawn import kept_of, polygon_of
from maskloom.formats.shared.reader_rings import rings_for
from maskloom.formats.via.shapes import Rule, is_kept, region_of_rings, same_shape


@dataclass(frozen=True, slots=True)
class Drawing:
    """shape_attributes of a row, or None; whether they are its author's; pixels seen otherwise."""

    shape: dict[str, Any] | None
    own: bool = False
    changed: int = 0


def drawing(rows: Rows, i: int, rule: Rule, *, turns: bool) -> Drawing:
    """What is written of a row.

    Args:
        rows: of one image; parts of one object are one row.
        i: which.
        rule: of the reader that polygons are made for.
        turns: ellipses may be turned.
    """
    if rows.kind[i] != RowKind.MASK:
        return Drawing(_figure(rows, i))
    mask = rows.masks[i]
    kept = kept_of(rows, i, "via", is_kept).get("shape", {})
    if (turns or not kept.get("theta")) and same_shape(kept, mask):
        return Drawing(dict(kept), own=True)
    own = polygon_of(rows, i, rule)
    if own is not None and len(own) == 1:
        return Drawing(region_of_rings(own[0]), own=True)
    if not int(mask.areas[0]):
        return Drawing(_outside(rows, i, rule), own=True)
    found = rings_for(mask, rule, single=True)
    return Drawing(region_of_rings(found.rings[0]), changed=found.changed)


def _outside(rows: Rows, i: int, rule: Rule) -> dict[str, Any] | None:
    """A polygon of another format of which the reader makes no pixel, either."""
    geometry = geometry_of(rows, i)
    if geometry is None or len(geometry.parts) != 1 or geometry.rule in FIGURES:
        return None
    try:
        seen = Masks.from_polygons([list(geometry.parts)], rows.masks.sizes[i], rule=rule)
    except MaskError:
        return None
    return None if int(seen.areas[0]) else region_of_rings(geometry.parts[0])


def _figure(rows: Rows, i: int) -> dict[str, Any] | None:
    """shape_attributes of a box, a point or a line; None of what VIA has no shape for."""
    box = box_of(rows, i)
    if box is not None:
        x0, y0, x1, y1 = (int(v) if v == int(v) else v for v in box)
        return {"name": "rect", "x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0}
    points = points_of(rows, i, "point") if rows.kind[i] == RowKind.POINT else None
    if points is not None and len(points) == 1:
        x, y = (int(v) if v == int(v) else v for v in points[0].tolist())
        return {"name": "point", "cx": x, "cy": y}
    points = points_of(rows, i, "line") if rows.kind[i] == RowKind.LINE else None
    return None if points is None else {**region_of_rings(points), "name": "polyline"}
