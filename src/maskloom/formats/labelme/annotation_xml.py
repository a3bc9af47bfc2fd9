"""The XML files of LabelMe's old web tool: polygons, masks in PNG files, parts. Read only.

`Annotations/FOLDER/NAME.xml` tells of `Images/FOLDER/NAME.jpg` and `Masks/FOLDER/*.png`. Objects
that were deleted are left out and counted. Polygons are filled as those of LabelMe's JSON.

Source: Russell, Torralba, Murphy, Freeman, LabelMe: a database and web-based tool for image
annotation, IJCV 2008, and files of the tool.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import RowKind
from maskloom.core.masks import Masks
from maskloom.errors import FormatError
from maskloom.formats.labelme.annotation_json import POLYGON
from maskloom.formats.shared.documents import Document, dataset_of_documents, taxonomy_of_names
from maskloom.formats.shared.folders import list_files
from maskloom.formats.shared.json_files import split_of
from maskloom.formats.shared.left_out import left_out
from maskloom.formats.shared.png_crops import pixels_of
from maskloom.formats.shared.safe_xml import Bounds, Element, read_xml_tree
from maskloom.formats.shared.shapes import Shape, checked_vertices
from maskloom.store.files import safe_join
from maskloom.work.progress import track

_BOUNDS = Bounds(1 << 26, elements=2_000_000)
# VOC of other tools has polygons, too, but none of <pt>.
_MARKS = (b"<pt>", b"<segm>", b"<imagesize", b"LabelMe Webtool")
_OWN = ("name", "deleted", "occluded", "attributes", "parts", "id", "polygon", "segm", "type")
_PLACES = ("filename", "folder", "imagesize", "object")
_LOOKED_AT = 4


@dataclass(frozen=True, slots=True)
class _File:
    """One parsed annotation: image, (H, W) if told, objects, how many were deleted, the rest."""

    key: str
    path: Path
    image: str
    size: tuple[int, int] | None
    shapes: Sequence[tuple[Shape, str]]
    deleted: int
    extra: Mapping[str, Any]

    def shapes_in(self, size: tuple[int, int]) -> list[Shape]:
        """The shapes in a frame (H, W); masks are read now."""
        return [self._placed(shape, mask, size) for shape, mask in self.shapes]

    def _placed(self, shape: Shape, mask: str, size: tuple[int, int]) -> Shape:
        if not mask:
            return shape
        root = next(p.parent for p in self.path.parents if p.name.lower() == "annotations")
        file = safe_join(root / "Masks", (Path(self.key).parent / mask).as_posix())
        try:
            pixels = pixels_of(file.read_bytes(), str(file))
        except OSError as error:
            raise FormatError(
                "the mask of an object cannot be read", where=shape.where, seen=error
            ) from error
        if pixels.shape != size:
            raise FormatError(
                f"the mask is {pixels.shape[1]} × {pixels.shape[0]} px, its image "
                f"{size[1]} × {size[0]} px",
                where=file,
            )
        return replace(shape, mask=Masks.from_dense(pixels))


def looks_like_xml(path: Path) -> bool:
    """Whether one of the first XML files of `Annotations` has elements that only LabelMe has."""
    folder = path / "Annotations"
    if not folder.is_dir():
        return False
    for file in itertools.islice(_xml_below(folder), _LOOKED_AT):
        with file.open("rb") as opened:
            head = opened.read(1 << 14)
        if b"<bndbox" in head:  # VOC's
            return False
        if b"<annotation" in head and any(mark in head for mark in _MARKS):
            return True
    return False


def xml_dataset(
    path: Path, rectangles: Literal["mask", "box"], images: Path | None, *, skip_bad: bool
) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: an annotation is invalid.
    """
    files: list[_File] = []
    bad: list[str] = []
    found = list_files(path / "Annotations", (".xml",))
    for key, file in track(list(found.items()), "reading annotations", unit="files"):
        try:
            files.append(_parsed(key, file, boxes=rectangles == "box"))
        except FormatError as error:
            if not skip_bad:
                raise
            bad.append(error.message)
    notes = list(left_out(bad))
    if deleted := sum(file.deleted for file in files):
        notes.append(f"{deleted} objects were deleted by their author and are left out")
    names = (shape.category for file in files for shape, _ in file.shapes)
    known = list_files(images or path / "Images")
    documents = [
        Document(
            file.image,
            file.path,
            file.shapes_in,
            file.size,
            split_of(file.key),
            file.key,
            image=known.get(file.key),
            extra=file.extra,
        )
        for file in files
    ]
    taxonomy = taxonomy_of_names(names, fmt="labelme")
    return dataset_of_documents(documents, taxonomy, path, images, fmt="labelme", warnings=notes)


