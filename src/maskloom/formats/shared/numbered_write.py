"""Label maps in which numbers say class and object, written into folders named by split.

Shared by `cityscapes`, `kitti` and `mapillary`; how they are read is `numbered_files.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, codes
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.errors import DataError
from maskloom.formats.shared.folders import ImagePlacer
from maskloom.formats.shared.maps import classes_to_values
from maskloom.formats.shared.numbered import Numbering, numbers_of_labels
from maskloom.formats.shared.numbered_files import VOID_CLASSES, classes_of_numbers
from maskloom.store.files import safe_join, stays_below
from maskloom.store.images import write_png

IMAGE = "image"
_UNSORTED = "unsorted"


def put_maps(
    files: SplitFiles,
    names: tuple[str, str],
    sample: Sample,
    labels: Labels,
    meaning: Numbering,
    *,
    nothing: int,
    palette: NDArray[np.uint8] | None = None,
) -> None:
    """Write the maps of one image, the class map last, and place the image.

    Args:
        files: where they go.
        names: kinds of class maps and of maps of objects.
        sample: the image.
        labels: of it; rows make both maps, a class map that one alone.
        meaning: of the numbers.
        nothing: the class of pixels that are not labelled.
        palette: (K, 3) colours of the class map, if it has any.

    Raises:
        WriteError: the target cannot be written.
    """
    files.put_image(sample, sample.key)
    class_maps, object_maps = names
    if labels.rows is None:
        classes = class_values(labels, meaning, nothing)
    else:
        values = numbers_of_labels(labels, meaning, meaning.packing.region(nothing))
        write_png(files.path(object_maps, sample.key), values)
        classes = classes_of_numbers(values, meaning.packing)
    write_png(files.path(class_maps, sample.key), classes.astype(np.uint8), palette=palette)


def class_values(labels: Labels, meaning: Numbering, nothing: int) -> NDArray[Any]:
    """The stored map of labels that are a class map; void gets the class that it came with.

    Args:
        labels: of an image.
        meaning: of the numbers.
        nothing: number of other void, of background, and of classes without a number.
    """
    pixels = labels.class_map
    assert pixels is not None
    number_of = dict.fromkeys(range(len(meaning.taxonomy)), nothing)
    number_of |= {position: number for number, position in meaning.numbers.items()}
    values = classes_to_values(pixels, number_of, void=nothing, background=nothing)
    void = pixels == codes(pixels.dtype)[0]
    positions = {key: i for i, key in enumerate(meaning.taxonomy.keys)}
    for key, runs in labels.extra.get(VOID_CLASSES, {}).items():
        position = positions.get(key)
        if position is not None and meaning.taxonomy[position].void:
            values[void & Masks.from_coco([runs]).dense(0)] = number_of[position]
    return values


class SplitFiles:
    """Files that wait in a folder `unsorted` until the splits are known.

    Args:
        target: root of the data set.
        patterns: kind → path below it with `{split}` and `{place}`; that of `image` lacks the
            suffix.
        how: what happens to images.
    """

    def __init__(self, target: Path, patterns: Mapping[str, str], how: str) -> None:
        self.target = target
        self.patterns = patterns
        self.images = ImagePlacer(target, how)
        self.suffixes: dict[str, str] = {}

    def path(self, kind: str, place: str, split: str = _UNSORTED) -> Path:
        """Where a file of a kind lies.

        Raises:
            DataError: the place leads out of its split.
        """
        if not stays_below(place):
            raise DataError("a path leads out of the data's folder", where=self.target, seen=place)
        return safe_join(self.target, self.patterns[kind].format(split=split, place=place))

    def exists(self, kind: str, place: str) -> bool:
        """Whether the file is there in any split."""
        if self.path(kind, place).is_file():
            return True
        head, _, tail = self.patterns[kind].partition("{split}")
        folders = self.target / head
        return folders.is_dir() and any(
            safe_join(folder, tail.lstrip("/").format(place=place)).is_file()
            for folder in folders.iterdir()
            if folder.is_dir()
        )

    def put_image(self, sample: Sample, place: str) -> None:
        """Place the image of a sample, which from now on is one that `arrange` moves."""
        suffix = sample.image.path.suffix if sample.image.path is not None else ".png"
        name = self.path(IMAGE, place).relative_to(self.target).as_posix()
        self.images.put(sample, name + suffix)
        self.suffixes[sample.key] = suffix

    def arrange(
        self, splits: Mapping[str, tuple[str, ...]], places: Mapping[str, str] | None = None
    ) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
        """Move all files to their splits.

        Args:
            splits: name → keys; what none lists is `train`, or `rest` beside others.
            places: key → place, where it is not the key.

        Returns:
            splits with those that were made up, and SPLIT/PLACE → key where the two differ.
        """
        placed = _placed(sorted(self.suffixes), splits)
        members: dict[str, list[str]] = {}
        renamed: dict[str, str] = {}
        for key, split in placed.items():
            before = (places or {}).get(key, key)
            after = before.removeprefix(f"{split}/")
            if after != key:
                renamed[f"{split}/{after}"] = key
            members.setdefault(split, []).append(key)
            self._move(key, before, after, split)
        for pattern in self.patterns.values():
            head, _, _ = pattern.partition("{split}")
            _remove_empty(self.target / head / _UNSORTED)
        return {name: tuple(keys) for name, keys in members.items()} | dict(splits), renamed

    def _move(self, key: str, before: str, after: str, split: str) -> None:
        for kind in self.patterns:
            ending = self.suffixes[key] if kind == IMAGE else ""
            source = self.path(kind, before)
            source = source.with_name(source.name + ending)
            if source.is_file():
                target = self.path(kind, after, split)
                target.parent.mkdir(parents=True, exist_ok=True)
                source.replace(target.with_name(target.name + ending))


def _placed(keys: Iterable[str], splits: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Key → the first split that lists it."""
    found: dict[str, str] = {}
    for split, members in splits.items():
        for key in members:
            found.setdefault(key, split)
    rest = "rest" if splits else "train"
    return {key: found.get(key, rest) for key in keys}


def _remove_empty(folder: Path) -> None:
    if folder.is_dir():
        for sub in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
            sub.rmdir()
        folder.rmdir()
