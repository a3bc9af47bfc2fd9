"""Datumaro JSON: annotations/SPLIT.json with images/SPLIT, of old and current versions.

Annotations are `shapes.py`, categories `labels.py`, labels of whole images
`tags.py`, writing `write.py`. Cuboids are kept for Datumaro alone.

Source: open-edge-platform/datumaro, plugins/data_formats/datumaro (MIT).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.coco.check import is_id
from maskloom.formats.coco.file import json_ends
from maskloom.formats.coco.images import data_root
from maskloom.formats.datumaro import write as datumaro_write
from maskloom.formats.datumaro.again import listed_once
from maskloom.formats.datumaro.labels import names_of, taxonomy_of
from maskloom.formats.datumaro.shapes import SHAPES, UNLABELLED, Entry, shape_of
from maskloom.formats.datumaro.tags import further_fields, tags_of, unread_of
from maskloom.formats.datumaro.write import PLAIN
from maskloom.formats.kept import Facts, Kept, unread_note
from maskloom.formats.shared.class_names import some_name
from maskloom.formats.shared.documents import Document, Entries, dataset_of_documents, with_names
from maskloom.formats.shared.folders import SIDE_FILE, read_side_file
from maskloom.formats.shared.json_files import strict_json
from maskloom.formats.shared.memberships import with_more, with_side_splits
from maskloom.store.files import stays_below

LOOKS_FOR = 'annotations/SPLIT.json with "categories" and "items" of Datumaro'
_MAX_SIDE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read Datumaro JSON."""


@dataclass(frozen=True, slots=True)
class _File:
    """One parsed file."""

    path: Path
    data: Mapping[str, Any]

    @property
    def subset(self) -> str:
        return self.path.stem


def detect(path: Path) -> float:
    """Known by the keys of its JSON."""
    if path.is_file():
        return 1.0 if path.suffix.lower() == ".json" and _is_datumaro(path) else 0.0
    return 0.97 if any(map(_is_datumaro, _files(path))) else 0.0


def _files(folder: Path) -> list[Path]:
    below = folder / "annotations"
    listed = (p for p in (below if below.is_dir() else folder).iterdir() if p.is_file())
    return sorted(p for p in listed if p.suffix.lower() == ".json" and not p.name.startswith("."))


