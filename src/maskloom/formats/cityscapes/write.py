"""Write Cityscapes: label, instance and train id maps by split and city, and a side file.

Objects make instance maps, class maps label maps alone. A polygon file that came along is
written as long as it says what the map does. `taxonomy.json` says what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.formats.base import WriteOptions
from maskloom.formats.cityscapes.again import facts_of_polygons, polygons_again
from maskloom.formats.cityscapes.files import ANNOTATIONS, IMAGES, KINDS
from maskloom.formats.cityscapes.labels import (
    FORMAT_NAME,
    IGNORED,
    UNLABELED,
    numbers_of,
    train_ids,
)
from maskloom.formats.loss import Holds, Loss
from maskloom.formats.shared.folders import image_labels_only, write_side_file
from maskloom.formats.shared.json_files import json_line
from maskloom.formats.shared.numbered import (
    Packing,
    losses_of_numbers,
    numbering,
    numbers_of_labels,
)
from maskloom.formats.shared.numbered_files import classes_of_numbers
from maskloom.formats.shared.numbered_write import IMAGE, SplitFiles, class_values
from maskloom.store.files import atomic_write_bytes
from maskloom.store.images import write_png

HOLDS = Holds(dense=True, instances=True, void=True, background=False, crowd=True, coverage=True)
PACKING = Packing(step=1000, first=0, most=1000, plain=True, groups=True)
_TAG = ANNOTATIONS[0]
_PATTERNS = {
    **{kind: f"{_TAG}/{{split}}/{{place}}_{_TAG}_{kind}" for kind in KINDS},
    IMAGE: f"{IMAGES}/{{split}}/{{place}}_{IMAGES}",
}


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write Cityscapes."""


class CityscapesWriter:
    """DST/gtFine/SPLIT/CITY/NAME_gtFine_*.png; folders get the names of splits at the end."""

    def __init__(self, target: Path, taxonomy: Taxonomy, options: Write) -> None:
        self.target = target
        self.numbers = numbers_of(taxonomy)
        self.taxonomy = taxonomy.with_ids(FORMAT_NAME, self.numbers)
        self.meaning = numbering(PACKING, self.taxonomy, self.numbers, UNLABELED)
        self.files = SplitFiles(target, _PATTERNS, options.images)
        train = train_ids(self.taxonomy, self.numbers)
        self.train = np.array([train.get(n, IGNORED) for n in range(256)], np.uint8)

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What numbers of class and object cannot hold."""
        image_labels_only(labels.size, self.target)
        polygons = self._polygons(labels)
        holds = replace(HOLDS, vertices=polygons is not None)
        found = losses_of_numbers(sample.key, labels, self.meaning, holds)
        said = labels.extra.get(FORMAT_NAME)
        names = facts_of_polygons(said) if polygons is None else ()
        if names:
            detail = f"of the image: {', '.join(names)}"
            found.append(Loss(sample.key, "fields", detail=detail, names=names))
        return found

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the maps of one image, the label map last, and place the image."""
        image_labels_only(labels.size, self.target)
        place = _city_place(sample.key)
        self.files.put_image(sample, place)
        if labels.rows is None:
            classes = class_values(labels, self.meaning, UNLABELED)
        else:
            values = numbers_of_labels(labels, self.meaning, UNLABELED)
            classes = classes_of_numbers(values, PACKING).astype(np.uint8)
            polygons = self._polygons(labels, values)
            if polygons is not None:
                text = json_line(polygons, indent=4)
                path = self.files.path("polygons.json", place)
                atomic_write_bytes(path, (text + "\n").encode())
            write_png(self.files.path("instanceIds.png", place), values)
        write_png(self.files.path("labelTrainIds.png", place), self.train[classes])
        write_png(self.files.path("labelIds.png", place), classes)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Name the folders by split and write the side file."""
        places = {key: _city_place(key) for key in self.files.suffixes}
        listed, renamed = self.files.arrange(splits, places)
        write_side_file(self.target, self.taxonomy, listed, kind=FORMAT_NAME, keys=renamed)
        return self.files.images.warnings()

    def _polygons(
        self, labels: Labels, values: NDArray[np.uint16] | None = None
    ) -> Mapping[str, Any] | None:
        """The polygon file of the source, if it still says the same."""
        said = labels.extra.get(FORMAT_NAME, {})
        if "polygons" not in said or labels.rows is None:
            return None
        if values is None:
            values = numbers_of_labels(labels, self.meaning, UNLABELED)
        return polygons_again(said, labels.rows, values, self.meaning)


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> CityscapesWriter:
    """A writer into the folder `target`; `extra` is not used."""
    del extra
    return CityscapesWriter(target, taxonomy, options)


def _city_place(key: str) -> str:
    """CITY/NAME of a key; one without a folder gets the first part of its name as city."""
    return key if "/" in key else f"{key.partition('_')[0]}/{key}"
