"""CrackForest: road cracks in groundTruth/ID.mat, beside image/ID.jpg. Read only.

`Segmentation` is 1 for background and 2 for cracks; `Boundaries` follow from it and are not read.

Source: Shi et al.: Automatic Road Crack Detection Using Random Structured Forests, 2016.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.base import Format, ReadOptions, WriteOptions, only_read
from maskloom.formats.loss import Holds
from maskloom.formats.shared.folders import (
    Pair,
    absences,
    list_files,
    samples_of,
    subfolder,
    unique_pairs,
)
from maskloom.formats.shared.maps import check_size_of, ids_to_classes
from maskloom.formats.shared.mat_files import (
    first_kind,
    mats_below,
    read_segmentations,
    truth_folder,
)

LOOKS_FOR = "groundTruth/*.mat with a struct Segmentation, beside image"
CRACKS = Taxonomy((Category("crack", "crack", "stuff"),))
IMAGE_FOLDERS = ("image", "images")
_IDS = {1: -2, 2: 0}


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read CrackForest."""


def detect(path: Path) -> float:
    """Known by the header of the first MATLAB file."""
    return 0.97 if first_kind(path) == "struct" else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no folder of MATLAB files.
    """
    folder = truth_folder(path)
    if folder is None:
        raise FormatError("no folder groundTruth", where=path, hint=LOOKS_FOR)
    usual = images or subfolder(folder.parent, IMAGE_FOLDERS)
    pictures = {} if usual is None else list_files(usual)
    found = unique_pairs(
        Pair(place.as_posix(), file, pictures.get(place.as_posix()))
        for file, place in mats_below(folder)
    )
    by_key = {p.key: p.labels for p in found}

    def labels_of(sample: Sample) -> Labels:
        return _labels(by_key[sample.key], sample, strict=not options.skip_bad)

    return Dataset(
        CRACKS,
        samples_of(found),
        labels_of,
        name=path.name,
        warnings=absences(found, len(pictures) if images is None else 0),
    )


def _labels(path: Path, sample: Sample, *, strict: bool) -> Labels:
    maps = read_segmentations(path)
    if len(maps) != 1:
        raise FormatError("not one segmentation", where=path, seen=len(maps))
    values = maps[0]
    check_size_of(path, values.shape, sample)
    unknown = [] if strict else sorted(set(np.unique(values).tolist()) - set(_IDS))
    ids = {**_IDS, **dict.fromkeys(unknown, -1)}
    classes = ids_to_classes(values, ids, len(CRACKS), where=path)
    count = int(np.isin(values, unknown).sum()) if unknown else 0
    notes = {"notes": (f"{count} px of unknown classes are left out",)} if count else {}
    return Labels((int(values.shape[0]), int(values.shape[1])), class_map=classes, extra=notes)


FORMAT = Format(
    "crackforest",
    "CrackForest: road cracks in MATLAB files (read only)",
    Holds(dense=True),
    LOOKS_FOR,
    Read,
    WriteOptions,
    detect,
    read,
    only_read("crackforest"),
    written=False,
)
