"""CamVid, as SegNet index maps with list files or as RGB maps with `label_colors.txt`.

Reads folders SPLIT + SPLITannot (or SPLIT_labels, or images + labels with a suffix); keys are
frame names, groups are drives. Writing is `write.py`, class lists `classes.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.outcome import counted
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, FormatError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.camvid import write as camvid_write
from maskloom.formats.camvid.classes import SEGNET, THIRTY_TWO, taxonomy_of
from maskloom.formats.kept import Kept
from maskloom.formats.shared.class_names import line_name
from maskloom.formats.shared.folders import (
    Pair,
    absences,
    list_files,
    named_folder,
    pair,
    samples_of,
    splits_of,
    subfolder,
    unique_pairs,
)
from maskloom.formats.shared.maps import colors_to_ids, ids_to_classes, read_checked, read_colors
from maskloom.formats.shared.void_classes import void_classes
from maskloom.store.files import is_file, stays_below
from maskloom.store.images import IMAGE_SUFFIXES, is_color

COLOR_FILE = "label_colors.txt"
SPLITS = ("train", "val", "test")
ENDINGS = ("annot", "_labels")
IMAGE_FOLDERS = ("images", "701_stillsraw_full", "rgb", "image")
LABEL_FOLDERS = ("labels", "labeledapproved_full", "label", "annotations")
LOOKS_FOR = "folders train + trainannot (val, test), or label_colors.txt beside images and labels"


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read CamVid."""

    colors: Path | None = field(
        default=None, metadata={"help": "colour table, lines R G B name (label_colors.txt)"}
    )
    image_folder: str | None = field(default=None, metadata={"help": "folder of the images"})
    labels: str | None = field(default=None, metadata={"help": "folder of the label maps"})
    suffix: str | None = field(
        default=None, metadata={"help": "end of a label map's name, e.g. _L; found by itself"}
    )


