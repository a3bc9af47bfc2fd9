"""BSDS500: what several people part an image into, in groundTruth/SPLIT/ID.mat. Read only.

Each person's regions are objects of one class, which cover the image. Which person is read says
the option `annotator`; import each into a layer of its own (`by/1`, `by/2`, ...) to compare them.

Source: Arbelaez, Maire, Fowlkes, Malik: Contour Detection and Hierarchical Image Segmentation,
2011; BSDS500, data/groundTruth.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError, UsageError
from maskloom.formats.base import Format, ReadOptions, WriteOptions, only_read
from maskloom.formats.loss import Holds
from maskloom.formats.shared.folders import (
    Pair,
    absences,
    list_files,
    samples_of,
    splits_of,
    unique_pairs,
)
from maskloom.formats.shared.left_out import left_out
from maskloom.formats.shared.maps import check_size_of
from maskloom.formats.shared.mat_files import (
    first_kind,
    ground_truth_kind,
    mats_below,
    read_segmentations,
    truth_folder,
)
from maskloom.work.progress import track

LOOKS_FOR = "groundTruth/SPLIT/*.mat with a cell of segmentations, beside images"
REGIONS = Taxonomy((Category("region", "region", "thing"),))
IMAGES = "images"


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read BSDS500."""

    annotator: int = field(
        default=1, metadata={"help": "whose regions: 1 is the first person of each image"}
    )


def detect(path: Path) -> float:
    """Known by the header of the first MATLAB file."""
    return 0.97 if first_kind(path) == "cell" else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no MATLAB files, or a damaged one.
        UsageError: no image has so many annotators.
    """
    folder = truth_folder(path)
    if folder is None:
        raise FormatError("no folder groundTruth", where=path, hint=LOOKS_FOR)
    if options.annotator < 1:
        raise UsageError("annotators count from 1", where="annotator", seen=options.annotator)
    pictures = list_files(images or folder.parent / IMAGES)
    counts, bad = _counts(folder, skip_bad=options.skip_bad)
    pairs = [
        Pair(
            "/".join(place.parts[1:]) or place.name,
            file,
            pictures.get(place.as_posix()),
            place.parts[0] if len(place.parts) > 1 else None,
        )
        for file, place in mats_below(folder)
        if counts.get(file, 0) >= options.annotator
    ]
    most = max(counts.values(), default=0)
    if not pairs and most:
        raise UsageError(
            "no image has so many annotators",
            where=path,
            seen=options.annotator,
            hint=f"there are up to {most}",
        )
    found = unique_pairs(pairs)
    by_key = {p.key: p.labels for p in found}

    def labels_of(sample: Sample) -> Labels:
        return _labels(by_key[sample.key], options.annotator, sample)

    return Dataset(
        REGIONS,
        samples_of(found),
        labels_of,
        splits_of(found),
        name=path.name,
        warnings=(*bad, *_told(counts, options.annotator), *absences(found, 0)),
    )


def _counts(folder: Path, *, skip_bad: bool) -> tuple[dict[Path, int], tuple[str, ...]]:
    """How many annotators each file has, and what was left out."""
    counts: dict[Path, int] = {}
    bad: list[str] = []
    for file, _ in track(list(mats_below(folder)), "reading headers", unit="files"):
        try:
            kind, count = ground_truth_kind(file)
            if kind != "cell":
                raise FormatError("groundTruth is no cell of segmentations", where=file, seen=kind)
        except FormatError as error:
            if not skip_bad:
                raise
            bad.append(error.message)
            continue
        counts[file] = count
    return counts, left_out(bad, "image")


def _told(counts: dict[Path, int], annotator: int) -> tuple[str, ...]:
    """That there are others, and images that this person has not parted."""
    if not counts:
        return ()
    low, high = min(counts.values()), max(counts.values())
    said = [
        f"annotator {annotator} of {low} to {high} an image; --set from.annotator=N reads others"
    ]
    fewer = sum(count < annotator for count in counts.values())
    if fewer:
        said.append(f"{fewer} images have no annotator {annotator} and are left out")
    return tuple(said)


def _labels(path: Path, annotator: int, sample: Sample) -> Labels:
    values = read_segmentations(path)[annotator - 1]
    check_size_of(path, values.shape, sample)
    masks, ids = Masks.from_id_map(values, background=0)
    if len(ids) and int(ids[0]) < 0:
        raise FormatError("regions count from 1", where=path, seen=int(ids[0]))
    rows = Rows.make(masks, np.zeros(len(ids), np.int32), instance=ids)
    return Labels((int(values.shape[0]), int(values.shape[1])), rows=rows)


FORMAT = Format(
    "bsds",
    "BSDS500: regions that several people drew, in MATLAB files (read only)",
    Holds(instances=True),
    LOOKS_FOR,
    Read,
    WriteOptions,
    detect,
    read,
    only_read("bsds"),
    written=False,
)
