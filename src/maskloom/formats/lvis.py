"""LVIS: COCO-like JSON in which each image tells which categories were looked for.

Categories of an image's annotations and of its `neg_category_ids` are labelled in full, those of
`not_exhaustive_category_ids` are not, and nothing is said of the others: that is the coverage of
its labels. Images are named by `coco_url`. Parsing, decoding and writing are those of COCO.

Source: Gupta et al., LVIS, CVPR 2019; lvisdataset.org/dataset; lvis-api.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import FULL, Coverage, Labels, RowKind, Rows
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.errors import FormatError
from maskloom.formats.base import Format, ReadOptions, WriteOptions
from maskloom.formats.coco import write as coco_write
from maskloom.formats.coco.annotations import same_annotations
from maskloom.formats.coco.check import is_id
from maskloom.formats.coco.decode import labels_of_image
from maskloom.formats.coco.file import (
    LIKE,
    is_without_images,
    json_ends,
    read_file,
    read_truth,
    says_lvis,
)
from maskloom.formats.coco.images import named_by_address
from maskloom.formats.coco.read import dataset_of
from maskloom.formats.coco.tops import category_ids
from maskloom.formats.kept import Kept
from maskloom.formats.loss import Holds, Loss
from maskloom.formats.shared.class_names import some_name
from maskloom.formats.shared.drawn import whole_objects
from maskloom.formats.shared.flat import void_rows

NEGATIVE, PARTIAL = "neg_category_ids", "not_exhaustive_category_ids"
LOOKS_FOR = f'COCO-like JSON with "{NEGATIVE}", or a folder of such files'
HOLDS = Holds(
    instances=True, overlap=True, attributes=True, fields=True, coverage=True, looked_for=True
)
_DIALECT = coco_write.Dialect("lvis", frozenset({"iscrowd", "score"}), HOLDS, whole=True)
_PLACES = ("annotations/*.json", "*.json")


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read LVIS."""

    like: Path | None = field(default=None, metadata={"help": LIKE})


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write LVIS."""

    segmentation: Literal["polygon", "rle"] = field(
        default="polygon",
        metadata={
            "help": "polygon: the author's vertices or pixel-edge rings where pycocotools makes "
            "the very same mask of them, else runs; rle: compressed runs"
        },
    )


def detect(path: Path) -> float:
    """Known by what images and categories say besides COCO's keys."""
    if path.is_file():
        return 1.0 if path.suffix.lower() == ".json" and _is_lvis(path) else 0.0
    return 0.95 if _files(path) else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a JSON file or of a folder.

    Raises:
        FormatError: nothing to read, an entry that COCO refuses, or lists of categories that
            are none.
    """
    parts = [path] if path.is_file() else _files(path)
    if not parts:
        raise FormatError("no LVIS file", where=path, hint=f"looked for {LOOKS_FOR}")
    like = None if options.like is None else read_truth(options.like)
    splits = [_split(p.stem) if path.is_dir() else None for p in parts]
    files = [
        read_file(part, split, skip_bad=options.skip_bad, like=like, named=named_by_address)
        for part, split in zip(parts, splits, strict=True)
    ]
    for file in files:
        for number, image in file.images.items():
            for name in (NEGATIVE, PARTIAL):
                _check_list(image, name, file.categories, f"{file.path}: image {number}, {name}")
    dataset = dataset_of(files, path, images, labels_of_image, same_annotations)
    if like is not None:
        # Results are of all categories, whatever people looked for.
        return dataset
    plain = dataset.labels_of
    keys = {c.id_in("coco"): c.key for c in dataset.taxonomy}

    def labels_of(sample: Sample) -> Labels:
        labels = plain(sample)
        return labels.replace(coverage=_coverage(sample, labels, dataset.taxonomy, keys))

    return replace(dataset, labels_of=labels_of)


def _is_lvis(path: Path) -> bool:
    text = json_ends(path)
    return text.startswith("{") and says_lvis(text)


def _files(folder: Path) -> list[Path]:
    for pattern in _PLACES:
        listed = sorted(folder.glob(pattern))
        if found := {p for p in listed if _is_lvis(p)}:
            # A split without images has nothing to be known by, but for its name.
            named = {p for p in listed if p.stem.startswith("lvis") and is_without_images(p)}
            return [p for p in listed if p in found | named]
    return []


def _split(stem: str) -> str | None:
    """`lvis_v1_val` → `val`; `lvis` → None."""
    return re.sub(r"^lvis(_v\d[\d.]*)?[_-]?", "", stem) or None


def _check_list(
    image: Mapping[str, Any], name: str, categories: Mapping[int, Any], where: str
) -> None:
    numbers = image.get(name, [])
    if not isinstance(numbers, list):
        raise FormatError("not a list of category ids", where=where, seen=numbers)
    for number in numbers:
        if not is_id(number) or number not in categories:
            raise FormatError("no category has this id", where=where, seen=number)


def _coverage(
    sample: Sample, labels: Labels, taxonomy: Taxonomy, keys: Mapping[int | None, str]
) -> Coverage:
    told = sample.extra.get("coco", {})
    negative, partial = (
        frozenset(keys[number] for number in told.get(name, ())) for name in (NEGATIVE, PARTIAL)
    )
    covered = (_present(labels, taxonomy) | negative) - partial
    return FULL if covered >= set(taxonomy.keys) else Coverage(covered)


def _present(labels: Labels, taxonomy: Taxonomy) -> frozenset[str]:
    assert labels.rows is not None
    return frozenset(taxonomy[c].key for c in set(labels.rows.category.tolist()))


class LvisWriter:
    """COCO's writer, with the lists of categories made from the coverage."""

    def __init__(
        self, target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
    ) -> None:
        how = coco_write.Write(options.images, options.segmentation)
        self.coco = coco_write.CocoWriter(target, taxonomy, how, extra, _DIALECT)
        self.taxonomy = taxonomy
        listed = [i for i, category in enumerate(taxonomy) if not category.void]
        numbers = category_ids(taxonomy, listed)
        self.numbers = {taxonomy[i].key: number for i, number in numbers.items()}

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What LVIS cannot hold: parts of images, among others."""
        found = self.coco.losses(sample, labels)
        if labels.coverage.area is not None and not labels.coverage.nothing:
            detail = "only categories can be said to be labelled in part, not areas of images"
            found.append(Loss(sample.key, "coverage", detail=detail))
        return found

    def put(self, sample: Sample, labels: Labels) -> None:
        """Keep the entries of one image and place the image."""
        rows = whole_objects(instance_rows(labels))
        written = (rows.masks.areas > 0) | _boxes(rows)
        rows = rows.take(written & ~void_rows(rows, self.taxonomy))
        # Crowds are plain objects in LVIS, and written as such.
        rows = replace(rows, crowd=np.zeros(len(rows), np.bool_))
        labels = labels.replace(rows=rows, class_map=None)
        own = sample.extra.get("coco", {})
        told = {**own, **self._lists(own, labels)}
        self.coco.put(replace(sample, extra={**sample.extra, "coco": told}), labels)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write one file, or one per split."""
        return self.coco.finish(splits)

    def _lists(self, own: Mapping[str, Any], labels: Labels) -> dict[str, list[int]]:
        """The file's own lists where they say what the coverage says, else such as do."""
        every = frozenset(self.numbers)
        present = _present(labels, self.taxonomy)
        covered = labels.coverage.categories
        covered = every if covered is None else covered & every
        if labels.coverage.nothing:
            covered = frozenset()
        if _says(own, present, covered, {n: key for key, n in self.numbers.items()}):
            return {NEGATIVE: own[NEGATIVE], PARTIAL: own[PARTIAL]}
        return {
            NEGATIVE: sorted(self.numbers[key] for key in covered - present),
            PARTIAL: sorted(self.numbers[key] for key in present - covered),
        }


