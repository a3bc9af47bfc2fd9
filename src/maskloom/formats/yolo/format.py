"""YOLO: a text file per image, a line per object; data.yaml or obj.data names classes and splits.

Polygons are what OpenCV fills after the numbers are multiplied by the image's sides and cut off,
as Ultralytics does; lines of four numbers are boxes. Lines are `text.py`, names
`names.py`, folders `layout.py`, writing is `write.py`.

Source: docs.ultralytics.com/datasets/segment and the behaviour of its reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.outcome import counted
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.shared.class_names import some_name
from maskloom.formats.shared.documents import (
    Document,
    Entries,
    dataset_of_documents,
    taxonomy_of_names,
    with_names,
)
from maskloom.formats.shared.folders import SIDE_FILE, is_marked, read_side_file, side_splits
from maskloom.formats.shared.json_files import SPLITS
from maskloom.formats.yolo import write as yolo_write
from maskloom.formats.yolo.endings import FORM, Endings
from maskloom.formats.yolo.layout import (
    Item,
    first_labels,
    items_of_config,
    items_of_folder,
    items_of_labels,
    shared_items,
    with_images,
)
from maskloom.formats.yolo.names import (
    YoloConfig,
    find_config,
    is_config,
    names_beside,
    read_config,
    read_names,
)
from maskloom.formats.yolo.shapes import misread_lines, polygons_to_the_edge, shape_maker
from maskloom.formats.yolo.text import FORMS, LabelLines, is_line

LOOKS_FOR = "data.yaml or obj.data, or text files of lines `class x y x y ...` with their images"


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read YOLO."""

    names: Path | None = field(
        default=None, metadata={"help": "text file of class names, one a line, or a data.yaml"}
    )
    rule: Literal["opencv", "opencv-round", "centre", "coco"] = field(
        default="opencv",
        metadata={"help": "how polygons become pixels; opencv cuts off as Ultralytics does"},
    )
    scores: bool = field(
        default=False,
        metadata={"help": "the last number of a line is a confidence: short for form=score"},
    )
    form: Literal["auto", "plain", "score", "track", "score-track"] = field(
        default="auto", metadata={"help": FORM}
    )
    unlabelled: Literal["empty", "skip"] = field(
        default="empty",
        metadata={"help": "images without a label file: empty, as trainers take them, or left out"},
    )


def detect(path: Path) -> float:
    """Known by data.yaml or obj.data, or by what label files look like."""
    if path.is_file():
        return 0.9 if is_config(path) else 0.0
    if not path.is_dir():
        return 0.0
    if is_marked(path, f'"kind": "{yolo_write.NAME}"'):
        return 1.0
    config = find_config(path)
    looks = _look_like_labels(first_labels(path))
    if config is not None and is_config(config):
        if looks:
            return 0.95
        items, _ = items_of_config(_config(path), path)
        labels = [item.label for item in items if item.label is not None]
        return 0.95 if _look_like_labels(labels[:4]) or (labels and not looks) else 0.0
    return 0.7 if looks else 0.0


