"""Rows as geometries of Supervisely: bitmaps, polygons, rectangles, points and lines.

A mask is the author's polygon where the SDK draws the very same pixels of it, else a bitmap. A mask
without pixels has no bitmap; it can still be a polygon that lies outside of the image.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskloom.core.figures import FIGURES
from maskloom.core.labels import RowKind, Rows
from maskloom.core.places import box_of, geometry_of, points_of
from maskloom.formats.shared.png_crops import crop_of, png_of, text_of
from maskloom.formats.supervisely.objects import RULE, polygon_mask

Drawn = tuple[str, Sequence[Any]]
NEAR = 1e-6  # px; sides are differences of coordinates that were rounded


def is_said(rows: Rows, i: int) -> bool:
    """Whether there is a geometry for a row."""
    if rows.kind[i] == RowKind.MASK and rows.masks.areas[i] > 0:
        return True
    return drawn(rows, i) is not None


def geometry(rows: Rows, i: int) -> tuple[str, dict[str, Any]]:
    """GeometryType and the fields that hold it, of a row for which there is one."""
    if (own := drawn(rows, i)) is not None:
        kind, rings = own
        return kind, {"points": {"exterior": rings[0], "interior": list(rings[1:])}}
    x, y, pixels = crop_of(rows.masks[i])
    data = text_of(zlib.compress(png_of(pixels, opaque=True)))
    return "bitmap", {"bitmap": {"data": data, "origin": [x, y]}}


def drawn(rows: Rows, i: int) -> Drawn | None:
    """The author's own geometry of a row, if Supervisely has it."""
    if rows.kind[i] == RowKind.MASK:
        return _polygon(rows, i)
    if (box := box_of(rows, i)) is not None:
        x0, y0, x1, y1 = box
        if is_thin(rows, i):
            return None
        return "rectangle", [_numbers(np.array([[x0, y0], [x1 - 1, y1 - 1]]))]
    for kind, rule in ((RowKind.POINT, "point"), (RowKind.LINE, "line")):
        points = points_of(rows, i, rule) if rows.kind[i] == kind else None
        if points is not None and (rule == "line" or len(points) == 1):
            return rule, [_numbers(points)]
    return None


def is_thin(rows: Rows, i: int) -> bool:
    """Whether a row is a box that ends before a pixel from where it begins.

    Both corners of a rectangle are pixels inside, so that the least one is a pixel wide and high.
    """
    box = box_of(rows, i)
    return box is not None and min(box[2] - box[0], box[3] - box[1]) < 1 - NEAR


def _polygon(rows: Rows, i: int) -> Drawn | None:
    """The author's polygon, if the SDK draws exactly this mask of it."""
    own = geometry_of(rows, i)
    if own is None:
        return None
    # No other geometry holds a mask without pixels, so that any polygon outside is welcome.
    outside = not rows.masks.areas[i] and len(own.parts) == 1 and own.rule not in FIGURES
    if own.rule != RULE and not outside:
        return None
    height, width = (int(side) for side in rows.masks.sizes[i])
    same = polygon_mask(own.parts, (height, width), "") == rows.masks[i]
    return ("polygon", [_numbers(ring) for ring in own.parts]) if same else None


def _numbers(points: Any) -> list[list[float]]:
    """Vertices as lists; whole numbers are written as such."""
    return [[int(v) if v == int(v) else v for v in point] for point in points.tolist()]
