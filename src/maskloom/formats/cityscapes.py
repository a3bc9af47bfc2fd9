"""Cityscapes: leftImg8bit/SPLIT/CITY images, gtFine (or gtCoarse) maps of ids and polygons.

Instance maps give objects, polygon files alone too, label maps alone class maps. Polygon files
are `cityscapes_polygons.py`, the label table `cityscapes_labels.py`, writing
`cityscapes_write.py`.

Source: cityscapesScripts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats import cityscapes_files, cityscapes_write
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.cityscapes_files import ANNOTATIONS, IMAGES, LabelFiles, label_root, labelled
from maskloom.formats.cityscapes_labels import (
    FORMAT_NAME,
    IGNORED,
    TRAIN_IDS,
    UNLABELED,
    official_taxonomy,
)
from maskloom.formats.cityscapes_polygons import (
    paint_polygons,
    read_polygons,
    size_of_polygons,
    with_geometry,
)
from maskloom.formats.cityscapes_write import PACKING
from maskloom.formats.folders import (
    SIDE_FILE,
    Pair,
    absences,
    list_files,
    read_json,
    read_side_file,
    samples_of,
    side_splits,
    splits_of,
    unique_pairs,
)
from maskloom.formats.maps import check_size, ids_to_classes, read_checked, size_of
from maskloom.formats.numbered import Numbering, labels_of_numbers

LOOKS_FOR = "gtFine or gtCoarse, or *_gtFine_labelIds.png, _instanceIds.png or _polygons.json"


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read Cityscapes."""

    labels: str | None = field(
        default=None,
        metadata={"help": "folder of the labels: gtFine (where it is there), gtCoarse"},
    )
    ignored: bool = field(
        default=False,
        metadata={
            "help": "classes that the scores ignore (caravan, parking) are classes, not void"
        },
    )
    taxonomy: Path | None = field(
        default=None, metadata={"help": 'another label table: {"categories": [{"id": 1, ...}]}'}
    )


def detect(path: Path) -> float:
    """Known by the side file, its folders' names, or by the names of label files."""
    if not path.is_dir():
        return 0.0
    side = path / SIDE_FILE
    if side.is_file() and '"kind": "cityscapes"' in side.read_text("utf-8", "replace"):
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
    meaning = _meaning(options, side, where=path)
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


def _meaning(options: Read, side: Mapping[str, Any], *, where: Path) -> Numbering:
    """The classes: of the option, of the side file, else the official ones."""
    if options.taxonomy is not None:
        taxonomy = Taxonomy.from_json(read_json(options.taxonomy), where=options.taxonomy)
    elif side:
        taxonomy = Taxonomy.from_json(side, where=where / SIDE_FILE)
    else:
        taxonomy = official_taxonomy(ignored_are_void=not options.ignored)
    numbers = {v: p for v, p in taxonomy.ids(FORMAT_NAME).items() if v != UNLABELED}
    return Numbering(PACKING, taxonomy, numbers, frozenset({UNLABELED}))


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
    data = read_polygons(files.polygons) if files.polygons is not None else None
    if data is not None and files.polygons is not None:
        check_size(files.polygons, size_of_polygons(data), size_of(sample))
    notes: tuple[str, ...] = ()
    if files.instances is not None:
        values = read_checked(files.instances, sample)
        labels = labels_of_numbers(values, meaning, where=files.instances, strict=strict)
        notes = _contradictions(files, values, sample)
    elif data is not None and files.polygons is not None:
        values, notes = paint_polygons(data, meaning, where=files.polygons, strict=strict)
        labels = labels_of_numbers(values, meaning, where=files.polygons)
    else:
        return _class_map(files, meaning, sample, strict=strict)
    if data is not None and files.polygons is not None:
        labels = with_geometry(labels, data, meaning, where=files.polygons, strict=strict)
        labels = labels.replace(extra={**labels.extra, FORMAT_NAME: {"polygons": data}})
    notes += tuple(labels.extra.get("notes", ()))
    return labels.replace(extra={**labels.extra, "notes": notes}) if notes else labels


def _contradictions(files: LabelFiles, values: Any, sample: Sample) -> tuple[str, ...]:
    """How many pixels have another class in the label map than in the instance map."""
    if files.labels is None:
        return ()
    classes = read_checked(files.labels, sample)
    wide = values.astype(np.int64)
    told = np.where(wide < PACKING.step, wide, wide // PACKING.step)
    if classes.shape != told.shape:
        raise FormatError(
            "the label map and the instance map differ in size",
            where=files.labels,
            seen=classes.shape,
        )
    differ = int(np.count_nonzero(classes != told))
    return (f"{differ} px have another class in {files.labels.name}",) if differ else ()


def _class_map(files: LabelFiles, meaning: Numbering, sample: Sample, *, strict: bool) -> Labels:
    """The class map; which void class a pixel has is kept beside it."""
    path = files.labels or files.train_ids
    assert path is not None
    values = read_checked(path, sample)
    size = (int(values.shape[0]), int(values.shape[1]))
    if values.ndim == 3:
        raise FormatError("a label map holds no colours", where=path, seen=values.shape)
    numbers: dict[int, int] = {}
    if files.labels is None:
        numbers = {t: meaning.numbers[n] for t, n in TRAIN_IDS.items() if n in meaning.numbers}
    ids = numbers or dict(meaning.numbers)
    void = {v: p for v, p in ids.items() if meaning.taxonomy[p].void}
    silent = UNLABELED if files.labels is not None else IGNORED
    table = {**ids, **dict.fromkeys(void, -1), silent: -1}
    unknown = () if strict else set(np.unique(values).tolist()) - set(table)
    table |= dict.fromkeys(unknown, -1)
    classes = ids_to_classes(values, table, len(meaning.taxonomy), where=path)
    labels = Labels(size, class_map=classes)
    if unknown:
        count = int(np.isin(values, list(unknown)).sum())
        labels = labels.replace(extra={"notes": (f"{count} px of unknown classes are left out",)})
    masks, found = Masks.from_id_map(np.where(np.isin(values, list(void)), values, 0), background=0)
    if not len(found):
        return labels
    kept = {meaning.taxonomy[void[v]].key: masks.to_coco(i) for i, v in enumerate(found.tolist())}
    return labels.replace(extra={**labels.extra, FORMAT_NAME: {"void": kept}})


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
)