def _xml_below(folder: Path) -> Iterable[Path]:
    for parent, subfolders, names in os.walk(folder):
        subfolders.sort()
        for name in sorted(names):
            if name.lower().endswith(".xml"):
                yield Path(parent, name)


def _parsed(key: str, path: Path, *, boxes: bool) -> _File:
    root = read_xml_tree(path, _BOUNDS)
    if root.tag != "annotation":
        raise FormatError("not a LabelMe annotation", where=path, seen=f"<{root.tag}>")
    listed = [child for child in root.children if child.tag == "object"]
    kept = [one for one in listed if one.text_of("deleted") != "1"]
    shapes = [_shape(one, f"{path}: object {i}", boxes=boxes) for i, one in enumerate(kept)]
    name = Path(root.text_of("filename").replace("\\", "/")).name or f"{Path(key).name}.jpg"
    image = (Path(key).parent / name).as_posix()
    return _File(
        key, path, image, _size(root, path), shapes, len(listed) - len(kept), _fields(root)
    )


def _fields(root: Element) -> dict[str, Any]:
    """What a file says of the image besides its place and size: scene, source."""
    listed = (child for child in root.children if child.tag not in _PLACES)
    return {one.tag: said for one in listed if (said := _said(one))}


def _said(element: Element) -> Any:
    """The text of an element, or of those in it by name."""
    inner = {one.tag: said for one in element.children if (said := _said(one))}
    return inner or element.text.strip()


def _size(root: Element, path: Path) -> tuple[int, int] | None:
    element = root.child("imagesize")
    if element is None:
        return None
    texts = [element.text_of("nrows"), element.text_of("ncols")]
    if not all(re.fullmatch(r"\d{1,9}", text) for text in texts):
        raise FormatError("a size is not two whole numbers", where=path, seen=texts)
    height, width = map(int, texts)
    return (height, width) if height and width else None


def _shape(element: Element, where: str, *, boxes: bool) -> tuple[Shape, str]:
    """The shape, and the file of its mask if it has one."""
    name = element.text_of("name")
    if not name:
        raise FormatError("an object without a name", where=where)
    where = f"{where}, {name}"
    number = element.text_of("id")
    drawn = element.child("segm") or element.child("polygon")
    if drawn is None:
        raise FormatError("an object without polygon or segm", where=where)
    source: dict[str, Any] = {
        child.tag: child.text
        for child in element.children
        if child.tag not in _OWN and child.text and not child.children
    }
    shape = Shape(
        name,
        where,
        instance=number or None,
        number=int(number) + 1 if number.isdigit() else None,
        parent=_parent(element),
        attributes=_attributes(element),
        source=source | ({"username": user} if (user := drawn.text_of("username")) else {}),
    )
    if drawn.tag == "segm":
        mask = drawn.text_of("mask")
        if not mask:
            raise FormatError("a segm without a mask", where=where)
        return shape, mask
    points = [
        [_number(pt, side, where) for side in ("x", "y")] for pt in drawn.children if pt.tag == "pt"
    ]
    vertices = checked_vertices(points, f"{where}: polygon")
    if boxes and element.text_of("type") == "bounding_box":
        corners = np.array([vertices.min(axis=0), vertices.max(axis=0)])
        return replace(shape, kind=RowKind.BOX, vertices=(corners,), rule="box"), ""
    return replace(shape, vertices=(vertices,), rule=POLYGON), ""


def _number(point: Element, side: str, where: str) -> float:
    text = point.text_of(side)
    try:
        return float(text)
    except ValueError:
        raise FormatError(f"{side} of a point is not a number", where=where, seen=text) from None


def _parent(element: Element) -> str | None:
    parts = element.child("parts")
    return (parts.text_of("ispartof").split(",")[0].strip() or None) if parts is not None else None


def _attributes(element: Element) -> dict[str, Any]:
    """`occluded`, and the words of <attributes>, which commas part; NAME=VALUE has a value."""
    out: dict[str, Any] = {}
    occluded = element.text_of("occluded")
    if occluded:
        out["occluded"] = occluded == "yes"
    for word in element.text_of("attributes").split(","):
        name, has_value, value = word.strip().partition("=")
        if name:
            out[name] = value if has_value else True
    return out
