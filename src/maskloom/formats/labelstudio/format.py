"""Label Studio exports: JSON and JSON_MIN files of tasks, and folders with such a file.

One annotation of a task is read, or one prediction; the others are kept for this format alone.
Regions are `regions.py`, tasks `tasks.py`, their images `images.py`, what is said of whole
images `tags.py`, writing `write.py`.

Source: labelstud.io/guide/export and /guide/task_format.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from maskloom.core.dataset import Dataset
from maskloom.core.labels import FULL, Coverage
from maskloom.core.outcome import counted
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.coco.file import json_ends
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.labelstudio import write as labelstudio_write
from maskloom.formats.labelstudio.images import image_names
from maskloom.formats.labelstudio.regions import Region, names_of, shape_of
from maskloom.formats.labelstudio.tags import further_fields, tags_of, unread_of
from maskloom.formats.labelstudio.tasks import Task, tasks_of
from maskloom.formats.shared.documents import (
    Document,
    Entries,
    dataset_of_documents,
    taxonomy_of_names,
    with_names,
)
from maskloom.formats.shared.folders import SIDE_FILE, read_side_file
from maskloom.formats.shared.json_files import strict_json
from maskloom.formats.shared.memberships import with_side_splits
from maskloom.formats.shared.shapes import Shape

_ENTRIES = ("annotations", "predictions", "completions", "drafts")
LOOKS_FOR = "a JSON list of Label Studio tasks, or a folder with such a file"


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read Label Studio."""

    layer: Literal["auto", "annotations", "predictions"] = field(
        default="auto",
        metadata={"help": "what people drew or models predicted; auto prefers people"},
    )
    annotator: str | None = field(
        default=None,
        metadata={"help": "only what this person (id or e-mail) or model version made"},
    )


def detect(path: Path) -> float:
    """Known by the keys of its tasks."""
    if path.is_file():
        return 1.0 if path.suffix.lower() == ".json" and _is_export(path) else 0.0
    return 0.93 if any(_is_export(file) for file in _files(path)) else 0.0


def _files(folder: Path) -> list[Path]:
    listed = (p for p in folder.iterdir() if p.suffix.lower() == ".json" and p.is_file())
    return sorted(p for p in listed if not p.name.startswith(".") and p.name != SIDE_FILE)


def _is_export(path: Path) -> bool:
    text = json_ends(path)
    if not text.startswith("[") or '"image_id"' in text:
        return False
    full = re.search(r'"(annotations|predictions|completions)"\s*:\s*\[', text) and '"data"' in text
    return bool(full) or ('"original_width"' in text and '"original_height"' in text)


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of an export.

    Raises:
        FormatError: nothing to read, or what is read is invalid.
    """
    files = [path] if path.is_file() else [f for f in _files(path) if _is_export(f)]
    if not files:
        raise FormatError("no Label Studio tasks", where=path, hint=LOOKS_FOR)
    side = {} if path.is_file() else read_side_file(path)
    layer = side.get("layer", "auto") if options.layer == "auto" else options.layer
    tasks: list[Task] = []
    places: list[Path] = []
    for file in files:
        found = tasks_of(strict_json(file), file, layer=layer, annotator=options.annotator)
        tasks += found
        places += [file] * len(found)
    addressed = image_names([(task.data, task.where) for task in tasks])
    documents = [
        _document(task, place, name, key)
        for task, place, (name, key) in zip(tasks, places, addressed, strict=True)
    ]
    names = [names_of(region)[0] for task in tasks for region in task.regions]
    taxonomy = (
        with_names(Taxonomy.from_json(side, where=path / SIDE_FILE), names)
        if side
        else taxonomy_of_names(names, fmt="labelstudio")
    )
    dataset = dataset_of_documents(
        documents,
        taxonomy,
        path,
        images,
        fmt="labelstudio",
        warnings=_warnings(tasks),
        extra={"labelstudio": {"layer": next((t.layer for t in tasks), "annotations")}},
        skip_bad=options.skip_bad,
    )
    return with_side_splits(dataset, side)


def _document(task: Task, path: Path, name: str, key: str) -> Document:
    extra: dict[str, Any] = {"task": task.data, "layer": task.layer, "chosen": task.chosen}
    told = task.data["data"].get("split")
    return Document(
        name,
        path,
        Entries(task.regions, _shape),
        task.size,
        told if isinstance(told, str) and told else None,
        key,
        # What nobody has looked at is not empty.
        FULL if task.chosen is not None else Coverage(nothing=True),
        extra=extra,
        tags=tags_of(task.data, task.layer, task.chosen),
    )


def _shape(region: Region, size: tuple[int, int]) -> Shape:
    return shape_of(region, size)


def _warnings(tasks: Sequence[Task]) -> list[str]:
    out = []
    several = [task for task in tasks if task.many > 1]
    if several:
        out.append(
            f"{len(several)} tasks have several {several[0].layer}, of which the ground truth or "
            "the last is read; choose with --set annotator=ID"
        )
    unread = Counter(
        str(one.get("type")) for task in tasks for one in task.others() if "original_width" in one
    )
    if unread:
        kinds = ", ".join(sorted(unread))
        out.append(f"{counted(unread.total(), 'region')} of kinds that are not read: {kinds}")
    nobody = sum(task.chosen is None for task in tasks)
    if nobody:
        out.append(f"{nobody} of {len(tasks)} tasks are not labelled")
    return out


FORMAT = Format(
    "labelstudio",
    "Label Studio JSON and JSON_MIN (brush, polygons, boxes, ellipses, key points)",
    labelstudio_write.HOLDS,
    LOOKS_FOR,
    Read,
    labelstudio_write.Write,
    detect,
    read,
    labelstudio_write.writer,
    file_suffix=".json",
    kept=Kept(
        ("labelstudio",),
        Facts(
            notes=(
                "labelstudio.layer",
                "labelstudio.chosen",
                *(f"labelstudio.task.{name}" for name in ("id", *_ENTRIES)),
                "labelstudio.task.data.image",
                "labelstudio.task.data.split",
                "labelstudio.task.meta.original_*",
            ),
            opened=(
                "labelstudio",
                "labelstudio.task",
                "labelstudio.task.data",
                "labelstudio.task.meta",
            ),
            more=further_fields,
            unread=unread_of,
        ),
        Facts(notes=("labelstudio.layer",), opened=("labelstudio",)),
    ),
)
