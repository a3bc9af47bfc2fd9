"""Regions of VIA 2 to shapes and back.

VIA only draws; what is inside a polygon is its readers' to say. `skimage.draw.polygon` is what
most of them ask (Mask R-CNN's balloons), so circles and ellipses are those of scikit-image, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.figures import figure
from maskloom.core.fill import MAX_COORDINATE
from maskloom.core.labels import RowKind
from maskloom.core.masks import Masks
from maskloom.errors import FormatError, MaskError
from maskloom.formats.shared.shapes import Shape, checked_vertices
from maskloom.formats.via.classes import attributes_in, category_of, kept_class
from maskloom.formats.via.files import shape_of_numbers

Rectangles = Literal["mask", "box"]
Rule = Literal["skimage", "opencv", "opencv-round", "pil", "pil-outline", "coco", "centre"]
SKIMAGE: Rule = "skimage"
DISK, ELLIPSE = "skimage-disk", "skimage-ellipse"
_READ = ("shape_attributes", "region_attributes", "xy")
_LISTED = ("all_points_x", "all_points_y")


def shape_of(
    region: object,
    size: tuple[int, int],
    *,
    category: str | None,
    other: str,
    rule: Rule,
    rectangles: Rectangles,
    where: str,
) -> Shape:
    """One region.

    Args:
        region: with `shape_attributes` and `region_attributes`.
        size: (H, W) of the image.
        category: the attribute whose value is the class; None, or an empty value: `other`.
        other: see above.
        rule: by which polygons are filled.
        rectangles: what they are.
        where: file, image and position, for messages.

    Raises:
        FormatError: it is invalid.
    """
    if isinstance(region, dict) and "xy" in region:
        own: Any = shape_of_numbers(region["xy"], where)
    else:
        own = region.get("shape_attributes") if isinstance(region, dict) else None
    if not isinstance(region, dict) or not isinstance(own, dict):
        raise FormatError("a region without shape_attributes", where=where, seen=region)
    attributes = dict(attributes_in(region, where))
    told = category_of(region, category, where)
    name = told or other
    unsaid = kept_class(attributes, category, told, name)
    if category is not None:
        attributes.pop(category, None)
    where = f"{where}, {name}"
    rest = {k: v for k, v in region.items() if k not in _READ}
    kept = {k: v for k, v in own.items() if k not in _LISTED}
    via = {**rest, "shape": kept, **unsaid}
    common: dict[str, Any] = {"attributes": attributes, "source": {"via": via}}
    kind = own.get("name")
    if kind in ("polygon", "polyline"):
        points = _points(own, f"{where}: {kind}", least=3 if kind == "polygon" else 1)
        if kind == "polyline":
            return Shape(name, where, RowKind.LINE, (points,), "line", **common)
        return Shape(name, where, vertices=(points,), rule=rule, **common)
    if kind == "point":
        at = _numbers(own, ("cx", "cy"), where)
        return Shape(name, where, RowKind.POINT, (at[None],), "point", **common)
    if kind == "rect":
        return _rectangle(own, rule, rectangles, Shape(name, where, **common))
    if kind in ("circle", "ellipse"):
        points, drawn = _axes(own, where)
        try:
            mask = figure(points, size, drawn)
        except MaskError as error:
            raise FormatError(error.what, where=where, seen=error.seen) from error
        return Shape(name, where, vertices=(points,), rule=drawn, mask=mask, **common)
    raise FormatError("an unknown shape", where=where, seen=kind)


def region_of_rings(points: NDArray[np.float64]) -> dict[str, Any]:
    """shape_attributes of a polygon; whole numbers are written as such."""
    x, y = ([int(v) if v == int(v) else v for v in axis] for axis in points.T.tolist())
    return {"name": "polygon", "all_points_x": x, "all_points_y": y}


def _points(own: Mapping[str, Any], where: str, *, least: int) -> NDArray[np.float64]:
    x, y = (own.get(name) for name in _LISTED)
    if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
        raise FormatError("all_points_x and all_points_y are lists of one length", where=where)
    points = checked_vertices(list(zip(x, y, strict=True)), where, least=least)
    if (np.abs(points) > MAX_COORDINATE).any():
        raise FormatError("a vertex lies beyond 2**24 px", where=where, seen=points.tolist())
    return points


def _numbers(own: Mapping[str, Any], names: tuple[str, ...], where: str) -> NDArray[np.float64]:
    values = [own.get(name) for name in names]
    good = all(
        isinstance(v, int | float) and not isinstance(v, bool) and abs(v) <= MAX_COORDINATE
        for v in values
    )
    if not good:
        raise FormatError(f"{', '.join(names)} are numbers up to 2**24", where=where, seen=values)
    return np.array(values, np.float64)


def _rectangle(own: Mapping[str, Any], rule: Rule, what: Rectangles, shape: Shape) -> Shape:
    x, y, width, height = _numbers(own, ("x", "y", "width", "height"), shape.where).tolist()
    if min(width, height) < 0:
        raise FormatError("a rect of negative size", where=shape.where, seen=[width, height])
    fields: dict[str, Any] = {name: getattr(shape, name) for name in Shape.__slots__}
    right, bottom = x + width, y + height
    if what == "mask":
        ring = np.array([[x, y], [right, y], [right, bottom], [x, bottom]])
        return Shape(**fields | {"vertices": (ring,), "rule": rule})
    source = {**shape.source, "bbox": [x, y, width, height]}
    box = {"kind": RowKind.BOX, "vertices": (np.array([[x, y], [right, bottom]]),), "rule": "box"}
    return Shape(**fields | box | {"source": source})


def _axes(own: Mapping[str, Any], where: str) -> tuple[NDArray[np.float64], str]:
    """The points that `figure` takes: centre and ends of half axes, turned clockwise by theta."""
    if own["name"] == "circle":
        x, y, r = _numbers(own, ("cx", "cy", "r"), where).tolist()
        return np.array([[x, y], [x + r, y]]), DISK
    x, y, rx, ry = _numbers(own, ("cx", "cy", "rx", "ry"), where).tolist()
    turn = float(_numbers({"theta": 0, **own}, ("theta",), where)[0])
    c, s = math.cos(turn), math.sin(turn)
    return np.array([[x, y], [x + rx * c, y + rx * s], [x - ry * s, y + ry * c]]), ELLIPSE


def is_kept(kept: Mapping[str, Any]) -> bool:
    """Whether the reader would keep such a thing of a region."""
    own = kept.get("shape", {})
    return isinstance(own, Mapping) and not kept.keys() & set(_READ)


def same_shape(kept: Mapping[str, Any], mask: Masks) -> bool:
    """Whether the circle or ellipse that a file told is still this mask."""
    if kept.get("name") not in ("circle", "ellipse"):
        return False
    height, width = (int(side) for side in mask.sizes[0])
    try:
        points, rule = _axes(kept, "")
        return figure(points, (height, width), rule) == mask
    except (FormatError, MaskError):
        return False
