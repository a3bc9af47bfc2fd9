"""Cityscapes: leftImg8bit/SPLIT/CITY images, gtFine (or gtCoarse) maps of ids and polygons.

Instance maps give objects, polygon files alone too, label maps alone class maps. Polygon files
are `polygons.py`, the label table `labels.py`, writing
`write.py`.

Source: cityscapesScripts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.errors import FormatError
from maskloom.formats.base import Format
from maskloom.formats.cityscapes import files as cityscapes_files
from maskloom.formats.cityscapes import write as cityscapes_write
from maskloom.formats.cityscapes.again import facts_of_polygons, kept_polygons
from maskloom.formats.cityscapes.files import ANNOTATIONS, IMAGES, LabelFiles, label_root, labelled
from maskloom.formats.cityscapes.labels import (
    FORMAT_NAME,
    IGNORED,
    TRAIN_IDS,
    UNLABELED,
    StreetOptions,
    street_numbering,
)
from maskloom.formats.cityscapes.polygons import (
    paint_polygons,
    read_polygons,
    size_of_polygons,
    with_geometry,
)
from maskloom.formats.cityscapes.write import PACKING
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.shared.folders import (
    SIDE_FILE,
    Pair,
    absences,
    is_marked,
    list_files,
    read_side_file,
    samples_of,
    side_splits,
    splits_of,
    unique_pairs,
)
from maskloom.formats.shared.maps import check_size_of
from maskloom.formats.shared.numbered import Numbering, labels_of_numbers, numbers_of_labels
from maskloom.formats.shared.numbered_files import read_classes, read_objects

LOOKS_FOR = "gtFine or gtCoarse, or *_gtFine_labelIds.png, _instanceIds.png or _polygons.json"


@dataclass(frozen=True, slots=True)
class Read(StreetOptions):
    """How to read Cityscapes."""

    labels: str | None = field(
        default=None,
        metadata={"help": "folder of the labels: gtFine (where it is there), gtCoarse"},
    )


def detect(path: Path) -> float:
    """Known by the side file, its folders' names, or by the names of label files."""
    if not path.is_dir():
        return 0.0
    if is_marked(path, '"kind": "cityscapes"'):
        return 1.0
    if any((path / name).is_dir() for name in ANNOTATIONS):
        return 0.98
    return 0.96 if cityscapes_files.has_labels(path) else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no label files, or a damaged side file.
    """
    root = label_root(path, options.labels)
    side = read_side_file(path)
    meaning = street_numbering(options, side, PACKING, where=path / SIDE_FILE)
    found, files, n_images = _pairs(path, root, images, side)
    if not found:
        raise FormatError("no label files found", where=path, hint=LOOKS_FOR)
    strict = not options.skip_bad

    def labels_of(sample: Sample) -> Labels:
        return _labels(files[sample.key], meaning, sample, strict=strict)

    plain = [p.key for p in found if not files[p.key].objects]
    notes = (
        (f"{len(plain)} images have no objects, first {plain[0]!r}: class maps",)
        if 0 < len(plain) < len(found)
        else ()
    )
    return Dataset(
        meaning.taxonomy,
        tuple(_placed(s) for s in samples_of(found)),
        labels_of,
        side_splits(side, (p.key for p in found)) if side.get("splits") else splits_of(found),
        name=path.name,
        warnings=notes + absences(found, n_images),
    )


def _pairs(
    path: Path, root: Path, images: Path | None, side: Mapping[str, Any]
) -> tuple[list[Pair], dict[str, LabelFiles], int]:
    """Labels with their images, the label files by key, and the number of images."""
    folder = images or next(
        (p / IMAGES for p in (path, root.parent) if (p / IMAGES).is_dir()), root
    )
    pictures = list_files(folder, ending=f"_{IMAGES}")
    by_name = {key.rpartition("/")[2]: p for key, p in pictures.items()}
    named = dict(side.get("keys", {}))
    listed: list[tuple[Pair, LabelFiles]] = []
    for place, (split, key, files) in labelled(root).items():
        image = pictures.get(place) or by_name.get(place.rpartition("/")[2])
        listed.append((Pair(str(named.get(place, key)), files.any, image, split), files))
    by_file = {pair.labels: files for pair, files in listed}
    found = unique_pairs(pair for pair, _ in listed)
    n_images = len(pictures) if images is None else sum(p.image is not None for p in found)
    return found, {p.key: by_file[p.labels] for p in found}, n_images


def _placed(sample: Sample) -> Sample:
    """Names are CITY_SEQUENCE_FRAME: the sequence is the group."""
    found = re.fullmatch(r"(.+_\d+)_(\d+)", sample.key.rpartition("/")[2])
    if found is None:
        return sample
    return replace(sample, group=found[1], sequence=found[1], index=int(found[2]))


def _labels(files: LabelFiles, meaning: Numbering, sample: Sample, *, strict: bool) -> Labels:
    """Of the file that says most: instance map, polygons, label map, map of train ids."""
    if not files.objects:
        return _class_map(files, meaning, sample, strict=strict)
    data = None if files.polygons is None else read_polygons(files.polygons)
    notes: tuple[str, ...] = ()
    if data is not None and files.polygons is not None:
        check_size_of(files.polygons, size_of_polygons(data), sample)
    if files.instances is not None:
        labels = read_objects(files.instances, files.labels, meaning, sample, strict=strict)
    else:
        assert data is not None
        values, notes = paint_polygons(data, meaning, where=files.any, strict=strict)
        labels = labels_of_numbers(values, meaning, where=files.any)
    if data is not None and files.polygons is not None:
        labels = with_geometry(labels, data, meaning, where=files.polygons, strict=strict)
        said = kept_polygons(data, numbers_of_labels(labels, meaning, UNLABELED), meaning)
        labels = labels.replace(extra={**labels.extra, FORMAT_NAME: said})
    notes += tuple(labels.extra.get("notes", ()))
    return labels.replace(extra={**labels.extra, "notes": notes}) if notes else labels


def _class_map(files: LabelFiles, meaning: Numbering, sample: Sample, *, strict: bool) -> Labels:
    if files.labels is not None:
        ids, silent, path = dict(meaning.numbers), UNLABELED, files.labels
    else:
        ids = {t: meaning.numbers[n] for t, n in TRAIN_IDS.items() if n in meaning.numbers}
        silent, path = IGNORED, files.any
    return read_classes(path, ids, silent, meaning.taxonomy, sample, strict=strict)


FORMAT = Format(
    FORMAT_NAME,
    "Cityscapes: labelIds and instanceIds maps, polygons JSON, leftImg8bit images",
    cityscapes_write.HOLDS,
    LOOKS_FOR,
    Read,
    cityscapes_write.Write,
    detect,
    read,
    cityscapes_write.writer,
    kept=Kept(
        # Names say where a frame stands.
        ("cityscapes", "void_classes", "frame.sequence", "frame.index"),
        Facts(notes=("cityscapes",), more=facts_of_polygons),
    ),
)
