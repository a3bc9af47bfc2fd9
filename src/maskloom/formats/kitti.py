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
from maskloom.formats.cityscapes_labels import (
    UNLABELED,
    StreetOptions,
    numbers_of,
    street_numbering,
    with_numbers,
)
from maskloom.formats.folders import (
    SIDE_FILE,
    Pair,
    absences,
    image_labels_only,
    list_files,
    read_side_file,
    samples_of,
    side_splits,
    splits_of,
    unique_pairs,
    write_side_file,
)
from maskloom.formats.loss import Holds, Loss
from maskloom.formats.numbered import (
    Packing,
    losses_of_numbers,
    numbering,
    numbers_of_labels,
)
from maskloom.formats.numbered_files import (
    IMAGE,
    SplitFiles,
    class_values,
    classes_of_numbers,
    read_classes,
    read_objects,
)
from maskloom.store.images import write_png

IMAGES, CLASSES, OBJECTS = "image_2", "semantic", "instance"
LOOKS_FOR = "image_2 with instance or semantic, in training or another folder"
HOLDS = Holds(dense=True, instances=True, void=True, background=False, crowd=True, coverage=True)
PACKING = Packing(step=256, first=1, most=255, plain=False, groups=True)
_PATTERNS = {
    CLASSES: f"{{split}}/{CLASSES}/{{place}}.png",
    OBJECTS: f"{{split}}/{OBJECTS}/{{place}}.png",
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
    side = path / SIDE_FILE
    if side.is_file() and '"kind": "kitti"' in side.read_text("utf-8", "replace"):
        return 1.0
    return 0.95 if any((folder / IMAGES).is_dir() for _, folder in _parts(path)) else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no maps, or a damaged side file.
    """
    side = read_side_file(path)
    meaning = street_numbering(options, side, PACKING, where=path / SIDE_FILE)
    pairs, classes, n_images = _pairs(path, images, side)
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


def _parts(path: Path) -> Iterator[tuple[str | None, Path]]:
    """(split, folder) of the folder itself, or of its sub-folders."""
    for split, folder in [(None, path), *((p.name, p) for p in sorted(path.iterdir()))]:
        if any((folder / name).is_dir() for name in (OBJECTS, CLASSES)):
            yield split, folder


def _pairs(
    path: Path, images: Path | None, side: Mapping[str, Any]
) -> tuple[list[Pair], dict[Path, Path | None], int]:
    """Maps with their images, the class map beside each instance map, and the number of images."""
    named = dict(side.get("keys", {}))
    beside: dict[Path, Path | None] = {}
    found: list[Pair] = []
    n_images = 0
    for split, folder in _parts(path):
        pictures = list_files(images or folder / IMAGES)
        objects = list_files(folder / OBJECTS, (".png",))
        classes = list_files(folder / CLASSES, (".png",))
        beside |= {file: classes.get(key) for key, file in objects.items()}
        for place, file in {**classes, **objects}.items():
            key = str(named.get(f"{split}/{place}", place))
            found.append(Pair(key, file, pictures.get(place), split))
        n_images += len(pictures) if images is None else 0
    pairs = unique_pairs(found)
    return pairs, beside, n_images or sum(p.image is not None for p in pairs)


class KittiWriter:
    """DST/SPLIT/semantic, DST/SPLIT/instance and DST/SPLIT/image_2."""

    def __init__(self, target: Path, taxonomy: Taxonomy, options: Write) -> None:
        self.target = target
        numbers = numbers_of(taxonomy, things=255)
        self.taxonomy = with_numbers(taxonomy, numbers)
        self.meaning = numbering(PACKING, self.taxonomy, numbers, UNLABELED)
        self.files = SplitFiles(target, _PATTERNS, options.images)

    def has(self, key: str) -> bool:
        """Whether the class map is there."""
        return self.files.exists(CLASSES, key)

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What numbers of class and object cannot hold."""
        image_labels_only(labels.size, self.target)
        return losses_of_numbers(sample.key, labels, self.meaning, HOLDS)

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the maps of one image, the class map last, and place the image."""
        image_labels_only(labels.size, self.target)
        self.files.put_image(sample, sample.key)
        if labels.rows is None:
            classes = class_values(labels, self.meaning, UNLABELED)
        else:
            values = numbers_of_labels(labels, self.meaning, UNLABELED)
            write_png(self.files.path(OBJECTS, sample.key), values)
            classes = classes_of_numbers(values, PACKING)
        write_png(self.files.path(CLASSES, sample.key), classes.astype("uint8"))

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
)
