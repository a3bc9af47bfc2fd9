"""VGG Image Annotator (VIA): JSON of versions 1, 2 and 3; images lie beside, or in `images`.

Files are `files.py`, regions `shapes.py`, writing (version 2) is `write.py`. VIA knows
neither classes nor sizes of images: a region attribute is the class, the image tells its size.

Source: robots.ox.ac.uk/~vgg/software/via.
"""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError, UsageError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.coco.file import json_ends
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.shared.class_names import some_name
from maskloom.formats.shared.documents import (
    Document,
    Entries,
    dataset_of_documents,
    taxonomy_of_names,
    with_names,
)
from maskloom.formats.shared.folders import SIDE_FILE, is_marked, read_json, read_side_file
from maskloom.formats.shared.json_files import (
    files_like,
    keys_of_names,
    placed_name,
    some_look_like,
)
from maskloom.formats.shared.shapes import Shape
from maskloom.formats.shared.told_splits import split_finder, with_told_splits
from maskloom.formats.via import write as via_write
from maskloom.formats.via.classes import UNNAMED, attributes_in, category_of, spelled_alike
from maskloom.formats.via.files import ViaFile, ViaImage, looks_like_via, parse_file, tags_of
from maskloom.formats.via.shapes import SKIMAGE, Rectangles, Rule, shape_of
from maskloom.store.files import stays_below

LOOKS_FOR = 'JSON of the VGG Image Annotator ("_via_img_metadata", "regions", "loc_prefix")'
_CLASS_NAMES = ("class", "category", "label", "name", "type", "object")


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read VIA."""

    category: str | None = field(
        default=None,
        metadata={"help": "region attribute that is the class; class, label, ... or the only one"},
    )
    name: str = field(
        default=UNNAMED, metadata={"help": "class of regions that the attribute gives none"}
    )
    rule: Rule | None = field(
        default=None,
        metadata={"help": "what fills polygons; skimage unless maskloom wrote them for another"},
    )
    rectangles: Rectangles = field(
        default="box", metadata={"help": "what rectangles are: box, or mask"}
    )


def detect(path: Path) -> float:
    """Known by the keys of its JSON, or by the side file."""
    if path.is_file():
        return 0.9 if path.suffix.lower() == ".json" and looks_like_via(json_ends(path)) else 0.0
    if not path.is_dir():
        return 0.0
    if is_marked(path, '"kind": "via"'):
        return 1.0
    return 0.85 if some_look_like(path, looks_like_via) else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of one JSON file or of all in a folder.

    Raises:
        FormatError: no VIA files, one that is invalid, or two that tell of one image.
    """
    found = files_like(path, looks_like_via)
    if not found:
        raise FormatError("no VIA files", where=path, hint=LOOKS_FOR)
    root = path if path.is_dir() else path.parent
    side = read_side_file(root)
    files = {key: parse_file(file, read_json(file)) for key, file in found.items()}
    attribute, notes = _class_attribute(files, options, side)
    names, alike = _names(files, attribute, options)
    notes += alike
    taxonomy = (
        with_names(Taxonomy.from_json(side, where=root / SIDE_FILE), names)
        if side
        else taxonomy_of_names(names, fmt="via")
    )
    if left := sum(file.left_out for file in files.values()):
        notes.append(f"{left} regions of video, audio or several files are left out")
    project = next((dict(f.project) for f in files.values() if f.project), {})
    dataset = dataset_of_documents(
        _documents(files, options, side, images or root, attribute),
        taxonomy,
        path,
        images,
        fmt="via",
        warnings=notes,
        extra={"via": {"attribute": attribute, "project": project}},
        skip_bad=options.skip_bad,
    )
    return with_told_splits(dataset, side)


def _regions(files: Mapping[str, ViaFile]) -> list[tuple[str, Any]]:
    return [
        (f"{file.path}: {image.name}: region {i}", region)
        for file in files.values()
        for image in file.images
        for i, region in enumerate(image.regions)
    ]


