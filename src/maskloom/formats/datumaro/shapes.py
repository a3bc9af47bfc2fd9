"""One annotation of Datumaro JSON to a `Shape` and back.

Polygons are filled as pycocotools fills them, as Datumaro does; masks are COCO runs. Boxes,
ellipses, lines and points have no pixels. Annotations of one label and one group are parts of
one object. An annotation is kept whole, and written as it was where it still says so.

Source: open-edge-platform/datumaro, plugins/data_formats/datumaro (MIT).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.places import box_of, geometry_of, points_of, source_of
from maskloom.errors import FormatError, MaskError
from maskloom.formats.coco.check import is_id, is_number
from maskloom.formats.shared.drawn import (
    Told,
    as_singles,
    attributes_of,
    kept_of,
    polygon_of,
    says_fields,
)
from maskloom.formats.shared.shapes import Shape, checked_vertices

UNLABELLED = "unlabelled"
ELLIPSE = "datumaro-ellipse"
_KINDS: dict[str, tuple[RowKind, str, int]] = {
    "polygon": (RowKind.MASK, "coco", 3),
    "polyline": (RowKind.LINE, "line", 2),
    "points": (RowKind.POINT, "point", 1),
    "ellipse": (RowKind.BOX, ELLIPSE, 2),
}
SHAPES = (*_KINDS, "mask", "bbox")
_NUMBERS = ("id", "group", "z_order")


@dataclass(frozen=True, slots=True)
class Entry:
    """One annotation, where it stands, and the name of its label."""

    where: str
    said: Mapping[str, Any]
    name: str


def shape_of(entry: Entry, size: tuple[int, int]) -> Shape:
    """The shape of an annotation.

    Raises:
        FormatError: a value that is missing or wrong.
    """
    said, where = entry.said, entry.where
    attributes = said.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise FormatError("attributes are a JSON object", where=where, seen=attributes)
    numbers = {name: said.get(name) or 0 for name in _NUMBERS}
    for name, number in numbers.items():
        if not _is_small(number):
            raise FormatError(f"{name} is a whole number", where=where, seen=number)
    plain, score, crowd, track = _columns_of(attributes)
    common: dict[str, Any] = {
        "instance": ("group", entry.name, numbers["group"]) if numbers["group"] else None,
        "number": numbers["id"],
        "score": score,
        "crowd": crowd,
        "z_order": numbers["z_order"],
        "track": track,
        "attributes": plain,
    }
    source: dict[str, Any] = {"datumaro": dict(said)}
    kind = said["type"]
    if kind == "mask":
        mask = _mask(said.get("rle"), where, size)
        return Shape(entry.name, where, mask=mask, source=source, **common)
    if kind == "bbox":
        box = said.get("bbox")
        if not isinstance(box, list) or len(box) != 4 or not all(map(is_number, box)):
            raise FormatError("bbox is x, y, width, height", where=f"{where}, bbox", seen=box)
        x, y, width, height = box
        corners = np.array([[x, y], [x + width, y + height]], np.float64)
        source["bbox"] = box
        return Shape(entry.name, where, RowKind.BOX, (corners,), "box", source=source, **common)
    row_kind, rule, least = _KINDS[kind]
    points = checked_vertices(said.get("points"), f"{where}, points", least=least)
    return Shape(entry.name, where, row_kind, (points,), rule, source=source, **common)


def _is_small(number: object) -> bool:
    # `is_id` has seen that it is a whole number.
    return is_id(number) and -(2**31) <= number < 2**31  # type: ignore[operator]


def _columns_of(
    attributes: Mapping[str, Any],
) -> tuple[dict[str, Any], float, bool, int]:
    """What attributes say beside `score`, `is_crowd` and `track_id`; and score, crowd, track."""
    plain, score, track = dict(attributes), math.nan, -1
    if is_number(plain.get("score")):
        score = float(plain.pop("score"))
    crowd = plain.get("is_crowd") is True and plain.pop("is_crowd")
    if is_id(plain.get("track_id")) and 0 <= plain["track_id"] < 2**63:
        track = plain.pop("track_id")
    return plain, score, crowd, track


def _said_attributes(rows: Rows, i: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The attributes of an annotation; and names of the row's own whose place columns take."""
    own = attributes_of(rows, i)
    columns: dict[str, Any] = {}
    if not math.isnan(rows.score[i]):
        columns["score"] = float(rows.score[i])
    if rows.crowd[i]:
        columns["is_crowd"] = True
    if rows.track[i] >= 0:
        columns["track_id"] = int(rows.track[i])
    plain = _columns_of(own)[0]
    unsaid = tuple(name for name in own if name in columns or name not in plain)
    return {k: v for k, v in own.items() if k not in unsaid} | columns, unsaid


