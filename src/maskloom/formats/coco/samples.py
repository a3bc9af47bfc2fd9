"""Samples of COCO files, made when they are asked for: memory holds their keys and places."""

from __future__ import annotations

import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Generic

import numpy as np

from maskloom.core.key_column import KeyColumn
from maskloom.core.lazy_samples import LazySamples, Rows
from maskloom.core.sample import ImageRef, Sample, sample_key
from maskloom.formats.coco.file import CocoFile, OfImage
from maskloom.formats.coco.image_ids import ImageId, ImageIds
from maskloom.formats.coco.images import (
    data_root,
    folder_of,
    image_folders,
    safe_names,
    wanted_name,
)

_TAKEN = frozenset({"file_name", "height", "width"})


class CocoSamples(Generic[OfImage]):
    """One sample for every image of some files, by row: file after file, in their order.

    Args:
        files: of one data set.
        path: what was opened.
        images: folder under which images lie, if the user named one.
        alike: whether two files say the same of an image of this id.
    """

    def __init__(
        self,
        files: Sequence[CocoFile[OfImage]],
        path: Path,
        images: Path | None,
        alike: Callable[[CocoFile[OfImage], CocoFile[OfImage], ImageId], bool] | None = None,
    ) -> None:
        self.files = files
        self.keys = KeyColumn()
        self._ids = [ImageIds(file.images) for file in files]
        self._firsts = np.cumsum([0, *map(len, self._ids)]).tolist()
        self._safe: list[dict[str, str]] = []
        self._folders: list[list[Path]] = []
        self._last = ("", -1)
        self._places = array.array("b")  # which of its file's folders has the image
        root = images or data_root(path)
        for file in files:
            self._look(file, root, named=images is not None)
        again = self._again(alike) if self.keys.doubled() is not None else None
        if self.keys.doubled() is not None and again is None:
            # Splits in front of every key where two splits use one key.
            self.keys = KeyColumn(map(self._key_with_split, range(len(self.keys))))
        self._rows = np.arange(len(self.keys), dtype=np.int32)
        keys, make = self.keys, self._made
        if again is not None:
            self._rows = np.delete(self._rows, again)
            keys, make = KeyColumn(keys[row] for row in self._rows.tolist()), self._made_of
        self.samples = LazySamples(keys, make, np.arange(len(keys), dtype=np.int32)).by_key()

    def owner(self, key: str) -> tuple[CocoFile[OfImage], ImageId]:
        """The file of a sample, and the id of its image there."""
        # Labels are asked for of the sample that was made last, as a rule.
        last, row = self._last
        if last is not key:
            row = self.keys.find(key)
        if row < 0:
            raise KeyError(key)
        file, at = self._of(row)
        return self.files[file], self._ids[file][at]

    def splits(self) -> dict[str, tuple[str, ...]]:
        """The keys of each file that is a split, in order."""
        found: dict[str, list[str]] = {f.split: [] for f in self.files if f.split is not None}
        if found:
            for row in self.keys.order().tolist():
                split = self.files[self._of(row)[0]].split
                if split is not None:
                    found[split].append(self.keys[row])
        return {split: tuple(keys) for split, keys in found.items()}

    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the names of images, and how many are not there."""
        out = []
        outside = [name for safe in self._safe for name in safe]
        if outside:
            out.append(
                f"{len(outside)} file names lead out of the data's folder and are not followed, "
                f"first {outside[0]!r}; --images ROOT looks for them by their last part"
            )
        order = self.keys.order()
        if len(self._rows) < len(order):
            order = order[np.isin(order, self._rows)]
        missing = order[np.array(self._places, np.int8)[order] < 0]
        if len(missing):
            first = self._sample(int(missing[0])).file_name
            out.append(f"{len(missing)} of {len(order)} images are missing, first {first!r}")
        return tuple(out)

    def _look(self, file: CocoFile[OfImage], root: Path, *, named: bool) -> None:
        names = KeyColumn(str(image["file_name"]) for image in file.images.values())
        safe = safe_names(names)
        first = [names[i] for i in range(min(8, len(names)))]
        folders = image_folders(root, file.path, split=file.split, names=first, named=named)
        self._safe.append(safe)
        self._folders.append(folders)
        for name in names:
            self._places.append(folder_of(name, folders, safe, named=named))
            self.keys.append(sample_key(safe.get(name, name)))

    def _of(self, row: int) -> tuple[int, int]:
        """Which file, and which of its images."""
        file = bisect_right(self._firsts, row) - 1
        return file, row - self._firsts[file]

    def _key_with_split(self, row: int) -> str:
        split = self.files[self._of(row)[0]].split
        return f"{split}/{self.keys[row]}" if split else self.keys[row]

    def _again(
        self, alike: Callable[[CocoFile[OfImage], CocoFile[OfImage], ImageId], bool] | None
    ) -> list[int] | None:
        """Rows of images that a file before has, too; None where two of one key are not alike."""
        again = []
        for one, two in pairwise(self.keys.order().tolist()):
            if self.keys[one] == self.keys[two]:
                if alike is None or not self._same(one, two, alike):
                    return None
                again.append(two)
        return again

    def _same(
        self,
        one: int,
        two: int,
        alike: Callable[[CocoFile[OfImage], CocoFile[OfImage], ImageId], bool],
    ) -> bool:
        """Whether two splits have the very same image, with one id and the same annotations."""
        (first, at), (second, place) = self._of(one), self._of(two)
        image, other = self._ids[first][at], self._ids[second][place]
        files = self.files[first], self.files[second]
        if image != other or first == second or None in (files[0].split, files[1].split):
            return False
        if files[0].images[image] != files[1].images[other]:
            return False
        return self._sample(one).image == self._sample(two).image and alike(*files, image)

    def _made(self, rows: Rows) -> Iterator[Sample]:
        return map(self._sample, rows.tolist())

    def _made_of(self, rows: Rows) -> Iterator[Sample]:
        """The same by positions among images that are listed once."""
        return self._made(self._rows[rows])

    def _sample(self, row: int) -> Sample:
        file, at = self._of(row)
        image = self.files[file].images[self._ids[file][at]]
        name, place = str(image["file_name"]), self._places[row]
        found = (
            self._folders[file][place] / wanted_name(name, self._safe[file]) if place >= 0 else None
        )
        rest: dict[str, Any] = {k: v for k, v in image.items() if k not in _TAKEN}
        size = (int(image["height"]), int(image["width"]))
        key = self.keys[row]
        self._last = key, row
        return Sample(key, ImageRef(found, size), file_name=name, extra={"coco": rest})
