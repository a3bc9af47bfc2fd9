"""Supervisely projects of images: meta.json, DATASET/ann/NAME.json and DATASET/img/NAME.

Objects are `objects.py`, writing is `write.py`. Annotations are parsed when
their labels are asked for, so that packed bitmaps of a project are never in memory at once.

Source: developer.supervisely.com, annotation format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maskloom.core.category_names import unique_keys
from maskloom.core.dataset import Dataset
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.coco.file import json_ends
from maskloom.formats.kept import Facts, Kept, unread_note
from maskloom.formats.shared.class_names import some_name
from maskloom.formats.shared.documents import Document, Entries, dataset_of_documents, with_names
from maskloom.formats.shared.folders import SIDE_FILE, read_json, read_side_file
from maskloom.formats.shared.left_out import left_out
from maskloom.formats.shared.shapes import Shape
from maskloom.formats.shared.told_splits import split_finder, with_told_splits
from maskloom.formats.supervisely import write as supervisely_write
from maskloom.formats.supervisely.objects import (
    GEOMETRIES,
    Rectangles,
    attributes_of_tags,
    shape_of,
    tags_of,
    title_of,
)
from maskloom.formats.supervisely.places import META, Place, annotation_files, places, root_of
from maskloom.formats.supervisely.unread import KEPT, is_unread, unread_kinds
from maskloom.work.progress import track

LOOKS_FOR = 'meta.json with "classes" and "tags", beside DATASET/ann/*.json'


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read Supervisely."""

    rectangles: Rectangles = field(
        default="box", metadata={"help": "what rectangles are: box, or mask"}
    )


