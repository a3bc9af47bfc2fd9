"""One shape of CVAT XML to a `Shape` and back.

Polygons are filled as pycocotools fills them, as CVAT's own exporters do. The runs of a <mask>
go along the rows of its box. Boxes, ellipses, lines and points have no pixels. Shapes of one
label and one group are parts of one object. An ellipse is its centre and its two radii; the
corners of a turned box are those before it is turned about its centre.

Source: docs.cvat.ai, XML annotation format 1.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.places import box_of, geometry_of, points_of, source_of
from maskloom.errors import FormatError, MaskError
from maskloom.formats.cvat.kept import BOX, COLUMNS, ELLIPSE, MASK, PLACE, is_kept
from maskloom.formats.cvat.meta import whole
from maskloom.formats.cvat.tags import UNLABELLED
from maskloom.formats.shared.drawn import (
    Told,
    as_singles,
    attributes_of,
    kept_of,
    polygon_of,
    says_fields,
)
from maskloom.formats.shared.row_runs import (
    counts_of_spans,
    mask_of_spans,
    spans_of_counts,
    spans_of_mask,
)
from maskloom.formats.shared.safe_xml import (
    Element,
    is_verbatim,
    text_of_value,
    value_of_text,
)
from maskloom.formats.shared.shapes import Shape, checked_vertices

TURNED = "cvat-rotated-"
_KINDS = {"polyline": (RowKind.LINE, "line", 2), "points": (RowKind.POINT, "point", 1)}


def shape_of(
    element: Element, where: str, size: tuple[int, int], track: Element | None = None
) -> Shape:
    """One shape.

    Args:
        element: one of `kept.SHAPES`.
        where: file, image and number of the shape.
        size: (H, W) of the image.
        track: the <track> that it belongs to, which has its label and group.

    Raises:
        FormatError: a value that is missing or wrong.
    """
    owner = element if track is None else track
    said = element.attributes
    label = owner.attributes.get("label", "") or UNLABELLED
    group = whole(owner.attributes.get("group_id") or "0", f"{where}, group_id")
    attributes, kept = _attributes(element, track, where)
    number = -1 if track is None else whole(track.attributes.get("id", ""), f"{where}, track id")
    common: dict[str, Any] = {
        "z_order": _z_order(said.get("z_order") or "0", where),
        "attributes": attributes,
        "instance": ("group", label, group) if group and track is None else None,
        "track": number,
        "number": number + 1 if track is not None else None,
    }
    source: dict[str, Any] = {"cvat": kept}
    if element.tag == "mask":
        return Shape(label, where, mask=_mask(said, where, size), source=source, **common)
    if element.tag in ("box", "ellipse"):
        names = BOX if element.tag == "box" else ELLIPSE
        numbers = [float_of(said.get(name, ""), f"{where}, {name}") for name in names]
        corners, rule = np.array(numbers, np.float64).reshape(2, 2), element.tag
        if rule == "box":
            # Any two opposite corners make the same box; other formats ask for these two.
            corners = np.sort(corners, axis=0)
        if "rotation" in kept:
            rule = TURNED + rule
        elif rule == "box":
            x0, y0, x1, y1 = corners.ravel().tolist()
            source["bbox"] = [x0, y0, x1 - x0, y1 - y0]
        return Shape(label, where, RowKind.BOX, (corners,), rule, source=source, **common)
    kind, rule, least = _KINDS.get(element.tag, (RowKind.MASK, "coco", 3))
    points = _points(said.get("points", ""), f"{where}, points", least)
    return Shape(label, where, kind, (points,), rule, source=source, **common)


def _attributes(
    element: Element, track: Element | None, where: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The attributes of a row, and what is kept for CVAT."""
    listed = [*([] if track is None else track.children), *element.children]
    attributes: dict[str, Any] = {
        one.attributes.get("name", ""): value_of_text(one.text)
        for one in listed
        if one.tag == "attribute"
    }
    kept: dict[str, Any] = {
        name: text
        for name, text in element.attributes.items()
        if name not in COLUMNS | PLACE and (name != "rotation" or float_of(text, where) % 360)
    }
    if track is not None:
        own = {k: v for k, v in track.attributes.items() if k not in ("id", "label")}
        kept |= {"track": own} if own else {}
    if "label" in element.attributes and not element.attributes["label"]:
        kept["label"] = ""
    occluded = element.attributes.get("occluded", "0").lower()
    if occluded not in ("0", "1", "true", "false"):
        raise FormatError("occluded is neither 0 nor 1", where=where, seen=occluded)
    flag = occluded in ("1", "true")
    if "occluded" not in attributes:
        attributes |= {"occluded": True} if flag else {}
    elif flag != (attributes["occluded"] is True):
        kept["occluded"] = str(int(flag))
    elif flag:
        kept["occluded"] = "both"
    return attributes, kept


def _z_order(text: str, where: str) -> int:
    number = whole(text, f"{where}, z_order", least=-(2**31))
    if number >= 2**31:
        raise FormatError("a z_order of 2**31 or more", where=where, seen=text)
    return number