def _is_datumaro(path: Path) -> bool:
    text = json_ends(path)
    if not text.startswith("{"):
        return False
    return bool(re.search(r'"categories"\s*:\s*\{', text) and re.search(r'"items"\s*:\s*\[', text))


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a file or of a folder.

    Raises:
        FormatError: nothing to read, or what is read is invalid.
    """
    paths = [path] if path.is_file() else [p for p in _files(path) if _is_datumaro(p)]
    if not paths:
        raise FormatError("no Datumaro JSON", where=path, hint=LOOKS_FOR)
    files = [_File(p, _parsed(p)) for p in paths]
    root = data_root(path)
    documents: list[Document] = []
    others: list[str] = []
    for file in files:
        documents += _documents(file, root, images, others)
    documents, more = listed_once(documents)
    listed = [
        entry for d in documents if isinstance(d.shapes, Entries) for entry in d.shapes.listed
    ]
    used = {entry.name for entry in listed}
    taxonomy = taxonomy_of(
        [(f.path, f.data["categories"]) for f in files], unlabelled=UNLABELLED in used
    )
    side = {} if path.is_file() else read_side_file(path)
    if side:
        names = (name for one in taxonomy for name in (one.name, *one.aliases))
        taxonomy = with_names(Taxonomy.from_json(side, where=path / SIDE_FILE), names)
    heads = {
        f.subset: {k: v for k, v in f.data.items() if k not in ("categories", "items")}
        for f in files
    }
    extra = {"heads": heads, "categories": files[0].data["categories"]}
    dataset = dataset_of_documents(
        documents,
        taxonomy,
        root,
        images,
        fmt="datumaro",
        warnings=unread_note(others, "datumaro"),
        extra={"datumaro": extra},
        skip_bad=options.skip_bad,
    )
    if path.is_dir():
        more = {f.subset: [] for f in files if f.subset != PLAIN} | more
    return with_side_splits(with_more(dataset, more), side)


def _parsed(path: Path) -> dict[str, Any]:
    data = strict_json(path)
    for name, kind in (("categories", dict), ("items", list)):
        found = data.get(name) if isinstance(data, dict) else None
        if not isinstance(found, kind):
            raise FormatError(f'no "{name}"', where=path, seen=found, hint=LOOKS_FOR)
    for i, item in enumerate(data["items"]):
        if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not item["id"]:
            raise FormatError("an item has an id", where=f"{path}: items[{i}]", seen=item)
    return dict(data)


def _documents(
    file: _File, root: Path, images: Path | None, others: list[str]
) -> Iterator[Document]:
    names = names_of(file.data["categories"], file.path)
    for item in file.data["items"]:
        where = f"{file.path}: item {item['id']!r}"
        listed = item.get("annotations", [])
        if not isinstance(listed, list) or not all(
            isinstance(one, dict) and isinstance(one.get("type"), str) for one in listed
        ):
            raise FormatError("annotations are objects with a type", where=where, seen=listed)
        drawn = [one for one in listed if one["type"] in SHAPES]
        rest = [one for one in listed if one["type"] not in SHAPES]
        named = [_label_name(one, names) for one in rest]
        others += unread_of(rest)
        entries = [
            Entry(f"{where}, annotation {i} ({one['type']})", one, _name(one, names))
            for i, one in enumerate(drawn)
        ]
        picture = _picture(item)
        name = picture.get("path")
        name = name if isinstance(name, str) and name else f"{item['id']}.jpg"
        kept = {
            "item": {k: v for k, v in item.items() if k != "annotations"},
            "others": rest,
            "labels": named,
            "subset": file.subset,
        }
        yield Document(
            name,
            file.path,
            Entries(entries, shape_of),
            _size(picture.get("size"), where),
            file.subset if file.subset != PLAIN else None,
            item["id"] if stays_below(item["id"]) else "",
            image=None if images else _place(root, file.subset, name),
            extra=kept,
            tags=tags_of(kept),
        )


def _picture(item: Mapping[str, Any]) -> Mapping[str, Any]:
    found = (item.get(name) for name in ("image", "media"))
    return next((one for one in found if isinstance(one, dict)), {})


def _place(root: Path, subset: str, name: str) -> Path | None:
    """The image of an item: below images/SUBSET, or below images in old versions."""
    plain = name.replace("\\", "/")
    if not stays_below(plain):
        return None
    found = (root / "images" / part / plain for part in (subset, "."))
    try:
        return next((place for place in found if place.is_file()), None)
    except OSError:  # a name too long for the disk
        return None


def _size(size: object, where: str) -> tuple[int, int] | None:
    if size is None:
        return None
    sides = list(size) if isinstance(size, list) else []
    if len(sides) != 2 or not all(is_id(side) and 0 < side <= _MAX_SIDE for side in sides):
        raise FormatError("image.size is [height, width]", where=where, seen=size)
    return sides[0], sides[1]


def _label_name(said: Mapping[str, Any], names: list[str]) -> str:
    """The name of the label of what is no shape; "" where no label has its number."""
    name = _name(said, names)
    return name if name in names else ""


def _name(said: Mapping[str, Any], names: list[str]) -> str:
    number = said.get("label_id")
    if number is None:
        return UNLABELLED
    if isinstance(number, int) and is_id(number) and 0 <= number < len(names):
        return names[number]
    # Refused when labels are read, so that it can be left out.
    return f"label_id {number}"


FORMAT = Format(
    "datumaro",
    "Datumaro JSON: annotations/SPLIT.json with polygons, masks, boxes, lines, points",
    datumaro_write.HOLDS,
    LOOKS_FOR,
    Read,
    datumaro_write.Write,
    detect,
    read,
    datumaro_write.writer,
    kept=Kept(
        ("datumaro",),
        Facts(
            notes=(
                *(f"datumaro.{name}" for name in ("others", "labels", "subset")),
                *(f"datumaro.item.{name}" for name in ("id", "attr", "image", "media")),
            ),
            opened=("datumaro", "datumaro.item"),
            more=further_fields,
            unread=lambda own: unread_of(own.get("others", ())),
        ),
        # Names, parents and colours are the taxonomy's.
        Facts(
            notes=(
                "datumaro.heads.*.dm_format_version",
                "datumaro.heads.*.media_type",
                "datumaro.categories.mask",
                "datumaro.categories.label.labels",
            ),
            opened=(
                "datumaro",
                "datumaro.heads",
                "datumaro.heads.*",
                "datumaro.categories",
                "datumaro.categories.label",
            ),
        ),
    ),
    names=some_name,
)
