"""What LabelMe can draw of a row: the author's figure, an outline, a box, points or a line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskloom.core.figures import FIGURES
from maskloom.core.figures import figure as painted
from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.places import box_of, geometry_of, points_of, source_of
from maskloom.errors import MaskError
from maskloom.formats.labelme.annotation_json import CIRCLE, POLYGON, RECTANGLE, TURNED, type_of
from maskloom.formats.shared.reader_rings import rings_for

_FIGURES = {RECTANGLE: "rectangle", CIRCLE: "circle"}


def is_said(rows: Rows, i: int) -> bool:
    """Whether LabelMe has a shape for a row."""
    return rows.kind[i] == RowKind.MASK or drawn(rows, i) is not None


def drawn(rows: Rows, i: int) -> tuple[str, list[list[float]]] | None:
    """shape_type and points of a box, points or a line; None of what LabelMe has no shape for."""
    box = box_of(rows, i)
    if box is not None:
        x0, y0, x1, y1 = box
        return "rectangle", [[x0, y0], [x1, y1]]
    kind = int(rows.kind[i])
    rule = {RowKind.POINT: "point", RowKind.LINE: "line"}.get(RowKind(kind))
    points = None if rule is None else points_of(rows, i, rule)
    if points is None:
        return None
    usual = type_of(kind, len(points))
    told = source_of(rows, i).get("shape_type")
    return told if told in (f"{rule}s", f"{rule}strip") else usual, points.tolist()


def figure(rows: Rows, i: int) -> tuple[str, list[list[float]]] | None:
    """The author's own figure, if LabelMe paints exactly this mask of it."""
    geometry = geometry_of(rows, i)
    if geometry is None or len(geometry.parts) != 1:
        return None
    points = geometry.parts[0]
    own = geometry.rule if geometry.rule in _FIGURES else POLYGON
    if own == POLYGON and (len(points) < 3 or geometry.rule in FIGURES):
        return None
    if _makes(points, rows.masks[i], own):
        turned = own == POLYGON and source_of(rows, i).get("shape_type") == TURNED
        return TURNED if turned else _FIGURES.get(own, "polygon"), points.tolist()
    return None


def outline(mask: Masks) -> tuple[str, list[list[float]]] | None:
    """One polygon of which LabelMe makes exactly this mask."""
    if not int(mask.areas[0]):
        return None
    rings = rings_for(mask, POLYGON, single=True).exact
    return None if rings is None else ("polygon", rings[0].tolist())


def _makes(points: NDArray[np.float64], mask: Masks, rule: str) -> bool:
    height, width = (int(side) for side in mask.sizes[0])
    try:
        if rule in FIGURES:
            return painted(points, (height, width), rule) == mask
        return Masks.from_polygons([[points]], (height, width), rule=rule) == mask
    except MaskError:
        return False