def _class_attribute(
    files: Mapping[str, ViaFile], options: Read, side: Mapping[str, Any]
) -> tuple[str | None, list[str]]:
    """The attribute that is the class, and what to say where none was found."""
    counts: Counter[str] = Counter()
    for _, region in _regions(files):
        own = region.get("region_attributes") if isinstance(region, dict) else None
        counts.update(list(own) if isinstance(own, dict) else ())
    if options.category is not None:
        if options.category not in counts:
            raise UsageError(
                "no region has this attribute",
                where="--set from.category",
                seen=options.category,
                hint=f"known are {', '.join(sorted(counts)) or 'none'}",
            )
        return options.category, []
    if (told := side.get("attribute")) is not None:
        return str(told), []
    known = [name for name in counts if name.lower() in _CLASS_NAMES]
    known.sort(key=lambda name: _CLASS_NAMES.index(name.lower()))
    if known or len(counts) == 1:
        return (known or list(counts))[0], []
    if not counts:
        return None, []
    listed = ", ".join(sorted(counts))
    return None, [
        f"all regions are {options.name!r}: none of their attributes ({listed}) is named like a "
        "class; --set from.category=ATTRIBUTE names it"
    ]


def _names(
    files: Mapping[str, ViaFile], attribute: str | None, options: Read
) -> tuple[list[str], list[str]]:
    """Classes of all regions, and what to say of those that several values mean."""
    names: list[str] = []
    spellings: dict[str, set[str]] = {}
    for where, region in _regions(files):
        if not isinstance(region, dict):
            continue
        try:
            name = category_of(region, attribute, where)
        except FormatError:
            if not options.skip_bad:
                raise
            continue
        names.append(name or options.name)
        value = None if attribute is None else attributes_in(region, where).get(attribute)
        if name and not isinstance(value, dict):
            spellings.setdefault(name, set()).add(json.dumps(value, ensure_ascii=False))
    return names, spelled_alike(spellings)


def _documents(
    files: Mapping[str, ViaFile],
    options: Read,
    side: Mapping[str, Any],
    root: Path,
    attribute: str | None,
) -> list[Document]:
    listed: list[tuple[ViaFile, ViaImage, str]] = []
    for key, file in files.items():
        listed += [(file, image, placed_name(key, image.name, root)) for image in file.images]
    names = [name for *_, name in listed]
    if len(set(names)) < len(names):
        twice = next(i for i, name in enumerate(names) if name in names[:i])
        raise FormatError(
            "two files tell of one image",
            where=listed[twice][0].path,
            seen=names[twice],
            hint="open one of them alone",
        )
    keys = keys_of_names(names)
    split = split_finder(side)
    sizes = dict(side.get("sizes", {}))
    rule = options.rule or side.get("rule", SKIMAGE)
    documents = []
    for (file, image, name), key in zip(listed, keys, strict=True):
        make = _Maker(f"{file.path}: {image.name}", attribute, rule, options)
        told = sizes.get(key)
        documents.append(
            Document(
                name,
                file.path,
                Entries(list(enumerate(image.regions)), make),
                (int(told[0]), int(told[1])) if told else None,
                split(key),
                key if stays_below(posixpath.normpath(name)) else "",
                extra=image.extra,
                tags=tags_of(image.extra),
            )
        )
    return documents


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes shapes of the regions of one image."""

    where: str
    category: str | None
    rule: Rule
    options: Read

    def __call__(self, entry: tuple[int, object], size: tuple[int, int]) -> Shape:
        number, region = entry
        return shape_of(
            region,
            size,
            category=self.category,
            other=self.options.name,
            rule=self.rule,
            rectangles=self.options.rectangles,
            where=f"{self.where}: region {number}",
        )


FORMAT = Format(
    "via",
    "VGG Image Annotator JSON (VIA 1, 2, 3): polygons, circles, attributes",
    via_write.HOLDS,
    LOOKS_FOR,
    Read,
    via_write.Write,
    detect,
    read,
    via_write.writer,
    kept=Kept(
        ("via",),
        Facts(notes=("via.size", "via.file_attributes"), opened=("via",)),
        Facts(
            notes=("via.attribute", "via.project._via_data_format_version"),
            opened=("via", "via.project"),
        ),
    ),
    names=some_name,
)
