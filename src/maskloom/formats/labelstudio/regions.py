"""One region of Label Studio to a `Shape`; the way back is `results.py`.

Places are percent of the image; pixels are rounded to 1e-9, so that what was drawn at whole
pixels is there again. Polygons are filled as pycocotools fills them; brushes are
`shared/brush_rle.py`. A region is kept whole.

Source: labelstud.io/guide/export, and label-studio-sdk converter/utils.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind
from maskloom.errors import FormatError, MaskError
from maskloom.formats.coco.check import is_number
from maskloom.formats.shared.brush_rle import decode_brush
from maskloom.formats.shared.shapes import Shape, checked_vertices

UNLABELLED = "unlabelled"
FIGURES = ("brush", "polygon", "rectangle", "ellipse", "keypoint")
TURNED = "labelstudio-rotated-"
_KEYS = {"textarea": "text"}
"""Types whose value stands under another name."""
_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Region:
    """What results of one id say.

    Args:
        where: file, task and id.
        result: the one that has the place.
        others: those that say more of it: labels and choices of its own.
        score: of the prediction, for regions that have none.
        apart: why it is not known to be of the image that is read; "" if it is.
    """

    where: str
    result: Mapping[str, Any]
    others: tuple[Mapping[str, Any], ...] = ()
    score: float = math.nan
    apart: str = ""


def figure_of(result: Mapping[str, Any]) -> str | None:
    """The figure of a result that has a place in the image; None of any other result."""
    kind, value = result.get("type"), result.get("value")
    if not isinstance(kind, str) or not isinstance(value, dict):
        return None
    figure = kind.lower().removesuffix("labels")
    key = {"brush": "rle", "polygon": "points", "ellipse": "radiusX"}.get(figure, "x")
    return figure if figure in FIGURES and key in value else None


def names_of(region: Region) -> list[str]:
    """The labels of a region, its own first."""
    names = [name for listed in _labels(region).values() for name in listed]
    return list(dict.fromkeys(names)) or [UNLABELLED]


def shape_of(region: Region, size: tuple[int, int]) -> Shape:
    """The shape of a region.

    Raises:
        FormatError: a place that is missing or wrong, a turned image, a region of another
            image, or one of several classes.
    """
    result, where = region.result, region.where
    _check(region)
    value = result["value"]
    figure = figure_of(result)
    source: dict[str, Any] = {"result": result}
    if region.others:
        source["others"] = list(region.others)
    if not math.isnan(region.score):
        source["score"] = region.score
    common: dict[str, Any] = {
        "score": _score(result.get("score", region.score), where),
        "attributes": attributes_in(region),
        "source": {"labelstudio": source},
    }
    name = names_of(region)[0]
    if figure == "brush":
        try:
            mask = decode_brush(value["rle"], size)
        except MaskError as error:
            raise FormatError(error.what, where=f"{where}, rle", seen=error.seen) from error
        return Shape(name, where, mask=mask, **common)
    if figure == "polygon":
        points = in_pixels(checked_vertices(value["points"], f"{where}, points"), size)
        return Shape(name, where, vertices=(points,), rule="coco", **common)
    points = _corners(str(figure), value, where, size)
    if not np.isfinite(points).all():
        raise FormatError("a place far from the image", where=where, seen=points.tolist())
    if figure == "keypoint":
        return Shape(name, where, RowKind.POINT, (points[:1],), "point", **common)
    turned = _number(value.get("rotation", 0) or 0, f"{where}, rotation") % 360 != 0
    rule = "box" if figure == "rectangle" else "ellipse"
    if not turned and rule == "box":
        (x0, y0), (x1, y1) = points.tolist()
        common["source"]["bbox"] = [x0, y0, x1 - x0, y1 - y0]
    return Shape(name, where, RowKind.BOX, (points,), TURNED * turned + rule, **common)


def _labels(region: Region) -> dict[str, list[str]]:
    """Labels by the name of their control."""
    found: dict[str, list[str]] = {}
    for one in (region.result, *region.others):
        value = one.get("value")
        for key, listed in value.items() if isinstance(value, dict) else ():
            if key.lower().endswith("labels") and isinstance(listed, list) and listed:
                found.setdefault(str(one.get("from_name", key)), []).extend(map(str, listed))
    return found


def _check(region: Region) -> None:
    """Refuse what cannot be one object of one class of the image that is read."""
    result, where = region.result, region.where
    if region.apart:
        raise FormatError(
            region.apart,
            where=where,
            seen={k: result[k] for k in ("to_name", "item_index") if k in result},
            hint="make each image a task of its own, or leave such regions out with --skip-bad",
        )
    if result.get("image_rotation", 0) not in (0, None):
        raise FormatError(
            "a region of an image that was turned in Label Studio",
            where=f"{where}, image_rotation",
            seen=result["image_rotation"],
            hint="turn it back there, or leave such regions out with --skip-bad",
        )
    names = names_of(region)
    if len(names) > 1:
        raise FormatError(
            f"several values of {' and '.join(_labels(region))}, which is the class",
            where=where,
            seen=names,
            hint="make what is no class a choice, or leave such regions out with --skip-bad",
        )


def in_pixels(percent: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Places in px, to nine decimals: more is what percent lose of a pixel."""
    with np.errstate(over="ignore"):  # what is not finite then is refused as no place
        return np.round(percent * [size[1], size[0]] / 100, _DECIMALS)


def _corners(
    figure: str, value: Mapping[str, Any], where: str, size: tuple[int, int]
) -> NDArray[np.float64]:
    """Corners of a box, centre and radii of an ellipse, or a point, in px."""
    names = {"ellipse": ("x", "y", "radiusX", "radiusY"), "keypoint": ("x", "y", "x", "y")}
    listed = names.get(figure, ("x", "y", "width", "height"))
    a, b, c, d = (_number(value.get(name), f"{where}, {name}") for name in listed)
    if figure == "rectangle":
        c, d = a + c, b + d
    return in_pixels(np.array([[a, b], [c, d]], np.float64), size)


def _number(value: object, where: str) -> float:
    if not is_number(value):
        raise FormatError("not a finite number", where=where, seen=value)
    return float(value)  # type: ignore[arg-type]


def _score(value: object, where: str) -> float:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return math.nan
    return _number(value, f"{where}, score")


def key_said(result: Mapping[str, Any]) -> str | None:
    """The key of the value by which a result says an attribute; None where it says none."""
    kind, value = result.get("type"), result.get("value")
    key = _KEYS.get(str(kind), str(kind))
    said = isinstance(value, dict) and key in value and not key.endswith("labels")
    return key if said else None


def value_said(result: Mapping[str, Any], key: str) -> Any:
    """What a result says under a key: of a list of one, that one."""
    listed = result["value"][key]
    return listed[0] if isinstance(listed, list) and len(listed) == 1 else listed


def attributes_in(region: Region) -> dict[str, Any]:
    """Choices, texts and numbers of a region by the name of their control; and our own."""
    found: dict[str, Any] = {}
    for one in region.others:
        key = key_said(one)
        if key is not None:
            found[str(one.get("from_name", one.get("type")))] = value_said(one, key)
    meta = region.result.get("meta")
    own = meta.get("attributes") if isinstance(meta, dict) else None
    return found | (own if isinstance(own, dict) else {})
