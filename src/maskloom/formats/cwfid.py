"""Crop/Weed Field Image Dataset: plants outlined in YAML, one file for each image. Read only.

`images/ID_image.png` with `annotations/ID_annotation.yaml`: polygons of the types crop and weed,
which hold the soil between leaves, too. `masks/ID_mask.png` says what is plant (0), and
`annotations/ID_annotation.png` is what of it lies in a polygon: the two may be read by `bitmap`.
A pixel is inside a polygon where its centre is: of six rules that fits these pictures best.

Source: Haug and Ostermann, A Crop/Weed Field Image Dataset, ECCV Workshops 2014; cwfid/dataset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.errors import DataError, FormatError
from maskloom.formats.base import Format, ReadOptions, WriteOptions, only_read
from maskloom.formats.loss import Holds
from maskloom.formats.shared.documents import (
    Document,
    Entries,
    dataset_of_documents,
    taxonomy_of_names,
)
from maskloom.formats.shared.folders import list_files
from maskloom.formats.shared.shapes import Shape, checked_vertices
from maskloom.formats.shared.yaml_files import read_yaml
from maskloom.store.files import stays_below

NAME = "cwfid"
ENDING = "_annotation"
LOOKS_FOR = "annotations/*_annotation.yaml of polygons, beside images"
_TYPES = ("crop", "weed")
_RULE = "centre"


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read CWFID: nothing to choose."""


def detect(path: Path) -> float:
    """Known by the first annotation file."""
    if not path.is_dir():
        return 0.0
    try:
        files = _files(path)
        return 0.95 if files and _is_one(read_yaml(next(iter(files.values())))) else 0.0
    except DataError:
        return 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no annotations, or a file that does not parse.
    """
    files = _files(path) if path.is_dir() else {}
    if not files:
        raise FormatError("no CWFID annotations", where=path, hint=f"looked for {LOOKS_FOR}")
    root = path if images is None else images
    documents, types = [], dict.fromkeys(_TYPES)
    for key, file in files.items():
        data = read_yaml(file)
        if not _is_one(data):
            raise FormatError(
                'no "filename" or list "annotation"', where=file, hint="is it of CWFID?"
            )
        for entry in data["annotation"]:
            if isinstance(entry, Mapping) and isinstance(entry.get("type"), str):
                types.setdefault(entry["type"])
        name = data["filename"]
        picture = root / "images" / name if stays_below(name) else None
        documents.append(
            Document(
                name,
                file,
                Entries(list(enumerate(data["annotation"])), partial(_shape, file=file)),
                key=key,
                image=picture if picture is not None and picture.is_file() else None,
            )
        )
    return dataset_of_documents(
        documents,
        taxonomy_of_names(types, fmt=NAME),
        path,
        images,
        fmt=NAME,
        skip_bad=options.skip_bad,
    )


def _files(path: Path) -> dict[str, Path]:
    """Key → annotation file."""
    folder = path / "annotations"
    return list_files(folder, (".yaml", ".yml"), ending=ENDING) if folder.is_dir() else {}


def _is_one(data: Mapping[str, Any]) -> bool:
    return isinstance(data.get("filename"), str) and isinstance(data.get("annotation"), list)


def _shape(entry: tuple[int, Any], size: tuple[int, int], *, file: Path) -> Shape:
    """One plant."""
    del size
    number, told = entry
    where = f"{file}: annotation[{number}]"
    points = told.get("points") if isinstance(told, Mapping) else None
    if not isinstance(told, Mapping) or not isinstance(told.get("type"), str):
        raise FormatError("a polygon without a type", where=where, seen=told)
    xs, ys = (points.get(c) for c in "xy") if isinstance(points, Mapping) else (None, None)
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
        raise FormatError("points are lists x and y of one length", where=where, seen=points)
    pairs = [list(pair) for pair in zip(xs, ys, strict=True)]
    return Shape(told["type"], where, vertices=(checked_vertices(pairs, where),), rule=_RULE)


FORMAT = Format(
    NAME,
    "CWFID: crops and weeds outlined in YAML (read only)",
    Holds(instances=True, overlap=True, drawings=True),
    LOOKS_FOR,
    Read,
    WriteOptions,
    detect,
    read,
    only_read(NAME),
    written=False,
)
