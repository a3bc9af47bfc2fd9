"""One LabelMe JSON file to shapes: polygons, rectangles, circles, masks, lines and points.

Areas are filled as the tool's own exporters fill them (Pillow, outline painted). A shape labelled
`_background_` is cut out of the shapes of the file that stand before it, which is how the tool
says holes; `__ignore__` is void. Parts of one object share label and `group_id`.

Source: the JSON files of labelme 3 to 5 and the pixels that its exporters make of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.figures import FIGURES, figure
from maskloom.core.fill import MAX_COORDINATE
from maskloom.core.labels import RowKind
from maskloom.core.masks import Masks
from maskloom.errors import FormatError, MaskError
from maskloom.formats.labelme.attributes import read_attributes
from maskloom.formats.shared.png_crops import pixels_of, text_bytes
from maskloom.formats.shared.shapes import Shape, checked_vertices, score_of
from maskloom.formats.tags import tags_of_pairs

HOLES = "_background_"
"""Where shapes that are holes are kept in what is kept of a file."""
BACKGROUND, IGNORE = "_background_", "__ignore__"
POLYGON, RECTANGLE, CIRCLE, MASK = "pil-outline", "pil-rectangle", "pil-circle", "labelme-mask"
TURNED = "oriented_rectangle"
_RULES = {
    "polygon": POLYGON,
    TURNED: POLYGON,
    "rectangle": RECTANGLE,
    "circle": CIRCLE,
    "mask": MASK,
}
_DRAWN = {
    "line": (RowKind.LINE, "line", 2),
    "linestrip": (RowKind.LINE, "line", 2),
    "point": (RowKind.POINT, "point", 1),
    "points": (RowKind.POINT, "point", 1),
}
_LEAST = {"polygon": 3, TURNED: 3, "rectangle": 2, "circle": 2, "mask": 2}
OWN = frozenset(
    {"label", "points", "group_id", "shape_type", "flags", "attributes", "score", "mask", "kind"}
)
"""Fields of a shape that are read; others are kept for LabelMe."""
KEPT = frozenset({"shape_type", "group_id"})
"""Those of them that are kept, too."""


@dataclass(frozen=True, slots=True)
class LabelMeFile:
    """One parsed file.

    Args:
        path: of the JSON file.
        image_path: of its image, verbatim.
        size: (H, W) if it says so.
        shapes: with categories; masks are crops, still without a frame.
        crops: position of a shape → x, y and the pixels of its mask.
        extra: flags, version and fields that are not interpreted.
        embedded: it holds its image, too.
    """

    path: Path
    image_path: str
    size: tuple[int, int] | None
    shapes: tuple[Shape, ...]
    crops: Mapping[int, tuple[int, int, Masks]]
    extra: Mapping[str, Any]
    embedded: bool

    def shapes_in(self, size: tuple[int, int]) -> list[Shape]:
        """The shapes in a frame (H, W), holes cut out."""
        out: list[Shape] = []
        for i, shape in enumerate(self.shapes):
            placed = shape
            if i in self.crops:
                x, y, crop = self.crops[i]
                mask = crop.place(x, y, size)
                if (lost := int(crop.areas[0] - mask.areas[0])) > 0:
                    raise FormatError(
                        f"a mask lies outside of the image, with {lost} px",
                        where=shape.where,
                        seen=f"its corner at x={x}, y={y}; image {size[1]} × {size[0]} px",
                        hint="pair the file with its own image, or cut the mask off in LabelMe",
                    )
                placed = replace(shape, mask=mask, vertices=(), rule="")
            elif shape.rule in FIGURES:
                placed = replace(shape, mask=_painted(shape, size))
            if shape.category == BACKGROUND and shape.kind == RowKind.MASK:
                _cut(out, placed, size)
            elif shape.category != BACKGROUND:
                out.append(placed)
        return out


def parse_file(
    path: Path, data: object, *, boxes: bool, refuse: Callable[[FormatError], None]
) -> LabelMeFile:
    """Check a parsed JSON file.

    Args:
        path: for messages.
        data: its content.
        boxes: rectangles are boxes, not areas.
        refuse: what happens to an invalid shape, which is left out if this returns.

    Raises:
        FormatError: not a LabelMe file, or what `refuse` raises.
    """
    if not isinstance(data, dict) or not isinstance(data.get("shapes"), list):
        raise FormatError('not a LabelMe file: no list "shapes"', where=path)
    name = data.get("imagePath")
    if not isinstance(name, str) or not name:
        raise FormatError("imagePath is no file name", where=path, seen=name)
    shapes: list[Shape] = []
    entries: list[Mapping[str, Any]] = []
    crops: dict[int, tuple[int, int, Masks]] = {}
    for i, entry in enumerate(data["shapes"]):
        try:
            shape, crop = _shape(entry, f"{path}: shape {i}", boxes=boxes)
        except FormatError as error:
            refuse(error)
            continue
        if crop is not None:
            crops[len(shapes)] = crop
        shapes.append(shape)
        entries.append(entry)
    known = ("shapes", "imagePath", "imageData", "imageHeight", "imageWidth")
    return LabelMeFile(
        path,
        name,
        _size(data, path),
        tuple(shapes),
        crops,
        {k: v for k, v in data.items() if k not in known} | _holes(entries),
        bool(data.get("imageData")),
    )


def _holes(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Shapes that are holes, and the figures before them that they may cut, as they were."""
    at = {i for i, entry in enumerate(entries) if entry["label"] == BACKGROUND}
    kept: dict[str, Any] = {}
    for i, entry in enumerate(entries[: max(at, default=-1) + 1]):
        kind = entry.get("shape_type") or "polygon"
        if i in at:
            kept[str(i)] = dict(entry)
        elif kind in _RULES:
            kept[str(i)] = {name: entry.get(name) for name in ("points", "mask")}
            kept[str(i)]["shape_type"] = kind
    return {HOLES: kept} if kept else {}


