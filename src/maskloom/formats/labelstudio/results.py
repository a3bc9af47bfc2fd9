"""One row to results of Label Studio: as they were where they still say the same, else anew.

A mask is the author's polygon where pycocotools makes the very same mask of what percent leave of
its vertices, read by us or by Label Studio's own tools, else a brush, which is always exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.errors import FormatError
from maskloom.formats.coco.check import is_number
from maskloom.formats.labelstudio.regions import (
    UNLABELLED,
    Region,
    figure_of,
    in_pixels,
    shape_of,
)
from maskloom.formats.shared.brush_rle import encode_brush
from maskloom.formats.shared.drawn import (
    Told,
    attributes_of,
    box_of,
    geometry_of,
    kept_of,
    points_of,
    polygon_of,
    says_fields,
)


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
    told = _again(rows, i, name, kept, size)
    if told is not None:
        return told, Told(fields=fields)
    drawn = _drawn(rows, i, size, asked=asked)
    if drawn is None:
        return None, Told(row=False, vertices=False, fields=False)
    figure, place, vertices = drawn
    own = {k: v for k, v in dict(kept.get("result", {})).items() if k not in ("meta", "score")}
    control = f"{figure}labels"
    result: dict[str, Any] = {
        "id": own.pop("id", free),
        "type": control,
        "value": {**place, control: [] if name == UNLABELLED else [name]},
        "origin": own.pop("origin", "manual"),
        "to_name": own.pop("to_name", to_name),
        "from_name": own.get("from_name", control) if own.get("type") == control else control,
        "image_rotation": 0,
        "original_width": size[1],
        "original_height": size[0],
    }
    if not math.isnan(rows.score[i]):
        result["score"] = float(rows.score[i])
    attributes = dict(attributes_of(rows, i))
    if attributes:
        result["meta"] = {"attributes": attributes}
    return [result], Told(vertices=vertices, fields=fields)


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


def _again(
    rows: Rows, i: int, name: str, kept: Mapping[str, Any], size: tuple[int, int]
) -> list[dict[str, Any]] | None:
    """The source's own results, where they still say the same but for label and score."""
    if "result" not in kept:
        return None
    others = tuple(kept.get("others", ()))
    region = Region("", kept["result"], others, kept.get("score", math.nan))
    try:
        shape = shape_of(region, size)
    except FormatError:
        return None
    geometry = geometry_of(rows, i)
    if shape.kind != rows.kind[i] or dict(shape.attributes) != dict(attributes_of(rows, i)):
        return None
    if shape.mask is not None:
        if geometry is not None or shape.mask != rows.masks[i]:
            return None
    else:
        alike = geometry is not None and geometry.rule == shape.rule
        parts = geometry.parts if geometry else ()
        alike = alike and len(parts) == len(shape.vertices)
        if not alike or not all(map(np.array_equal, parts, shape.vertices)):
            return None
        if shape.kind == RowKind.MASK and polygon_of(rows, i, "coco") is None:
            return None
    results = [dict(kept["result"]), *map(dict, others)]
    score = rows.score[i]
    if not math.isnan(score) and shape.score != score:
        results[0]["score"] = float(score)
    return results if shape.category == name else _renamed(results, name)


def _renamed(results: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Results whose labels are one other name."""
    for one in results:
        for key, listed in one.get("value", {}).items():
            if key.lower().endswith("labels") and isinstance(listed, list):
                one["value"] = {**one["value"], key: [name]}
    return results


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
