"""Write Cityscapes: label, instance and train id maps by split and city, and a side file.

Objects make instance maps, class maps label maps alone. A polygon file that came along is
written where it still paints the same map. `taxonomy.json` says what the numbers mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, codes
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.base import WriteOptions
from maskloom.formats.cityscapes_files import ANNOTATIONS, IMAGES, KINDS
from maskloom.formats.cityscapes_labels import (
    FORMAT_NAME,
    IGNORED,
    UNLABELED,
    numbers_of,
    train_ids,
    with_numbers,
)
from maskloom.formats.cityscapes_polygons import paint_polygons
from maskloom.formats.folders import ImagePlacer, image_labels_only, write_side_file
from maskloom.formats.loss import Holds, Loss
from maskloom.formats.maps import classes_to_values
from maskloom.formats.numbered import (
    Packing,
    losses_of_numbers,
    numbering,
    numbers_of_labels,
)
from maskloom.store.files import atomic_write_bytes, safe_join
from maskloom.store.images import write_png

HOLDS = Holds(dense=True, instances=True, void=True, background=False, crowd=True, coverage=True)
PACKING = Packing(step=1000, first=0, most=1000, plain=True, groups=True)
_TAG = ANNOTATIONS[0]
_UNSORTED = "unsorted"


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write Cityscapes."""


class CityscapesWriter:
    """DST/gtFine/SPLIT/CITY/NAME_gtFine_*.png; folders get the names of splits at the end."""

    def __init__(self, target: Path, taxonomy: Taxonomy, options: Write) -> None:
        self.target = target
        self.numbers = numbers_of(taxonomy)
        self.taxonomy = with_numbers(taxonomy, self.numbers)
        self.meaning = numbering(PACKING, self.taxonomy, self.numbers, UNLABELED)
        self.images = ImagePlacer(target / IMAGES, options.images)
        self.suffixes: dict[str, str] = {}
        train = train_ids(self.taxonomy, self.numbers)
        self.train = np.array([train.get(n, IGNORED) for n in range(256)], np.uint8)

    def has(self, key: str) -> bool:
        """Whether the label map is there, of whatever split."""
        name = f"{_city_place(key)}_{_TAG}_labelIds.png"
        return (
            any((self.target / _TAG).glob(f"*/{name}")) if (self.target / _TAG).is_dir() else False
        )

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What numbers of class and object cannot hold."""
        image_labels_only(labels.size, self.target)
        holds = replace(HOLDS, vertices=self._polygons(labels) is not None)
        return losses_of_numbers(sample.key, labels, self.meaning, holds)

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the maps of one image, the label map last, and place the image."""
        image_labels_only(labels.size, self.target)
        place = f"{_UNSORTED}/{_city_place(sample.key)}"
        suffix = sample.image.path.suffix if sample.image.path is not None else ".png"
        self.images.put(sample, f"{place}_{IMAGES}{suffix}")
        self.suffixes[sample.key] = suffix
        if labels.rows is None:
            classes = self._classes(labels)
        else:
            values = numbers_of_labels(labels, self.meaning, UNLABELED)
            step = np.uint16(PACKING.step)
            classes = np.where(values < step, values, values // step).astype(np.uint8)
            polygons = self._polygons(labels, values)
            if polygons is not None:
                text = json.dumps(polygons, indent=4, ensure_ascii=False)
                atomic_write_bytes(self._path(place, "polygons.json"), (text + "\n").encode())
            write_png(self._path(place, "instanceIds.png"), values)
        write_png(self._path(place, "labelTrainIds.png"), self.train[classes])
        write_png(self._path(place, "labelIds.png"), classes)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Name the folders by split and write the side file."""
        placed = _placed(sorted(self.suffixes), splits)
        renamed = {}
        for key, split in placed.items():
            name = _city_place(key.removeprefix(f"{split}/"))
            if name != key:
                renamed[f"{split}/{name}"] = key
            self._move(key, f"{split}/{name}")
        for folder in (self.target / _TAG, self.target / IMAGES):
            _remove_empty(folder / _UNSORTED)
        members: dict[str, list[str]] = {}
        for key, split in placed.items():
            members.setdefault(split, []).append(key)
        listed = {name: tuple(keys) for name, keys in members.items()} | dict(splits)
        write_side_file(self.target, self.taxonomy, listed, kind=FORMAT_NAME, keys=renamed)
        return self.images.warnings()

    def _classes(self, labels: Labels) -> NDArray[Any]:
        """The label map of a class map; void pixels get the void class that they came with."""
        pixels = labels.class_map
        assert pixels is not None
        values = classes_to_values(pixels, self.numbers, void=UNLABELED, background=UNLABELED)
        void = pixels == codes(pixels.dtype)[0]
        for key, runs in labels.extra.get(FORMAT_NAME, {}).get("void", {}).items():
            position = self.taxonomy.find(key)
            if position in self.numbers and self.taxonomy[position].void:
                values[void & Masks.from_coco([runs]).dense(0)] = self.numbers[position]
        return values

    def _polygons(
        self, labels: Labels, values: NDArray[np.uint16] | None = None
    ) -> Mapping[str, Any] | None:
        """The polygon file of the source, if it paints the same map."""
        data = labels.extra.get(FORMAT_NAME, {}).get("polygons")
        if data is None or labels.rows is None:
            return None
        if values is None:
            values = numbers_of_labels(labels, self.meaning, UNLABELED)
        try:
            painted, _ = paint_polygons(data, self.meaning, where=self.target)
        except FormatError:
            return None
        same = painted.shape == values.shape and not (painted != values).any()
        return data if same else None

    def _move(self, key: str, place: str) -> None:
        source = f"{_UNSORTED}/{_city_place(key)}"
        for kind in KINDS:
            if self._path(source, kind).is_file():
                _rename(self._path(source, kind), self._path(place, kind))
        ending = f"_{IMAGES}{self.suffixes[key]}"
        image = safe_join(self.images.folder, source + ending)
        if image.is_file():
            _rename(image, safe_join(self.images.folder, place + ending))

    def _path(self, place: str, kind: str) -> Path:
        return safe_join(self.target / _TAG, f"{place}_{_TAG}_{kind}")


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> CityscapesWriter:
    """A writer into the folder `target`; `extra` is not used."""
    del extra
    return CityscapesWriter(target, taxonomy, options)


def _city_place(key: str) -> str:
    """CITY/NAME of a key; one without a folder gets the first part of its name as city."""
    return key if "/" in key else f"{key.partition('_')[0]}/{key}"


def _placed(keys: list[str], splits: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Key → the first split that lists it; what none lists is `train`, or `rest` beside others."""
    found: dict[str, str] = {}
    for split, members in splits.items():
        for key in members:
            found.setdefault(key, split)
    rest = "rest" if splits else "train"
    return {key: found.get(key, rest) for key in keys}


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)


def _remove_empty(folder: Path) -> None:
    if folder.is_dir():
        for sub in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
            sub.rmdir()
        folder.rmdir()
