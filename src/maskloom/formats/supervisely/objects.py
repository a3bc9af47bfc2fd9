"""One object of a Supervisely annotation to a shape and back: bitmaps, polygons, boxes, points.

A bitmap is a packed PNG and its origin. A polygon is its exterior filled by OpenCV, with the
interiors painted 0 over it in one call: their outlines are holes, too. Corners of a rectangle
are pixels, both inside.

Source: developer.supervisely.com, annotation format of images; its SDK's reader (Apache-2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.fill import MAX_COORDINATE
from maskloom.core.labels import RowKind
from maskloom.core.masks import Masks
from maskloom.errors import FormatError, MaskError
from maskloom.formats.shared.png_crops import pixels_of, text_bytes, unpacked
from maskloom.formats.shared.shapes import Shape, checked_vertices, score_of
from maskloom.formats.supervisely.identity import INSTANCE, instance_text, number_of
from maskloom.formats.tags import tags_of_pairs

RULE = "supervisely"
Rectangles = Literal["mask", "box"]
OWN = frozenset(
    {
        "id",
        "classTitle",
        "geometryType",
        "tags",
        "points",
        "bitmap",
        INSTANCE,
        "score",
        "attributes",
        RULE,
    }
)
"""Fields of an object that are read; others are kept for Supervisely."""
KEPT = frozenset({"id", INSTANCE})
"""Those of them that are kept, too."""
_DRAWN = {"point": RowKind.POINT, "line": RowKind.LINE}
GEOMETRIES = ("bitmap", "polygon", "rectangle", *_DRAWN)
"""Those that are read."""


def shape_of(
    entry: object,
    size: tuple[int, int],
    *,
    titles: Mapping[int, str],
    rectangles: Rectangles,
    where: str,
) -> Shape:
    """One object of an annotation.

    Args:
        entry: of the list `objects`.
        size: (H, W) of the image.
        titles: classId → title, for objects without a classTitle.
        rectangles: what they are.
        where: file and position, for messages.

    Raises:
        FormatError: it is invalid, or of a geometry that has no pixels of an image.
    """
    title = title_of(entry, titles, where)
    assert isinstance(entry, dict)
    where = f"{where}, {title}, id {entry.get('id')}"
    kind = entry.get("geometryType") or ("bitmap" if "bitmap" in entry else None)
    if kind not in GEOMETRIES:
        raise FormatError(
            "a geometryType that is not read",
            where=where,
            seen=kind,
            hint=f"known are {', '.join(GEOMETRIES)}",
        )
    number = entry.get("id")
    instance = entry.get("instance")
    own: dict[str, Any] = {k: v for k, v in entry.items() if k in KEPT or k not in OWN}
    if instance is None:
        own.pop(INSTANCE, None)
    if entry.get("tags"):
        own[RULE] = {"tags": entry["tags"]}
    common: dict[str, Any] = {
        "instance": instance_text(instance),
        "number": number_of(instance) or (number if type(number) is int else None),
        "score": score_of(entry, where),
        "attributes": attributes_of_tags(entry.get("tags"), where) | _attributes(entry, where),
    }
    if kind == "bitmap":
        mask = _bitmap(entry.get("bitmap"), size, f"{where}: bitmap")
        return Shape(title, where, mask=mask, source=own, **common)
    rings = _rings(entry.get("points"), f"{where}: points", least=2 if kind == "rectangle" else 1)
    if kind == "polygon":
        mask = polygon_mask(rings, size, where)
        return Shape(title, where, vertices=rings, rule=RULE, mask=mask, source=own, **common)
    if kind == "rectangle":
        return _rectangle(Shape(title, where, source=own, **common), rings[0], size, rectangles)
    return Shape(title, where, _DRAWN[kind], rings[:1], kind, source=own, **common)


def title_of(entry: object, titles: Mapping[int, str], where: str) -> str:
    """The class of an object.

    Raises:
        FormatError: it is none, or names none.
    """
    if not isinstance(entry, dict):
        raise FormatError("an object is a JSON object", where=where, seen=entry)
    title = entry.get("classTitle")
    if title is None and type(entry.get("classId")) is int:
        title = titles.get(entry["classId"])
    if not isinstance(title, str) or not title:
        raise FormatError("an object without a classTitle", where=where, seen=title)
    return title


def polygon_mask(rings: Sequence[NDArray[np.float64]], size: tuple[int, int], where: str) -> Masks:
    """The pixels of an exterior and its interiors, as the SDK draws them.

    Raises:
        FormatError: a vertex lies too far away.
    """
    padded = [np.concatenate([ring, ring[[-1] * max(0, 3 - len(ring))]]) for ring in rings]
    try:
        outside = Masks.from_polygons([[padded[0]]], size, rule="opencv-round")
        if len(padded) == 1:
            return outside
        return outside.difference(Masks.from_polygons([padded[1:]], size, rule="opencv-round"))
    except MaskError as error:
        raise FormatError(error.what, where=where, seen=error.seen) from error


def is_kept(kept: Mapping[str, Any]) -> bool:
    """Whether the reader would keep such a thing of an object."""
    try:
        attributes_of_tags(kept.get("tags"), "")
    except FormatError:
        return False
    return True


def attributes_of_tags(tags: object, where: str) -> dict[str, Any]:
    """Tag name → its value, True of a tag without one, a list of one that stands there often.

    Raises:
        FormatError: not a list of tags with names.
    """
    if tags is None:
        return {}
    if not isinstance(tags, list):
        raise FormatError("tags are a list", where=where, seen=tags)
    found: dict[str, list[Any]] = {}
    for tag in tags:
        name = tag.get("name") if isinstance(tag, dict) else None
        if not isinstance(name, str) or not name:
            raise FormatError("a tag without a name", where=where, seen=tag)
        value = tag.get("value")
        found.setdefault(name, []).append(True if value is None else value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _attributes(entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    own = entry.get("attributes")
    if own is not None and not isinstance(own, dict):
        raise FormatError("attributes are an object", where=where, seen=own)
    return own or {}


def tags_of(own: Mapping[str, Any]) -> dict[str, str]:
    """Tags of the image as text.

    Args:
        own: what is kept of an annotation; its tags are checked.
    """
    return tags_of_pairs(attributes_of_tags(own.get("tags"), "").items())


def _bitmap(bitmap: object, size: tuple[int, int], where: str) -> Masks:
    if not isinstance(bitmap, dict):
        raise FormatError("a bitmap has data and an origin", where=where, seen=bitmap)
    origin = bitmap.get("origin")
    if not isinstance(origin, list) or [type(v) for v in origin] != [int, int]:
        raise FormatError("an origin is two whole numbers", where=where, seen=origin)
    pixels = pixels_of(unpacked(text_bytes(bitmap.get("data"), where), where), where)
    x, y = origin
    height, width = pixels.shape
    if min(x, y) < 0 or x + width > size[1] or y + height > size[0]:
        raise FormatError(
            f"the bitmap of {width} × {height} px leaves the image of {size[1]} × {size[0]} px",
            where=where,
            seen=origin,
        )
    return Masks.from_dense(pixels).place(x, y, size)


def _rings(points: object, where: str, *, least: int) -> tuple[NDArray[np.float64], ...]:
    """Exterior, then interiors."""
    if not isinstance(points, dict):
        raise FormatError("points have an exterior", where=where, seen=points)
    inner = points.get("interior") or []
    if not isinstance(inner, list):
        raise FormatError("interiors are a list of rings", where=where, seen=inner)
    rings = (
        checked_vertices(points.get("exterior"), f"{where}: exterior", least=least),
        *(
            checked_vertices(ring, f"{where}: interior {i}", least=1)
            for i, ring in enumerate(inner)
        ),
    )
    for ring in rings:
        if (np.abs(ring) > MAX_COORDINATE).any():
            raise FormatError("a vertex lies beyond 2**24 px", where=where, seen=ring.tolist())
    return rings


def _rectangle(
    shape: Shape, corners: NDArray[np.float64], size: tuple[int, int], what: Rectangles
) -> Shape:
    low, high = corners.min(axis=0), corners.max(axis=0) + 1
    own: dict[str, Any] = {name: getattr(shape, name) for name in Shape.__slots__}
    if what == "box":
        bbox = [*low.tolist(), *(high - low).tolist()]
        own |= {"kind": RowKind.BOX, "vertices": (np.array([low, high]),), "rule": "box"}
        return Shape(**own | {"source": {**shape.source, "bbox": bbox}})
    x0, y0, x1, y1 = np.rint([*low, *high]).tolist()
    ring = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    return Shape(**own | {"mask": Masks.from_polygons([[ring]], size, rule="edge")})