def _boxes(rows: Rows) -> NDArray[np.bool_]:
    """(N,) boxes without a mask that COCO's writer writes; LVIS asks for `bbox` and `area`."""
    told: NDArray[np.bool_] = rows.kind == int(RowKind.BOX)
    for i in np.flatnonzero(told).tolist():
        told[i] = "bbox" in ((rows.source[i] if rows.source else None) or {})
    return told


def _says(
    own: Mapping[str, Any],
    present: frozenset[str],
    covered: frozenset[str],
    keys: Mapping[int, str],
) -> bool:
    """Whether the lists of a file say which categories are covered."""
    negative, partial = own.get(NEGATIVE), own.get(PARTIAL)
    if not isinstance(negative, list) or not isinstance(partial, list):
        return False
    if not keys.keys() >= {*negative, *partial}:
        return False
    return (present | {keys[n] for n in negative}) - {keys[n] for n in partial} == covered


def writer(
    target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any] | None = None
) -> LvisWriter:
    """A writer into a .json file or a folder; `extra` is that of the source data set."""
    return LvisWriter(target, taxonomy, options, extra or {})


FORMAT = Format(
    "lvis",
    "LVIS JSON: COCO-like, with the categories that were looked for in each image",
    HOLDS,
    LOOKS_FOR,
    Read,
    Write,
    detect,
    read,
    writer,
    file_suffix=".json",
    kept=Kept(("coco",)),
    names=some_name,
)
