"""Samples of COCO files, made when they are asked for: memory holds their keys and places."""

from __future__ import annotations

import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
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
    """

    def __init__(self, files: Sequence[CocoFile[OfImage]], path: Path, images: Path | None) -> None:
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
        if self.keys.doubled() is not None:
            # Splits in front of every key where two splits use one key.
            self.keys = KeyColumn(map(self._key_with_split, range(len(self.keys))))
        rows = np.arange(len(self.keys), dtype=np.int32)
        self.samples = LazySamples(self.keys, self._made, rows).by_key()

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

    def _made(self, rows: Rows) -> Iterator[Sample]:
        return map(self._sample, rows.tolist())

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
