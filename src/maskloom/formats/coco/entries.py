"""What a COCO writer holds until it knows the order: entries on disk, numbers as columns."""

from __future__ import annotations

import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.key_column import KeyColumn
from maskloom.formats.coco.ids import IdColumn
from maskloom.formats.shared.spool import Spool

Rows = NDArray[np.int64]
Numbers = Sequence[int] | Sequence[str] | NDArray[np.int64]


class CocoEntries:
    """Entries of images and of their annotations.

    Args:
        target: what is written in the end.
        watched: positions of categories of which must be known whether annotations use them.
    """

    def __init__(self, target: Path, watched: frozenset[int] = frozenset()) -> None:
        self.keys = KeyColumn()
        self._images, self._annotations = Spool(target), Spool(target)
        self._image_ids, self._ids = IdColumn(), IdColumn()
        self._texts = KeyColumn()
        self._watched = watched
        self._users: list[tuple[int, frozenset[int]]] = []
        self._ends = array.array("q", [0])
        self._as_one: tuple[dict[int, Any], NDArray[Any]] | None = None

    def append(self, key: str, image: Mapping[str, Any], annotations: list[dict[str, Any]]) -> None:
        """Keep an image; `category_id` of annotations is a position in the taxonomy."""
        own = image.get("id")
        if isinstance(own, str):
            self._texts.append(own)
        self._image_ids.append(own)
        for one in annotations:
            self._ids.append(one.get("id"))
        if self._watched:
            seen = self._watched.intersection(one["category_id"] for one in annotations)
            self._users += [(len(self.keys), seen)] if seen else []
        self.keys.append(key)
        self._images.append(image)
        self._annotations.append(annotations)
        self._ends.append(len(self._ids))

    def ordered(self) -> Rows:
        """All images in order of their keys."""
        return self.keys.order().astype(np.int64)

    def rows_of(self, keys: tuple[str, ...]) -> Rows:
        """Those of some keys that are here, in order of their keys."""
        found = np.array([self.keys.find(key) for key in sorted(keys)], np.int64)
        return found[found >= 0]

    def numbered(self, rows: Rows) -> tuple[Numbers, Rows]:
        """Ids of some images in rising order, and the images in that order.

        They are texts where all images came with one, else numbers.
        """
        if self._as_one is not None:
            own = [self._as_one[0][row] for row in rows.tolist()]
            order = np.array(sorted(range(len(own)), key=own.__getitem__), np.int64)
            return [own[i] for i in order.tolist()], rows[order]
        if len(self._texts) == len(self.keys):
            texts = [self._texts[row] for row in rows.tolist()]
            if len(set(texts)) == len(texts):
                order = np.array(sorted(range(len(texts)), key=texts.__getitem__), np.int64)
                return [texts[i] for i in order.tolist()], rows[order]
        ids = self._image_ids.kept(rows)
        if isinstance(ids, np.ndarray):
            order = np.argsort(ids, kind="stable")
            return ids[order], rows[order]
        order = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
        return [ids[i] for i in order.tolist()], rows[order]

    def number_as_one(self, rows: Rows) -> None:
        """Give images and annotations one id each for all files, of which several may list one."""
        numbers, ordered = self.numbered(rows)
        ids = np.empty(len(self._ids), object)
        entries = self._of(ordered)
        for entry, own in zip(entries.tolist(), self._ids.kept(entries), strict=True):
            ids[entry] = int(own)
        by_row = {row: _said(n) for row, n in zip(ordered.tolist(), numbers, strict=True)}
        self._as_one = by_row, ids

    def images(self, numbers: Numbers, rows: Rows) -> Iterator[dict[str, Any]]:
        """Their entries with these ids."""
        for number, row in zip(numbers, rows, strict=True):
            yield {**self._images.get(int(row)), "id": _said(number)}

    def used(self, rows: Rows) -> frozenset[int]:
        """Positions of the categories among the watched ones that their annotations have."""
        chosen = set(rows.tolist()) if self._users else frozenset[int]()
        return frozenset[int]().union(*(seen for row, seen in self._users if row in chosen))

    def annotations(
        self, numbers: Numbers, rows: Rows, categories: Mapping[int, int]
    ) -> Iterator[dict[str, Any]]:
        """Their annotations with ids; `categories` are ids by position."""
        own = self._of(rows)
        ids = iter(self._ids.kept(own) if self._as_one is None else self._as_one[1][own])
        for number, row in zip(numbers, rows, strict=True):
            image = _said(number)
            for one in self._annotations.get(int(row)):
                category = categories[one["category_id"]]
                yield {**one, "id": int(next(ids)), "image_id": image, "category_id": category}

    def _of(self, rows: Rows) -> Rows:
        """Positions of the annotations of some images, in this order."""
        ends = np.frombuffer(self._ends, np.int64)
        rows = rows[ends[rows + 1] > ends[rows]]
        first, last = ends[rows], ends[rows + 1]
        # Steps of one, and from image to image of more, summed in place.
        entries: Rows = np.ones(int((last - first).sum()), np.int64)
        if len(rows):
            starts = np.cumsum(last - first) - (last - first)
            entries[starts] = first - np.append(0, last[:-1] - 1)
        return np.cumsum(entries, out=entries)


def _said(number: int | np.int64 | str) -> int | str:
    """An id as JSON says it."""
    return number if isinstance(number, str) else int(number)
