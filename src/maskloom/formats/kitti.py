"""KITTI segmentation: training/image_2 with semantic (8 bit) and instance (16 bit) maps.

An instance map holds class * 256 + n; n is 0 where objects are not told apart. Classes have the
numbers of Cityscapes. Boxes (label_2) and point clouds are not read.

Source: KITTI pixel-level semantic segmentation benchmark, devkit_semantics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.base import Format, WriteOptions
from maskloom.formats.cityscapes.labels import (
    FORMAT_NAME,
    UNLABELED,
    StreetOptions,
    numbers_of,
    street_numbering,
)
from maskloom.formats.kept import Kept
from maskloom.formats.loss import Holds, Loss
from maskloom.formats.shared.folders import (
    SIDE_FILE,
    absences,
    image_labels_only,
    is_marked,
    read_side_file,
    samples_of,
    side_splits,
    splits_of,
    write_side_file,
)
from maskloom.formats.shared.numbered import (
    Packing,
    losses_of_numbers,
    numbering,
)
from maskloom.formats.shared.numbered_files import numbered_pairs, read_classes, read_objects
from maskloom.formats.shared.numbered_write import IMAGE, SplitFiles, put_maps

IMAGES = "image_2"
KINDS = ("semantic", "instance")
LOOKS_FOR = "image_2 with instance or semantic, in training or another folder"
HOLDS = Holds(dense=True, instances=True, void=True, background=False, crowd=True, coverage=True)
PACKING = Packing(step=256, first=1, most=255, plain=False, groups=True)
_PATTERNS = {
    **{kind: f"{{split}}/{kind}/{{place}}.png" for kind in KINDS},
    IMAGE: f"{{split}}/{IMAGES}/{{place}}",
}


@dataclass(frozen=True, slots=True)
class Read(StreetOptions):
    """How to read KITTI."""


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write KITTI."""


def detect(path: Path) -> float:
    """Known by the side file, or by its folders' names."""
    if not path.is_dir():
        return 0.0
    if is_marked(path, '"kind": "kitti"'):
        return 1.0
    return 0.95 if any(images.is_dir() for *_, images in _parts(path)) else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no maps, or a damaged side file.
    """
    side = read_side_file(path)
    meaning = street_numbering(options, side, PACKING, where=path / SIDE_FILE)
    keys = dict(side.get("keys", {}))
    pairs, classes, n_images = numbered_pairs(_parts(path), KINDS, keys, images)
    if not pairs:
        raise FormatError("no instance or semantic maps found", where=path, hint=LOOKS_FOR)
    by_key = {p.key: p.labels for p in pairs}
    strict = not options.skip_bad

    def labels_of(sample: Sample) -> Labels:
        file = by_key[sample.key]
        if file in classes:
            return read_objects(file, classes[file], meaning, sample, strict=strict)
        ids = meaning.numbers
        return read_classes(file, ids, UNLABELED, meaning.taxonomy, sample, strict=strict)

    return Dataset(
        meaning.taxonomy,
        samples_of(pairs),
        labels_of,
        side_splits(side, by_key) if side.get("splits") else splits_of(pairs),
        name=path.name,
        warnings=absences(pairs, n_images),
    )


def _parts(path: Path) -> Iterator[tuple[str | None, Path, Path]]:
    """(split, folder of maps, folder of images) of the folder itself, or of its sub-folders."""
    for split, folder in [(None, path), *((p.name, p) for p in sorted(path.iterdir()))]:
        if any((folder / name).is_dir() for name in KINDS):
            yield split, folder, folder / IMAGES


class KittiWriter:
    """DST/SPLIT/semantic, DST/SPLIT/instance and DST/SPLIT/image_2."""

    def __init__(self, target: Path, taxonomy: Taxonomy, options: Write) -> None:
        self.target = target
        numbers = numbers_of(taxonomy, things=255)
        self.taxonomy = taxonomy.with_ids(FORMAT_NAME, numbers)
        self.meaning = numbering(PACKING, self.taxonomy, numbers, UNLABELED)
        self.files = SplitFiles(target, _PATTERNS, options.images)

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What numbers of class and object cannot hold."""
        image_labels_only(labels.size, self.target)
        return losses_of_numbers(sample.key, labels, self.meaning, HOLDS)

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the maps of one image, the class map last, and place the image."""
        image_labels_only(labels.size, self.target)
        put_maps(self.files, KINDS, sample, labels, self.meaning, nothing=UNLABELED)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Name the folders by split and write the side file."""
        listed, renamed = self.files.arrange(splits)
        write_side_file(self.target, self.taxonomy, listed, kind="kitti", keys=renamed)
        return self.files.images.warnings()


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> KittiWriter:
    """A writer into the folder `target`; `extra` is not used."""
    del extra
    return KittiWriter(target, taxonomy, options)


FORMAT = Format(
    "kitti",
    "KITTI segmentation: image_2 with semantic and 16-bit instance maps",
    HOLDS,
    LOOKS_FOR,
    Read,
    Write,
    detect,
    read,
    writer,
    kept=Kept(("void_classes",)),
)