def detect(path: Path) -> float:
    """Known by its folders' names or by its colour table."""
    if not path.is_dir():
        return 0.0
    if any((path / f"{split}annot").is_dir() for split in SPLITS):
        return 1.0
    return 0.95 if (path / COLOR_FILE).is_file() else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no label folder, a list names a label that is not there, or a damaged table.
    """
    pairs, n_images, notes = _pairs(path, options, images)
    taxonomy, colored = _taxonomy(path, options, pairs)
    by_key = {p.key: p.labels for p in pairs}
    colors = {c: i for i, c in enumerate(taxonomy.colors())}
    ids = {
        value: -1 if taxonomy[position].void else position
        for value, position in taxonomy.ids("camvid").items()
    }

    void = {v: taxonomy[i].key for v, i in taxonomy.ids("camvid").items() if taxonomy[i].void}

    def labels_of(sample: Sample) -> Labels:
        file = by_key[sample.key]
        values = read_checked(file, sample)
        if colored:
            values = colors_to_ids(values, colors, where=file)
        elif values.ndim == 3:
            raise FormatError(
                "a colour map among index maps", where=file, hint=f"add {COLOR_FILE} beside it"
            )
        size = (int(values.shape[0]), int(values.shape[1]))
        classes = ids_to_classes(values, ids, len(taxonomy), where=file)
        return Labels(size, class_map=classes, extra=void_classes(values, classes, void))

    return Dataset(
        taxonomy,
        tuple(_placed(s) for s in samples_of(pairs)),
        labels_of,
        splits_of(pairs),
        name=path.name,
        warnings=absences(pairs, n_images) + notes,
    )


def _placed(sample: Sample) -> Sample:
    """Frame names are DRIVE_INDEX: the drive is the group and the sequence."""
    found = re.fullmatch(r"(.+)_([^_/]*?)(\d+)", sample.key.rpartition("/")[2])
    if found is None:
        return sample
    drive = found.group(1)
    return replace(sample, kind="frame", group=drive, sequence=drive, index=int(found.group(3)))


def _pairs(
    path: Path, options: Read, images: Path | None
) -> tuple[list[Pair], int, tuple[str, ...]]:
    """Labels with their images, how many images there are, and a note on those in no list."""
    pairs: list[Pair] = []
    n_images = 0
    unlisted: list[str] = []
    for split, labels, folder in _folders(path, options):
        label_files = _without_suffix(list_files(labels, (".png",)), options.suffix)
        out: set[str] = set()
        listed = _listed(path / f"{split}.txt", labels) if split else None
        if listed is not None:
            out |= {k for k, p in label_files.items() if p not in listed}
            unlisted += sorted(f"{labels.name}/{key}" for key in out)
            label_files = {k: p for k, p in label_files.items() if k not in out}
        image_files: dict[str, Path] = {}
        if images is not None:
            own = images / folder.name if folder is not None else images
            image_files = list_files(own if own.is_dir() else images)
        elif folder is not None:
            image_files = list_files(folder)
        image_files = {k: p for k, p in image_files.items() if k not in out}
        found = pair(label_files, image_files, split, images or folder)
        n_images += len(image_files) if images is None else sum(p.image is not None for p in found)
        pairs += found
    if not unlisted:
        return unique_pairs(pairs), n_images, ()
    many = counted(len(unlisted), "label map")
    note = f"left out, as no list names it: {many}, first {unlisted[0]}"
    return unique_pairs(pairs), n_images, (note,)


def _folders(path: Path, options: Read) -> list[tuple[str | None, Path, Path | None]]:
    """(split, label folder, image folder) of every part of the data set."""
    if options.labels is not None:
        labels = named_folder(path, options.labels, "labels")
        images = (
            named_folder(path, options.image_folder, "image_folder")
            if options.image_folder
            else None
        )
        return [(None, labels, images)]
    found: list[tuple[str | None, Path, Path | None]] = []
    for folder in sorted(p for p in path.iterdir() if p.is_dir()):
        for ending in ENDINGS:
            split = folder.name.removesuffix(ending)
            if split not in ("", folder.name):
                found.append((split, folder, path / split if (path / split).is_dir() else None))
    if found:
        return found
    labels_folder = subfolder(path, LABEL_FOLDERS)
    if labels_folder is None:
        raise FormatError("no label folder", where=path, hint=LOOKS_FOR)
    return [(None, labels_folder, subfolder(path, IMAGE_FOLDERS))]


def _without_suffix(files: dict[str, Path], suffix: str | None) -> dict[str, Path]:
    if suffix is None:
        suffix = "_L" if files and all(key.endswith("_L") for key in files) else ""
    return {k.removesuffix(suffix): p for k, p in files.items() if k.endswith(suffix)}


def _listed(path: Path, labels: Path) -> set[Path] | None:
    """Label maps of a list file `IMAGE LABEL` per line, whose folders are another machine's."""
    if not path.is_file():
        return None
    found = set()
    # Names may hold the signs at which `splitlines` would cut besides.
    for number, line in enumerate(path.read_text("utf-8", "replace").split("\n"), start=1):
        if not line.strip():
            continue
        file = _label_in(line.strip(), labels)
        if file is None:
            raise FormatError(
                f"the list names a label map that is not in {labels.name}",
                where=f"{path}: line {number}",
                seen=Path(re.split(r"\s+(?=\S*$)", line.strip())[-1]).name,
                hint="add the file or remove the line",
            )
        found.add(file)
    return found


def _label_in(line: str, labels: Path) -> Path | None:
    """The label map of a line, wherever its two names are parted: names may hold blanks.

    Images are named like their maps; where they are not, the last name that is there counts.
    """
    halves = [(line[: m.start()], line[m.end() :]) for m in re.finditer(r"\s+", line)]
    pairs = [(i, own) for i, own in halves if Path(i).suffix.lower() in IMAGE_SUFFIXES]
    alike = [own for image, own in pairs if Path(image).stem == Path(own).stem.removesuffix("_L")]
    rest = [own for _, own in (*reversed(pairs), ("", line), *reversed(halves))]
    for own in (*alike, *rest):
        parts = own.split("/")
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            if tail and stays_below(tail) and is_file(labels / tail):
                return labels / tail
    return None


def _taxonomy(path: Path, options: Read, pairs: list[Pair]) -> tuple[Taxonomy, bool]:
    """The classes, and whether maps hold colours."""
    table = options.colors or path / COLOR_FILE
    if options.colors is not None or table.is_file():
        return taxonomy_of(read_colors(table)), True
    first = next((p.labels for p in pairs), None)
    if first is None:
        return SEGNET, False
    try:
        colored = is_color(first)
    except DataError:
        return SEGNET, False
    return (taxonomy_of(THIRTY_TWO), True) if colored else (SEGNET, False)


FORMAT = Format(
    "camvid",
    "CamVid: SegNet index maps with list files, or RGB colour maps with label_colors.txt",
    camvid_write.HOLDS,
    LOOKS_FOR,
    Read,
    camvid_write.Write,
    detect,
    read,
    camvid_write.writer,
    kept=Kept(("frame.sequence", "frame.index", "void_classes")),  # names say the first two
    names=line_name,
)
