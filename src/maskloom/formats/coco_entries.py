"""What a COCO writer holds until it knows the order: entries on disk, numbers as columns."""

from __future__ import annotations

import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.key_column import KeyColumn
from maskloom.formats.coco_ids import IdColumn
from maskloom.formats.spool import Spool

Rows = NDArray[np.int64]


class CocoEntries:
    """Entries of images and of their annotations.

    Args:
        target: what is written in the end.
    """

    def __init__(self, target: Path) -> None:
        self.keys = KeyColumn()
        self._images, self._annotations = Spool(target), Spool(target)
        self._image_ids, self._ids = IdColumn(), IdColumn()
        self._categories = array.array("i")
        self._ends = array.array("q", [0])

    def append(self, key: str, image: Mapping[str, Any], annotations: list[dict[str, Any]]) -> None:
        """Keep an image; `category_id` of annotations is a position in the taxonomy."""
        self.keys.append(key)
        self._images.append(image)
        self._annotations.append(annotations)
        self._image_ids.append(image.get("id"))
        for one in annotations:
            self._ids.append(one.get("id"))
            self._categories.append(one["category_id"])
        self._ends.append(len(self._ids))

    def ordered(self) -> Rows:
        """All images in order of their keys."""
        return self.keys.order().astype(np.int64)

    def rows_of(self, keys: tuple[str, ...]) -> Rows:
        """Those of some keys that are here, in order of their keys."""
        found = np.array([self.keys.find(key) for key in sorted(keys)], np.int64)
        return found[found >= 0]

    def numbered(self, rows: Rows) -> tuple[list[int], Rows]:
        """Ids of some images in rising order, and the images in that order."""
        ids = self._image_ids.kept(rows)
        order = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
        return [int(ids[i]) for i in order.tolist()], rows[order]

    def images(self, numbers: list[int], rows: Rows) -> Iterator[dict[str, Any]]:
        """Their entries with these ids."""
        for number, row in zip(numbers, rows.tolist(), strict=True):
            yield {**self._images.get(row), "id": number}

    def used(self, rows: Rows) -> frozenset[int]:
        """Positions of the categories of their annotations."""
        return frozenset(np.unique(np.array(self._categories)[self._of(rows)]).tolist())

    def annotations(
        self, numbers: list[int], rows: Rows, categories: Mapping[int, int]
    ) -> Iterator[dict[str, Any]]:
        """Their annotations with ids; `categories` are ids by position."""
        ids = iter(self._ids.kept(self._of(rows)))
        for number, row in zip(numbers, rows.tolist(), strict=True):
            for one in self._annotations.get(row):
                category = categories[one["category_id"]]
                yield {**one, "id": int(next(ids)), "image_id": number, "category_id": category}

    def _of(self, rows: Rows) -> Rows:
        """Positions of the annotations of some images, in this order."""
        ends = np.array(self._ends, np.int64)
        counts = ends[rows + 1] - ends[rows]
        shifts = ends[rows] - (np.cumsum(counts) - counts)
        entries: Rows = np.arange(int(counts.sum())) + np.repeat(shifts, counts)
        return entries
