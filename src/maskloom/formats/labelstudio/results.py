"""One row to results of Label Studio: as they were where they still say the same, else anew.

A mask is the author's polygon where pycocotools makes the very same mask of what percent leave of
its vertices, read by us or by Label Studio's own tools, else a brush, which is always exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.core.places import box_of, geometry_of, points_of
from maskloom.errors import FormatError
from maskloom.formats.coco.check import is_number
from maskloom.formats.labelstudio.regions import (
    UNLABELLED,
    Region,
    figure_of,
    in_pixels,
    shape_of,
)
from maskloom.formats.labelstudio.retold import Now, Result, retold
from maskloom.formats.shared.brush_rle import encode_brush
from maskloom.formats.shared.drawn import Told, attributes_of, kept_of, polygon_of, says_fields


def results_of(
    rows: Rows, i: int, name: str, free: str, *, to_name: str = "image", asked: bool = False
) -> tuple[list[dict[str, Any]] | None, Told]:
    """The results of a row, or None for a drawing that Label Studio has no figure for.

    Args:
        rows: of one image.
        i: which.
        name: of its category.
        free: an id for a region that has none of its own.
        to_name: the control of one that names none.
        asked: leave brushes out, for those who want to know what would be said.
    """
    kept = kept_of(rows, i, "labelstudio", is_kept)
    fields = says_fields(rows, i, "labelstudio", kept)
    size = (int(rows.masks.sizes[i, 0]), int(rows.masks.sizes[i, 1]))
    region = _region(kept)
    now = Now(name, float(rows.score[i]), attributes_of(rows, i), size)
    if region is not None and _stands(rows, i, region, size):
        results, whole = retold(region, now)
        return results, Told(fields=fields and whole)
    drawn = _drawn(rows, i, size, asked=asked)
    if drawn is None:
        return None, Told(row=False, vertices=False, fields=False)
    figure, place, vertices = drawn
    if region is not None:
        results, whole = retold(region, replace(now, place=(figure, place)))
        return results, Told(vertices=vertices, fields=fields and whole)
    fresh = _fresh(now, figure, place, {"id": free, "to_name": to_name})
    return [fresh], Told(vertices=vertices, fields=fields)


def _fresh(now: Now, figure: str, place: Mapping[str, Any], own: Mapping[str, str]) -> Result:
    """The result of a row that was no region before."""
    control = f"{figure}labels"
    result: Result = {
        "id": own["id"],
        "type": control,
        "value": {**place, control: [] if now.name == UNLABELLED else [now.name]},
        "origin": "manual",
        "to_name": own["to_name"],
        "from_name": control,
        "image_rotation": 0,
        "original_width": now.size[1],
        "original_height": now.size[0],
    }
    if not math.isnan(now.score):
        result["score"] = now.score
    if now.attributes:
        result["meta"] = {"attributes": dict(now.attributes)}
    return result


def is_kept(kept: Mapping[str, Any]) -> bool:
    """Whether the reader would keep such results."""
    result, others = kept.get("result"), kept.get("others", [])
    return (
        isinstance(result, Mapping)
        and figure_of(result) is not None
        and is_number(kept.get("score", 0))
        and isinstance(others, list)
        and all(isinstance(one, Mapping) for one in others)
        and all(isinstance(one.get("value", {}), Mapping) for one in others)
    )


def _region(kept: Mapping[str, Any]) -> Region | None:
    """The region that a row was read from."""
    if "result" not in kept:
        return None
    score = float(kept.get("score", math.nan))
    return Region("", kept["result"], tuple(kept.get("others", ())), score)


def _stands(rows: Rows, i: int, region: Region, size: tuple[int, int]) -> bool:
    """Whether a row is still what its region draws."""
    try:
        shape = shape_of(region, size)
    except FormatError:
        return False
    geometry = geometry_of(rows, i)
    if shape.kind != rows.kind[i]:
        return False
    if shape.mask is not None:
        return geometry is None and shape.mask == rows.masks[i]
    parts = geometry.parts if geometry is not None else ()
    if geometry is None or geometry.rule != shape.rule or len(parts) != len(shape.vertices):
        return False
    if not all(map(np.array_equal, parts, shape.vertices)):
        return False
    return shape.kind != RowKind.MASK or polygon_of(rows, i, "coco") is not None


def _drawn(
    rows: Rows, i: int, size: tuple[int, int], *, asked: bool
) -> tuple[str, dict[str, Any], bool] | None:
    """Figure and place of a row, and whether that says its vertices."""
    if rows.kind[i] == RowKind.MASK:
        polygon = polygon_of(rows, i, "coco", seen=partial(_rounded, size=size))
        if polygon is not None and len(polygon) == 1:
            polygon = polygon_of(rows, i, "coco", seen=partial(_unrounded, size=size))
        if polygon is not None and len(polygon) == 1:
            same = np.array_equal(_rounded(polygon[0], size), polygon[0])
            percent = _in_percent(polygon[0], size).tolist()
            return "polygon", {"points": percent, "closed": True}, same
        runs = [] if asked else encode_brush(rows.masks[i])
        return "brush", {"format": "rle", "rle": runs}, geometry_of(rows, i) is None
    box = box_of(rows, i)
    if box is not None:
        corners = np.array(box).reshape(2, 2)
        return "rectangle", {**_box_place(corners, size), "rotation": 0}, True
    for figure, rule in (("ellipse", "ellipse"), ("keypoint", "point")):
        points = points_of(rows, i, rule)
        if points is None or len(points) != (2 if rule == "ellipse" else 1):
            continue
        places = _in_percent(points, size).ravel().tolist()
        names = ("x", "y", "radiusX", "radiusY") if rule == "ellipse" else ("x", "y")
        rest = {"rotation": 0} if rule == "ellipse" else {"width": 0.2}
        return figure, {**dict(zip(names, places, strict=True)), **rest}, True
    return None


def _box_place(corners: NDArray[np.float64], size: tuple[int, int]) -> dict[str, float]:
    (x, y), (x1, y1) = _in_percent(corners, size).tolist()
    return {"x": x, "y": y, "width": x1 - x, "height": y1 - y}


def _in_percent(points: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    percent: NDArray[np.float64] = points * 100 / np.array([size[1], size[0]])
    return percent


def _rounded(points: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Vertices as they are read here again."""
    return in_pixels(_in_percent(points, size), size)


def _unrounded(points: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Vertices as Label Studio's own tools have them, who take percent as they come."""
    whole: NDArray[np.float64] = _in_percent(points, size) / 100 * np.array([size[1], size[0]])
    return whole
