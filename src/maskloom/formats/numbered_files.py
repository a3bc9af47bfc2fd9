"""Files of label maps by split: read into labels, and written into folders named by split.

Shared by `cityscapes`, `kitti` and `mapillary`; what their numbers mean is `numbered.py`.
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
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, FormatError
from maskloom.formats.folders import ImagePlacer
from maskloom.formats.maps import classes_to_values, ids_to_classes, read_checked
from maskloom.formats.numbered import Numbering, Packing, labels_of_numbers
from maskloom.store.files import safe_join, stays_below

VOID_CLASSES = "void_classes"
"""In `Labels.extra` of class maps: key → runs of the pixels of each void category."""
IMAGE = "image"
_UNSORTED = "unsorted"


def read_objects(
    path: Path, classes: Path | None, meaning: Numbering, sample: Sample, *, strict: bool
) -> Labels:
    """Rows of a map of numbers; notes say where a class map beside it tells otherwise.

    Args:
        path: of the map of numbers.
        classes: of the class map of the same image, if there is one.
        meaning: of the numbers.
        sample: whose labels they are.
        strict: refuse unknown classes; else their pixels are unlabelled.

    Raises:
        FormatError: an unknown class, or maps and image differ in size.
    """
    values = read_checked(path, sample)
    labels = labels_of_numbers(values, meaning, where=path, strict=strict)
    if classes is None:
        return labels
    other = read_checked(classes, sample)
    told = classes_of_numbers(values, meaning.packing)
    if other.shape != told.shape:
        raise FormatError(
            f"the class map is not of the size of {path.name}", where=classes, seen=other.shape
        )
    if not (differ := int(np.count_nonzero(other != told))):
        return labels
    note = f"{differ} px have another class in {classes.name}"
    return labels.replace(extra={**labels.extra, "notes": (*labels.extra.get("notes", ()), note)})


def classes_of_numbers(values: NDArray[Any], packing: Packing) -> NDArray[np.int64]:
    """(H, W) class numbers of a map of numbers."""
    wide = values.astype(np.int64)
    if packing.plain:
        return np.where(wide < packing.step, wide, wide // packing.step)
    return wide // packing.step


def read_classes(
    path: Path,
    ids: Mapping[int, int],
    silent: int,
    taxonomy: Taxonomy,
    sample: Sample,
    *,
    strict: bool,
) -> Labels:
    """A class map; which void class a pixel has is kept beside it.

    Args:
        path: of the map.
        ids: stored value → position.
        silent: the value that says nothing of a pixel.
        taxonomy: of the labels.
        sample: whose labels they are.
        strict: refuse unknown values; else they are void, and counted.

    Raises:
        FormatError: a value without a meaning, colours, or another size than the image's.
    """
    values = read_checked(path, sample)
    size = (int(values.shape[0]), int(values.shape[1]))
    if values.ndim == 3:
        raise FormatError("a class map holds no colours", where=path, seen=values.shape)
    void = {value: place for value, place in ids.items() if taxonomy[place].void}
    table = {**ids, **dict.fromkeys(void, -1), silent: -1}
    unknown = [] if strict else sorted(set(np.unique(values).tolist()) - set(table))
    table |= dict.fromkeys(unknown, -1)
    labels = Labels(size, class_map=ids_to_classes(values, table, len(taxonomy), where=path))
    extra: dict[str, Any] = {}
    if unknown:
        count = int(np.isin(values, unknown).sum())
        extra["notes"] = (f"{count} px of unknown classes are left out",)
    told = np.isin(values, list(void))
    if told.any():
        masks, found = Masks.from_id_map(np.where(told, values.astype(np.int64), -1), background=-1)
        extra[VOID_CLASSES] = {
            taxonomy[void[v]].key: masks.to_coco(i) for i, v in enumerate(found.tolist())
        }
    return labels.replace(extra=extra) if extra else labels


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
    for key, runs in labels.extra.get(VOID_CLASSES, {}).items():
        position = meaning.taxonomy.find(key)
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
