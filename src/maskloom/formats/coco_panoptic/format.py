"""COCO panoptic: a JSON file of segments and a folder of PNG maps of their ids.

A pixel's id is R + 256 G + 65536 B; 0 says nothing: such pixels lie outside the coverage, so
that they count nowhere and come back as 0. An image without an annotation is not labelled.
Checks of the JSON are `file.py`, decoding of maps is `maps.py`,
writing `write.py`.

Source: cocodataset.org/#format-data (4. Panoptic Segmentation), panopticapi `rgb2id`.
"""

from __future__ import annotations

import filecmp
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.coco.file import CocoFile, is_without_images
from maskloom.formats.coco.image_ids import ImageId
from maskloom.formats.coco.read import dataset_of
from maskloom.formats.coco_panoptic import write as coco_panoptic_write
from maskloom.formats.coco_panoptic.file import (
    PanopticFile,
    Segments,
    is_panoptic,
    read_panoptic_file,
)
from maskloom.formats.coco_panoptic.maps import labels_of_map, read_ids
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.shared.class_names import some_name
from maskloom.formats.shared.maps import check_size_of

_PLACES = ("annotations", ".")
LOOKS_FOR = 'a JSON file with "segments_info", beside a folder of PNG maps with its name'


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read COCO panoptic."""

    masks: Path | None = field(
        default=None,
        metadata={"help": "folder of the PNG maps; by default named as the JSON file"},
    )


def detect(path: Path) -> float:
    """Known by the keys of its JSON; in a folder instances go first."""
    if path.is_file():
        return 1.0 if path.suffix.lower() == ".json" and is_panoptic(path) else 0.0
    return 0.85 if _files(path) else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a JSON file or of a folder.

    Raises:
        FormatError: nothing to read, or what is read is invalid (see `coco_panoptic_file`).
    """
    listed: list[tuple[Path, str | None]] = [(path, None)] if path.is_file() else _files(path)
    if not listed:
        raise FormatError("no COCO panoptic file", where=path, hint=LOOKS_FOR)
    files = {
        file: read_panoptic_file(file, split, skip_bad=options.skip_bad) for file, split in listed
    }
    single = len(listed) == 1
    folders = {
        file: _map_folder(file, options.masks, single=single) if own.maps else file.with_suffix("")
        for file, own in files.items()
    }

    def decode(
        file: CocoFile[Segments], image_id: ImageId, positions: Mapping[int, int], sample: Sample
    ) -> Labels:
        own = files[file.path]
        annotation = own.maps.get(image_id)
        image = file.images[image_id]
        size = (int(image["height"]), int(image["width"]))
        check_size_of(file.path, size, sample)
        if annotation is None:
            nothing = Rows.make(Masks.empty(0, size), np.zeros(0, np.int32))
            return Labels(size, rows=nothing, coverage=Coverage(nothing=True))
        png = folders[file.path] / annotation["file_name"]
        ids = read_ids(png, size, f"{file.path}: image {image_id}")
        return labels_of_map(ids, own, image_id, positions, png=png, strict=not options.skip_bad)

    def alike(one: CocoFile[Segments], two: CocoFile[Segments], image: ImageId) -> bool:
        first, second = (files[file.path].maps.get(image) for file in (one, two))
        if first is None or second is None or first != second:
            return first is second
        if one.annotations[image] != two.annotations[image]:
            return False
        a, b = (folders[file.path] / first["file_name"] for file in (one, two))
        return a.is_file() and b.is_file() and filecmp.cmp(a, b, shallow=False)

    data = dataset_of([f.coco for f in files.values()], path, images, decode, alike)
    return replace(
        data,
        taxonomy=_colored(data.taxonomy, files),
        warnings=data.warnings + _unlabelled(files),
    )


def _files(folder: Path) -> list[tuple[Path, str | None]]:
    """Panoptic files of a folder with their splits, those that are named so first."""
    places = [
        [
            p
            for p in sorted((folder / place).glob("*"))
            if p.suffix.lower() == ".json" and not p.name.startswith(".")
        ]
        for place in _PLACES
    ]
    for place in places:
        named = [p for p in place if p.name.startswith("panoptic")]
        if any(map(is_panoptic, named)):
            # A split without images has nothing to be known by, but for its name.
            named = [p for p in named if is_panoptic(p) or is_without_images(p)]
            return [(p, re.sub(r"^panoptic[_-]?", "", p.stem) or None) for p in named]
    for place in places:
        if found := [p for p in place if is_panoptic(p)]:
            return [(p, p.stem if len(found) > 1 else None) for p in found]
    return []


def _map_folder(file: Path, named: Path | None, *, single: bool) -> Path:
    """The folder named as the file (as panopticapi has it), or the one that the user names.

    Raises:
        FormatError: it is not there.
    """
    folder = file.with_suffix("")
    if named is not None:
        below = named / file.stem
        folder = below if below.is_dir() or not single else named
    if not folder.is_dir():
        raise FormatError(
            "no folder of PNG maps",
            where=file,
            seen=str(folder),
            hint="put the folder beside the file, or name it with --set from.masks=FOLDER",
        )
    return folder


def _colored(taxonomy: Taxonomy, files: Mapping[Path, PanopticFile]) -> Taxonomy:
    """The taxonomy with the colours that the files give."""
    colors: dict[int | None, tuple[int, int, int]] = {}
    for file in files.values():
        for value, category in file.coco.categories.items():
            if color := category.get("color"):
                colors.setdefault(value, (color[0], color[1], color[2]))
    return replace(
        taxonomy,
        categories=tuple(replace(c, color=colors.get(c.id_in("coco"), c.color)) for c in taxonomy),
    )


def _unlabelled(files: Mapping[Path, PanopticFile]) -> tuple[str, ...]:
    absent = [
        str(image["file_name"])
        for file in files.values()
        for value, image in file.coco.images.items()
        if value not in file.maps
    ]
    if not absent:
        return ()
    return (f"{len(absent)} images have no annotation and are not labelled, first {absent[0]!r}",)


FORMAT = Format(
    "coco-panoptic",
    "COCO panoptic: JSON of segments + folder of PNG id maps (things and stuff)",
    coco_panoptic_write.HOLDS,
    LOOKS_FOR,
    Read,
    coco_panoptic_write.Write,
    detect,
    read,
    coco_panoptic_write.writer,
    kept=Kept(
        ("coco", "coco-panoptic"),
        Facts(
            notes=("coco-panoptic.file_name", "coco-panoptic.segments_info"),
            opened=("coco-panoptic",),
        ),
    ),
    names=some_name,
)