def detect(path: Path) -> float:
    """Known by meta.json above folders of annotations."""
    if not path.is_dir():
        return 0.0
    meta = root_of(path) / META
    text = json_ends(meta) if meta.is_file() else ""
    named = all(re.search(rf'"{name}"\s*:\s*\[', text) for name in ("classes", "tags"))
    return 0.95 if named and next(annotation_files(path), None) is not None else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a project, or of one data set in it.

    Raises:
        FormatError: no meta.json, a project of videos or volumes, or an annotation that is invalid.
    """
    root = root_of(path)
    if not path.is_dir() or not (root / META).is_file():
        raise FormatError("no Supervisely project", where=path, hint=LOOKS_FOR)
    meta = _checked_meta(read_json(root / META), root / META)
    side = read_side_file(root)
    found = places(path, root, str(side.get("plain", "")), images)
    titles = {c["id"]: c["title"] for c in meta["classes"] if type(c.get("id")) is int}
    split = split_finder(side)
    names = frozenset(one["title"] for one in meta["classes"])
    documents: list[Document] = []
    bad: list[str] = []
    for place in track(found, "reading annotations", unit="files"):
        try:
            document = _document(place, titles, names, options)
        except FormatError as error:
            if not options.skip_bad:
                raise
            bad.append(error.message)
            continue
        documents.append(replace(document, split=split(place.key)))
    unread = (kind for one in documents for kind in unread_kinds(one.extra))
    notes = [*left_out(bad), *unread_note(unread, "supervisely")]
    dataset = dataset_of_documents(
        documents,
        _taxonomy(meta, side, root),
        path,
        images,
        fmt="supervisely",
        warnings=notes,
        extra={"supervisely": meta},
        skip_bad=options.skip_bad,
    )
    return with_told_splits(dataset, side)


def _checked_meta(meta: object, where: Path) -> dict[str, Any]:
    if not isinstance(meta, dict):
        raise FormatError("meta.json is an object", where=where, seen=type(meta).__name__)
    kind = meta.get("projectType", "images")
    if kind != "images":
        raise FormatError("not a project of images", where=where, seen=kind)
    for name, key in (("classes", "title"), ("tags", "name")):
        listed = meta.get(name, [])
        good = isinstance(listed, list) and all(
            isinstance(one, dict) and isinstance(one.get(key), str) and one[key] for one in listed
        )
        if not good:
            raise FormatError(f"{name} are a list of objects with a {key}", where=where)
    classes = meta.get("classes", [])
    if len({one["title"] for one in classes}) < len(classes):
        raise FormatError("two classes share a title", where=where)
    return {**meta, "classes": classes, "tags": meta.get("tags", [])}


def _taxonomy(meta: Mapping[str, Any], side: Mapping[str, Any], root: Path) -> Taxonomy:
    names = [one["title"] for one in meta["classes"]]
    if side:
        return with_names(Taxonomy.from_json(side, where=root / SIDE_FILE), names)
    return Taxonomy(
        tuple(
            Category(
                key,
                one["title"],
                color=_color(one.get("color")),
                ids=(("supervisely", one["id"]),) if type(one.get("id")) is int else (),
            )
            for key, one in zip(unique_keys(names), meta["classes"], strict=True)
        )
    )


def _color(text: object) -> tuple[int, int, int] | None:
    if not isinstance(text, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return None
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _document(
    place: Place, titles: Mapping[int, str], names: Collection[str], options: Read
) -> Document:
    head, objects = _annotation(place.path)
    unread = []
    for i, entry in objects:
        try:
            title = title_of(entry, titles, f"{place.path}: object {i}")
        except FormatError:
            if not options.skip_bad:
                raise
            continue
        if is_unread(entry, GEOMETRIES) and title in names:
            unread.append([i, entry])
    kept = {i for i, _ in unread}
    make = _maker(place.path, titles, options.rectangles)

    def readable(objects: list[tuple[int, Any]]) -> Entries:
        return Entries([one for one in objects if one[0] not in kept], make)

    def shapes(size: tuple[int, int]) -> list[Shape]:
        return readable(_annotation(place.path)[1])(size)

    size = head["size"]
    extra = {k: v for k, v in head.items() if k != "size"}
    return Document(
        place.name,
        place.path,
        readable(objects) if options.skip_bad else shapes,
        None if size is None else (size["height"], size["width"]),
        key=place.key,
        image=place.image,
        extra=extra | ({KEPT: unread} if unread else {}),
        tags=tags_of(head),
    )


def _maker(
    path: Path, titles: Mapping[int, str], rectangles: Rectangles
) -> Callable[[tuple[int, object], tuple[int, int]], Shape]:
    def make(entry: tuple[int, object], size: tuple[int, int]) -> Shape:
        where = f"{path}: object {entry[0]}"
        return shape_of(entry[1], size, titles=titles, rectangles=rectangles, where=where)

    return make


def _annotation(path: Path) -> tuple[dict[str, Any], list[tuple[int, Any]]]:
    """What a file says of the image, and its numbered objects; their ids are checked.

    Raises:
        FormatError: it is no annotation, its tags are none, or two objects share an id.
    """
    data = read_json(path)
    if not isinstance(data, dict) or not isinstance(data.get("objects"), list):
        raise FormatError('not an annotation: no list "objects"', where=path)
    size = data.get("size")
    if size is not None:
        sides = [size.get(n) for n in ("height", "width")] if isinstance(size, dict) else []
        if len(sides) != 2 or not all(type(v) is int and 0 < v < 2**31 for v in sides):
            raise FormatError("a size is a height and a width", where=path, seen=size)
    attributes_of_tags(data.get("tags"), str(path))
    ids = [entry.get("id") for entry in data["objects"] if isinstance(entry, dict)]
    told = [own for own in ids if own is not None]
    if len(set(map(str, told))) < len(told):
        twice = next(own for i, own in enumerate(told) if str(own) in map(str, told[:i]))
        raise FormatError("two objects share an id", where=path, seen=twice)
    head = {k: v for k, v in data.items() if k != "objects"}
    return {**head, "size": size}, list(enumerate(data["objects"]))


FORMAT = Format(
    "supervisely",
    "Supervisely project: meta.json, ann/*.json (bitmaps, polygons with holes, tags), img",
    supervisely_write.HOLDS,
    LOOKS_FOR,
    Read,
    supervisely_write.Write,
    detect,
    read,
    supervisely_write.writer,
    kept=Kept(
        ("supervisely",),
        Facts(
            notes=("supervisely.tags", f"supervisely.{KEPT}"),
            opened=("supervisely",),
            unread=unread_kinds,
        ),
        # Titles, colours and ids are the taxonomy's; what tags may say is not.
        Facts(
            notes=("supervisely.projectType", "supervisely.classes", "supervisely.tags"),
            opened=("supervisely",),
            more=lambda meta: ["definitions of tags"] if meta.get("tags") else [],
        ),
    ),
    names=some_name,
)
