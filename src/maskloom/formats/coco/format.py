"""COCO instances: one JSON file, or a folder of them with image folders beside.

Polygons (rule `coco`, parts united), runs as lists or strings, crowds, sparse category ids,
scores; ids, areas, boxes and unknown fields are kept. Checks are `file.py`, decoding
`read.py`, writing `write.py`. Panoptic files are another format.

Source: cocodataset.org/#format-data and cocoapi PythonAPI.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from maskloom.core.dataset import Dataset
from maskloom.errors import FormatError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.coco import write as coco_write
from maskloom.formats.coco.annotations import same_annotations
from maskloom.formats.coco.decode import labels_of_image
from maskloom.formats.coco.file import (
    LIKE,
    is_whole,
    json_ends,
    read_file,
    read_truth,
    says_lvis,
)
from maskloom.formats.coco.read import dataset_of
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.shared.class_names import some_name

_PLACES = ("annotations/*", "*")
LOOKS_FOR = 'a JSON file with "images", "annotations" and "categories", or a folder of such files'


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read COCO."""

    like: Path | None = field(default=None, metadata={"help": LIKE})


def detect(path: Path) -> float:
    """Known by the keys of its JSON."""
    if path.is_file():
        if path.suffix.lower() != ".json" or not _is_instances(path):
            return 0.0
        # LVIS is COCO with more to say, and a format of its own.
        return 0.9 if says_lvis(json_ends(path)) else 1.0
    return 0.9 if any(_is_instances(file) for file, _ in _files(path)) else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a JSON file or of a folder.

    Raises:
        FormatError: nothing to read, or what is read is invalid (see `check.py`).
    """
    if path.is_file():
        parts: list[tuple[Path, str | None]] = [(path, None)]
    else:
        parts = [(f, s) for f, s in _files(path) if _is_instances(f)]
    if not parts:
        raise FormatError("no COCO instances file", where=path, hint=LOOKS_FOR)
    like = None if options.like is None else read_truth(options.like)
    files = [read_file(file, split, skip_bad=options.skip_bad, like=like) for file, split in parts]
    return dataset_of(files, path, images, labels_of_image, same_annotations)


def _files(folder: Path) -> list[tuple[Path, str | None]]:
    """Annotation files of a folder with their splits, the most telling place first."""
    places = [[p for p in sorted(folder.glob(pattern)) if _is_json(p)] for pattern in _PLACES]
    for place in places:
        if found := [p for p in place if p.name.startswith("instances")]:
            return [(p, _split(p.stem)) for p in found]
    named = [p for p in sorted(folder.glob("*/_annotations.coco.*")) if _is_json(p)]
    if named:
        return [(p, p.parent.name) for p in named]
    for place in places:
        listed = [p for p in place if _is_instances(p)]
        if listed:
            return [(p, _split(p.stem) if len(listed) > 1 else None) for p in listed]
    return []


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json" and not path.name.startswith(".")


def _split(stem: str) -> str | None:
    """`instances_train2017` → `train2017`; `instances` → None."""
    return re.sub(r"^instances?[_-]?", "", stem) or None


def _is_instances(path: Path) -> bool:
    """Whether the ends of a JSON file read like instances or a results list."""
    text = json_ends(path)
    if text.startswith("["):
        return '"image_id"' in text
    if not text.startswith("{") or '"segments_info"' in text or _is_foreign(text):
        return False
    if re.search(r'"(images|annotations)"\s*:\s*\[', text):
        return True
    # Names alone are a taxonomy, such as lies beside maps; but of a file whose middle was not
    # read they may be all that is seen.
    return not is_whole(path) and bool(re.search(r'"categories"\s*:\s*\[', text))


def _is_foreign(text: str) -> bool:
    """Datumaro's items and SA-1B's image have lists of annotations, too."""
    if re.search(r'"categories"\s*:\s*\{', text) and re.search(r'"items"\s*:\s*\[', text):
        return True
    alone = '"images"' not in text and '"categories"' not in text
    return alone and re.search(r'"image"\s*:\s*\{', text) is not None


FORMAT = Format(
    "coco",
    "COCO instances JSON (polygons, RLE)",
    coco_write.HOLDS,
    LOOKS_FOR,
    Read,
    coco_write.Write,
    detect,
    read,
    coco_write.writer,
    file_suffix=".json",
    kept=Kept(
        ("coco",),
        Facts(
            notes=("coco.id", "coco.neg_category_ids", "coco.not_exhaustive_category_ids"),
            opened=("coco",),
        ),
        Facts(
            notes=("coco.categories.*.isthing", "coco.own.*.*.isthing"),
            opened=(
                *("coco", "coco.heads", "coco.heads.*", "coco.categories", "coco.categories.*"),
                *("coco.own", "coco.own.*", "coco.own.*.*"),
            ),
        ),
    ),
    names=some_name,
)