def tags_of(own: Mapping[str, Any]) -> dict[str, str]:
    """Tags of the image: its flags, true or false.

    Args:
        own: what is kept of a file.
    """
    flags = own.get("flags")
    return tags_of_pairs(flags.items()) if isinstance(flags, dict) else {}


def _size(data: Mapping[str, Any], path: Path) -> tuple[int, int] | None:
    height, width = data.get("imageHeight"), data.get("imageWidth")
    if height is None and width is None:
        return None
    if type(height) is int and type(width) is int and min(height, width) > 0:
        return height, width
    raise FormatError(
        "imageHeight and imageWidth are positive whole numbers", where=path, seen=[height, width]
    )


def _shape(
    entry: object, where: str, *, boxes: bool
) -> tuple[Shape, tuple[int, int, Masks] | None]:
    if not isinstance(entry, dict):
        raise FormatError("a shape is an object", where=where, seen=entry)
    label = entry.get("label")
    if not isinstance(label, str) or not label:
        raise FormatError("a shape without a label", where=where, seen=label)
    where = f"{where}, {label}"
    kind = entry.get("shape_type") or "polygon"
    if not isinstance(kind, str) or (kind not in _RULES and kind not in _DRAWN):
        known = ", ".join([*_RULES, *_DRAWN])
        raise FormatError(
            "an unknown shape_type", where=where, seen=kind, hint=f"known are {known}"
        )
    group = entry.get("group_id")
    if group is not None and type(group) is not int:
        raise FormatError("group_id is a whole number or null", where=where, seen=group)
    least = _LEAST.get(kind) or _DRAWN[kind][2]
    points = checked_vertices(entry.get("points"), f"{where}: points", least=least)
    if (np.abs(points) > MAX_COORDINATE).any():
        raise FormatError("a vertex lies beyond 2**24 px", where=where, seen=points.tolist())
    if kind in ("rectangle", "circle", "mask") and len(points) != 2:
        raise FormatError(f"a {kind} has two points", where=where, seen=points.tolist())
    attributes, divided = read_attributes(entry, where)
    own = {k: v for k, v in entry.items() if k not in OWN}
    shape = Shape(
        label,
        where,
        vertices=(points,),
        rule=_RULES.get(kind, ""),
        instance=None if group is None else (label, group),
        number=group,
        score=score_of(entry, where),
        attributes=attributes,
        source=own | divided | ({} if group is None else {"group_id": group}),
    )
    if kind == TURNED:
        # An area like any polygon, but LabelMe turns it as a whole.
        shape = replace(shape, source={**shape.source, "shape_type": kind})
    if kind in _DRAWN:
        drawn, rule, _ = _DRAWN[kind]
        told = {} if kind == type_of(drawn, len(points)) else {"shape_type": kind}
        return replace(shape, kind=drawn, rule=rule, source={**shape.source, **told}), None
    if kind == "rectangle" and (boxes or entry.get("kind") == "box"):
        low, high = points.min(axis=0), points.max(axis=0)
        corners = (np.array([low, high]),)
        source = {**shape.source, "bbox": [*low.tolist(), *(high - low).tolist()]}
        return replace(shape, kind=RowKind.BOX, vertices=corners, rule="box", source=source), None
    return shape, _crop(entry, points, where) if kind == "mask" else None