def float_of(text: str, where: str) -> float:
    """A finite number.

    Raises:
        FormatError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FormatError("not a finite number", where=where, seen=text)
    return value


def _points(text: str, where: str, least: int) -> NDArray[np.float64]:
    pairs = text.split(";") if text else []
    bad = next((pair for pair in pairs if pair.count(",") != 1), None)
    if bad is not None:
        raise FormatError("points are pairs x,y;x,y", where=where, seen=bad)
    listed = text.replace(";", ",").split(",") if text else []
    try:
        values = np.array([float(one) for one in listed])
    except ValueError:
        values = np.array([float_of(one, where) for one in listed])
    return checked_vertices(values.reshape(-1, 2), where, least=least)


def _mask(said: Mapping[str, str], where: str, size: tuple[int, int]) -> Masks:
    left, top = (whole(said.get(n, ""), f"{where}, {n}") for n in ("left", "top"))
    width, height = (whole(said.get(n, ""), f"{where}, {n}", least=1) for n in ("width", "height"))
    if left + width > size[1] or top + height > size[0]:
        raise FormatError(
            f"the box of a mask leaves the image, {size[1]} × {size[0]} px",
            where=where,
            seen=f"left {left}, top {top}, width {width}, height {height}",
        )
    text = said.get("rle", "")
    if text.count(",") > width * height:
        raise FormatError("more runs than pixels", where=f"{where}, rle", seen=text.count(",") + 1)
    try:
        counts = np.array([int(number) for number in text.split(",")], np.int64)
    except (ValueError, OverflowError):
        raise FormatError("rle is not a list of whole numbers", where=where) from None
    try:
        crop = mask_of_spans(spans_of_counts(counts, width * height), (height, width))
    except MaskError as error:
        raise FormatError(error.what, where=f"{where}, rle", seen=error.seen) from error
    return crop.place(left, top, size)


def element_of(rows: Rows, i: int, *, asked: bool = False) -> tuple[Element | None, Told]:
    """The shape of a row, without its label and group, or None; and what it says of the row.

    `asked` leaves the runs of masks out, for those who want to know what would be said.
    """
    found = kept_of(rows, i, "cvat", is_kept)
    kept, fields = dict(found), says_fields(rows, i, "cvat", found)
    drawn = _drawn(rows, i, own=source_of(rows, i).get("cvat") == found, asked=asked)
    if drawn is None:
        return None, Told(row=False, vertices=False, fields=False)
    tag, place, vertices = drawn
    unsaid = tuple(name for name in attributes_of(rows, i) if not is_verbatim(name))
    attributes = {k: v for k, v in attributes_of(rows, i).items() if k not in unsaid}
    occluded = _occluded(attributes, kept)
    said = {"occluded": occluded, **place, "z_order": str(int(rows.z_order[i]))}
    said |= {k: kept[k] for k in sorted(kept) if k not in ("group_id", "track", "label")}
    children = [
        Element("attribute", {"name": name}, text_of_value(attributes[name])) for name in attributes
    ]
    return Element(tag, said, "", children), Told(vertices=vertices, fields=fields, unsaid=unsaid)


def _occluded(attributes: dict[str, Any], kept: dict[str, Any]) -> str:
    """The flag of a shape; an attribute that it says is taken away.

    A shape without the attribute has the flag 0, so that one that is told to be false is an
    <attribute>, too.
    """
    flag = kept.pop("occluded", None)
    if "occluded" not in attributes:
        return "0"
    if flag is None and attributes["occluded"] is True:
        del attributes["occluded"]
        return "1"
    return "1" if flag == "both" else flag or "0"


def _drawn(
    rows: Rows, i: int, *, own: bool, asked: bool
) -> tuple[str, dict[str, str], bool] | None:
    """Tag and place of a row, and whether that says its vertices."""
    if rows.kind[i] == RowKind.MASK:
        # CVAT's exporters round vertices; those of its own files were as it had them.
        polygon = polygon_of(rows, i, "coco", seen=None if own else as_singles)
        if polygon is not None and len(polygon) == 1:
            return "polygon", {"points": _text(polygon[0])}, True
        return "mask", {} if asked else _mask_place(rows.masks[i]), geometry_of(rows, i) is None
    box = box_of(rows, i)
    if box is not None:
        return "box", dict(zip(BOX, map(_number, box), strict=True)), True
    for tag, rule, names in (
        ("box", f"{TURNED}box", BOX),
        ("ellipse", "ellipse", ELLIPSE),
        ("ellipse", f"{TURNED}ellipse", ELLIPSE),
    ):
        pair = points_of(rows, i, rule)
        if pair is not None and len(pair) == 2:
            numbers = map(_number, pair.ravel().tolist())
            return tag, dict(zip(names, numbers, strict=True)), True
    for tag, (kind, rule, least) in _KINDS.items():
        points = points_of(rows, i, rule)
        if points is not None and rows.kind[i] == kind and len(points) >= least:
            return tag, {"points": _text(points)}, True
    return None


def _mask_place(mask: Masks) -> dict[str, str]:
    x0, y0, x1, y1 = (int(v) for v in mask.boxes[0])
    if x1 == x0:
        # CVAT has no mask without a box: one pixel of background.
        return dict(zip(MASK, ("1", "0", "0", "1", "1"), strict=True))
    width, height = x1 - x0, y1 - y0
    counts = counts_of_spans(spans_of_mask(mask, (x0, y0, x1, y1)), width * height)
    texts = (", ".join(map(str, counts)), str(x0), str(y0), str(width), str(height))
    return dict(zip(MASK, texts, strict=True))


def _text(points: NDArray[np.float64]) -> str:
    return ";".join(f"{_number(x)},{_number(y)}" for x, y in points.tolist())


def _number(value: float) -> str:
    """The shortest text that reads back as the same number."""
    return repr(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