def _look_like_labels(files: Sequence[Path]) -> bool:
    """Whether files begin with a line of a class and fractions."""
    for path in files:
        line = next(iter(LabelLines(path)), None)
        if line is None:
            continue
        return any(is_line(line, form) for form in FORMS)
    return False


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder or of its data.yaml.

    Raises:
        FormatError: nothing to read, or names that are none.
    """
    root = path if path.is_dir() else path.parent
    config = _config(path)
    side = read_side_file(root)
    side = side if side.get("kind") == yolo_write.NAME else {}
    items, notes = items_of_config(config, root)
    used = {item.split for item in items}
    fields = {n: lines for n, lines in config.fields.items() if SPLITS.get(n, n) not in used}
    config = replace(config, fields=fields)
    if side:
        # Images of no split stand in no list.
        items, notes = items_of_folder(root / "images", root, every=True), []
    elif not items:
        items, notes = items_of_labels(root), []
    if not any(item.label for item in items) and not side:
        raise FormatError("no YOLO labels", where=path, hint=f"looked for {LOOKS_FOR}")
    if images is not None:
        items = with_images(items, images)
    if config.names is None:
        config = replace(config, names=_told_names(options, root, config))
    bare = {(item.key, item.image) for item in items if item.label is None}
    if bare and (options.unlabelled == "skip" or config.skip_unlabelled):
        items = [item for item in items if item.label is not None]
        notes.append(f"{len(bare)} images have no label file and are left out")
    elif bare:
        notes.append(f"{len(bare)} images have no label file and are taken as empty")
    return _dataset(path, images, items, config, options, notes, side)


def _config(path: Path) -> YoloConfig:
    file = find_config(path) if path.is_dir() else path
    return YoloConfig() if file is None else read_config(file)


def _told_names(options: Read, root: Path, config: YoloConfig) -> Mapping[int, str] | None:
    """Names that the user gives, or that lie in the folder or the one above."""
    given = options.names
    if given is None:
        return config.names or names_beside(root, root.parent).names
    return read_config(given).names if is_config(given) else read_names(given)


def _dataset(
    path: Path,
    images: Path | None,
    items: Sequence[Item],
    config: YoloConfig,
    options: Read,
    notes: list[str],
    side: Mapping[str, Any],
) -> Dataset:
    root = path if path.is_dir() else path.parent
    names, endings = config.names, _endings(items, options, own=bool(side))
    if names is None:
        used = _used_numbers(items, endings, skip_bad=options.skip_bad)
        names = {number: f"class {number}" for number in used}
        notes.append(f"nothing names the {len(used)} classes; --set names=FILE does")
    sizes = dict(side.get("sizes", {}))
    listed, splits = shared_items(items, by_key=bool(side))
    documents = [
        Document(
            item.name,
            item.label or root,
            Entries(LabelLines(item.label), shape_maker(names, options.rule, endings.parse)),
            size=_size(sizes.get(item.key)),
            split=None if side else item.split,
            key=item.key,
            image=item.image,
        )
        for item in listed
    ]
    taxonomy = _taxonomy(names, side, root)
    dataset = dataset_of_documents(
        documents,
        taxonomy,
        path,
        images,
        fmt=yolo_write.NAME,
        warnings=notes,
        skip_bad=options.skip_bad,
    )
    dataset = _with_notes(dataset, names, endings)
    if side:
        splits = side_splits(side, [s.key for s in dataset.samples])
    extra = {yolo_write.NAME: {"fields": config.fields}} if config.fields else {}
    return replace(dataset, splits=splits, extra=extra)


def _endings(items: Sequence[Item], options: Read, *, own: bool) -> Endings:
    said = options.form
    if options.scores and said not in ("auto", "score"):
        raise FormatError(
            "scores=true and another form", where="from.form", seen=said, hint="say one of them"
        )
    files = tuple(item.label for item in items)
    return Endings(files, "score" if options.scores else said, own=own)


def _with_notes(dataset: Dataset, names: Mapping[int, str], endings: Endings) -> Dataset:
    """The labels with what Ultralytics makes of their lines otherwise."""
    plain = dataset.labels_of
    numbers = {name: number for number, name in names.items()}
    classes = [numbers.get(category.name, -1) for category in dataset.taxonomy]

    def labels_of(sample: Sample) -> Labels:
        labels = plain(sample)
        notes = tuple(misread_lines(labels, classes))
        if endings.doubtful and (count := polygons_to_the_edge(labels)):
            notes += (
                f"{counted(count, 'polygon')} may end in the number of a track, 1, which is taken "
                "for a coordinate (--set from.form=plain, or form=score-track)",
            )
        return labels.replace(extra={"notes": notes}) if notes else labels

    return replace(dataset, labels_of=labels_of)


def _taxonomy(names: Mapping[int, str], side: Mapping[str, Any], root: Path) -> Taxonomy:
    """Categories in order of their numbers, or those of the side file."""
    ordered = [names[number] for number in sorted(names)]
    numbers = {name: number for number, name in names.items()}
    if not side:
        return taxonomy_of_names(ordered, ids=numbers, fmt=yolo_write.NAME)
    told = with_names(Taxonomy.from_json(dict(side), where=root / SIDE_FILE), ordered)
    return replace(
        told,
        categories=tuple(
            c.with_id(yolo_write.NAME, numbers[c.name]) if c.name in numbers else c for c in told
        ),
    )


def _used_numbers(items: Sequence[Item], endings: Endings, *, skip_bad: bool) -> list[int]:
    """Class numbers of all lines that are sound."""
    used = set()
    for item in items:
        for line in LabelLines(item.label):
            try:
                used.add(endings.parse(line).number)
            except FormatError:
                if not skip_bad:
                    raise
    return sorted(used)


def _size(told: object) -> tuple[int, int] | None:
    return (int(told[0]), int(told[1])) if isinstance(told, list) and len(told) == 2 else None


FORMAT = Format(
    yolo_write.NAME,
    "YOLO segments and boxes: text files, data.yaml (Ultralytics), obj.data (Darknet)",
    yolo_write.HOLDS,
    LOOKS_FOR,
    Read,
    yolo_write.Write,
    detect,
    read,
    yolo_write.writer,
    kept=Kept(("yolo.fields.*",), dataset=Facts(opened=("yolo", "yolo.fields"))),
    names=some_name,
)