def type_of(kind: int, count: int) -> str:
    """The shape_type of a line or of points that are so many."""
    if kind == RowKind.POINT:
        return "point" if count == 1 else "points"
    return "line" if count == 2 else "linestrip"


def _crop(
    entry: Mapping[str, Any], points: NDArray[np.float64], where: str
) -> tuple[int, int, Masks]:
    """Corners are pixels, both inside; fractions, as some versions wrote, are rounded."""
    pixels = pixels_of(text_bytes(entry.get("mask"), f"{where}: mask"), f"{where}: mask")
    low, high = points
    sides = (high - low + 1).tolist()
    if (points % 1 == 0).all() and sides != [pixels.shape[1], pixels.shape[0]]:
        raise FormatError(
            f"the mask is {pixels.shape[1]} × {pixels.shape[0]} px, its corners say otherwise",
            where=where,
            seen=points.tolist(),
            hint="corners are the first and the last pixel",
        )
    x, y = np.rint(low).astype(int).tolist()
    return x, y, Masks.from_dense(pixels)


def _painted(shape: Shape, size: tuple[int, int]) -> Masks:
    try:
        return figure(shape.vertices[0], size, shape.rule)
    except MaskError as error:
        raise FormatError(error.what, where=shape.where, seen=error.seen) from error


def _cut(before: list[Shape], hole: Shape, size: tuple[int, int]) -> None:
    """Take a background shape out of the areas that stand before it."""
    gone = area_of(hole, size)
    for i, shape in enumerate(before):
        if shape.kind != RowKind.MASK:
            continue
        area = area_of(shape, size)
        left = area.difference(gone)
        whole = left == area
        before[i] = replace(
            shape,
            mask=left,
            vertices=shape.vertices if whole else (),
            rule=shape.rule if whole else "",
        )


def area_of(shape: Shape, size: tuple[int, int]) -> Masks:
    """The pixels of a shape that is an area."""
    if shape.mask is not None:
        return shape.mask
    try:
        return Masks.from_polygons([list(shape.vertices)], size, rule=shape.rule)
    except MaskError as error:
        raise FormatError(error.what, where=shape.where, seen=error.seen) from error


def listed_names(files: Sequence[LabelMeFile]) -> list[str]:
    """Labels of categories in order of their first mention."""
    names = (shape.category for file in files for shape in file.shapes)
    return [name for name in dict.fromkeys(names) if name != BACKGROUND]