def is_kept(kept: Mapping[str, Any]) -> bool:
    """Whether the reader would keep such an annotation."""
    box = kept.get("bbox", [0] * 4)
    known = isinstance(box, list) and len(box) == 4 and all(map(is_number, box))
    return known and all(_is_small(kept.get(name) or 0) for name in _NUMBERS)


def group_of(rows: Rows, i: int) -> int:
    """The group that the source's own annotation names, 0 for none."""
    return kept_of(rows, i, "datumaro", is_kept).get("group") or 0


def _mask(rle: object, where: str, size: tuple[int, int]) -> Masks:
    if not isinstance(rle, dict) or not isinstance(rle.get("counts"), str | list):
        raise FormatError("a mask without runs", where=f"{where}, rle", seen=rle)
    if rle.get("size") != list(size):
        raise FormatError(
            f"the runs are for another size than the image, {list(size)}",
            where=f"{where}, rle",
            seen=rle.get("size"),
        )
    try:
        return Masks.from_coco([rle])
    except (MaskError, TypeError) as error:
        raise FormatError(f"not COCO runs: {error}", where=f"{where}, rle") from error


def annotation_of(rows: Rows, i: int, group: int) -> tuple[dict[str, Any] | None, Told]:
    """The annotation of a row, without its label, or None for what Datumaro cannot draw.

    Args:
        rows: of one image.
        i: which.
        group: that its parts share; 0 is none.
    """
    kept = kept_of(rows, i, "datumaro", is_kept)
    fields = says_fields(rows, i, "datumaro", kept)
    drawn = _drawn(rows, i, kept)
    if drawn is None:
        return None, Told(row=False, vertices=False, fields=False)
    kind, place, vertices = drawn
    attributes, unsaid = _said_attributes(rows, i)
    known = ("id", "type", "attributes", "group", "label_id", "rle", "points", "bbox", "z_order")
    said = {
        "id": kept.get("id", int(rows.instance[i])),
        "type": kind,
        "attributes": attributes,
        "group": group,
        **{k: v for k, v in kept.items() if k not in known},
        "label_id": None,
        **place,
        "z_order": int(rows.z_order[i]),
    }
    return said, Told(vertices=vertices, fields=fields, unsaid=unsaid)


def _drawn(rows: Rows, i: int, kept: Mapping[str, Any]) -> tuple[str, dict[str, Any], bool] | None:
    """Type and place of a row, and whether that says its vertices."""
    if rows.kind[i] == RowKind.MASK:
        # Datumaro rounds vertices when it reads; those of its own files were as it had them.
        polygon = polygon_of(rows, i, "coco", seen=None if kept else as_singles)
        if polygon is not None and len(polygon) == 1:
            return "polygon", {"points": polygon[0].ravel().tolist()}, True
        return "mask", {"rle": rows.masks.to_coco(i)}, geometry_of(rows, i) is None
    box = box_of(rows, i)
    if box is not None:
        x0, y0, x1, y1 = box
        told = kept.get("bbox") or source_of(rows, i).get("bbox")
        same = told and [told[0], told[1], told[0] + told[2], told[1] + told[3]] == list(box)
        return "bbox", {"bbox": told if same else [x0, y0, x1 - x0, y1 - y0]}, True
    for kind, (row_kind, rule, least) in _KINDS.items():
        points = points_of(rows, i, rule)
        if points is not None and rows.kind[i] == row_kind and len(points) >= least:
            return kind, {"points": points.ravel().tolist()}, True
    return None
