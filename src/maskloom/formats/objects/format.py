"""One folder per image, one PNG per object: Data Science Bowl 2018 and its relatives.

Layouts: images/ID.png with masks/ID/*.png, or ID/images/ID.png with ID/masks/*.png. Overlaps
are kept. The category is one for all, or stands in the name NUMBER_CATEGORY.png, where the number
has four digits or more; maskloom writes keys of categories there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from maskloom.core.category_names import unique_keys
from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.objects import write as objects_write
from maskloom.formats.objects.names import category_of, name_of, unnamed
from maskloom.formats.objects.side import ids_of, known_size
from maskloom.formats.shared.folders import (
    MAP_SUFFIXES,
    SIDE_FILE,
    Pair,
    absences,
    is_marked,
    list_files,
    named_folder,
    read_side_file,
    samples_of,
    side_splits,
    splits_of,
    subfolder,
    unique_pairs,
)
from maskloom.formats.shared.maps import check_size, size_of
from maskloom.store.images import read_map

IMAGE_FOLDERS = ("images", "image", "JPEGImages", "PNGImages", "imgs")
LOOKS_FOR = "images/ID.png + masks/ID/*.png, or ID/images + ID/masks"


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read object folders."""

    masks: str | None = field(
        default=None, metadata={"help": "folder of the object folders; found by itself"}
    )
    category: str = field(default="object", metadata={"help": "what the objects are"})
    empty: bool = field(
        default=False,
        metadata={"help": "an image without an object folder is a labelled empty image"},
    )


def detect(path: Path) -> float:
    """Known by sub-folders that are named like images, or by the side file."""
    if not path.is_dir():
        return 0.0
    if is_marked(path, '"kind": "objects"'):
        return 1.0
    if _kaggle(path):
        return 0.95
    return 0.95 if _mask_folders(path) else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no object folders, or several that fit equally well.
    """
    side = read_side_file(path)
    pairs, n_images, notes = _pairs(path, options, images)
    by_key = {p.key: p.labels for p in pairs}
    files = {key: _files(folder) for key, folder in by_key.items()}
    taxonomy = _taxonomy(side, options, files, path / SIDE_FILE)
    names = {c.key if side else c.name: i for i, c in enumerate(taxonomy)}

    def labels_of(sample: Sample) -> Labels:
        known = dict(side.get("sizes", {})).get(sample.key)
        size, masks = _read_objects(sample, files[sample.key], known, by_key[sample.key])
        other = None if side else options.category
        category = [category_of(p, names, other) for p in files[sample.key]]
        ids = ids_of(side, sample.key, len(category), path / SIDE_FILE)
        return Labels(size, rows=Rows.make(masks, np.array(category, np.int32), instance=ids))

    return Dataset(
        taxonomy,
        samples_of(pairs),
        labels_of,
        splits_of(pairs) or side_splits(side, by_key),
        name=path.name,
        warnings=notes
        + absences(pairs, n_images)
        + (() if side else unnamed(files, options.category)),
    )


def _pairs(
    path: Path, options: Read, images: Path | None
) -> tuple[list[Pair], int, tuple[str, ...]]:
    if options.masks is None and (ids := _kaggle(path)):
        listed = []
        for folder in ids:
            found = list_files(images or folder / "images")
            listed.append(Pair(folder.name, folder / "masks", found.get(folder.name)))
        return unique_pairs(listed), sum(p.image is not None for p in listed), ()
    image_folder = images or subfolder(path, IMAGE_FOLDERS)
    image_files = list_files(image_folder) if image_folder is not None else {}
    root, notes = _choose(path, options, image_files)
    folders = _leaves(root)
    listed = [Pair(k, f, image_files.get(k)) for k, f in folders.items()]
    if options.empty:
        listed += [Pair(k, root / k, f) for k, f in image_files.items() if k not in folders]
    return unique_pairs(listed), 0 if images else len(image_files), notes


def _choose(path: Path, options: Read, images: Mapping[str, Path]) -> tuple[Path, tuple[str, ...]]:
    """The folder of object folders: named, the only one, or the one with most images."""
    if options.masks is not None:
        return named_folder(path, options.masks, "masks"), ()
    found = _mask_folders(path)
    if not found and (path / "masks").is_dir():
        return path / "masks", ()
    if not found:
        raise FormatError("no object folders", where=path, hint=LOOKS_FOR)
    counts = {folder: len(set(_leaves(folder)) & set(images)) for folder in found}
    ranked = sorted(found, key=lambda f: (-counts[f], f.name))
    if len(ranked) == 1:
        return ranked[0], ()
    names = ", ".join(f"{f.name} ({counts[f]} images)" for f in ranked)
    if counts[ranked[0]] == counts[ranked[1]]:
        raise FormatError(
            "several folders of objects fit equally well",
            where=path,
            seen=names,
            hint="choose one with --set masks=NAME",
        )
    return ranked[0], (f"read {ranked[0].name} out of {names}; choose with --set masks=NAME",)


def _mask_folders(path: Path) -> list[Path]:
    """Sub-folders that hold folders named like the images."""
    image_folder = subfolder(path, IMAGE_FOLDERS)
    if image_folder is None:
        return []
    images = list_files(image_folder)
    return [
        folder
        for folder in sorted(path.iterdir())
        if folder.is_dir() and folder != image_folder and set(_leaves(folder)) & set(images)
    ]


def _leaves(root: Path) -> dict[str, Path]:
    """Key → folder, of every folder below root that has no folders in it."""
    found = {}
    for folder in sorted(p for p in root.rglob("*") if p.is_dir()):
        if not any(p.is_dir() for p in folder.iterdir()):
            found[folder.relative_to(root).as_posix()] = folder
    return found


def _kaggle(path: Path) -> list[Path]:
    return [
        p
        for p in sorted(path.iterdir())
        if p.is_dir()
        and (p / "masks").is_dir()
        and (p / "images").is_dir()
        and (p / "images" / f"{p.name}.png").is_file()
    ]


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted((p for p in folder.iterdir() if p.suffix.lower() in MAP_SUFFIXES), key=_rank)


def _rank(path: Path) -> tuple[int, str]:
    """Files in the order of their numbers, 10000 after 9999, others by name."""
    number = re.fullmatch(r"(\d{4,})(_.*)?", path.stem)
    return int(number[1]) if number else 0, path.name


def _taxonomy(
    side: Mapping[str, Any], options: Read, files: Mapping[str, list[Path]], where: Path
) -> Taxonomy:
    """Categories of the side file, of the file names, or the one that is named."""
    if side:
        return Taxonomy.from_json(side, where=where)
    told = [name_of(p) for listed in files.values() for p in listed]
    found = {name for name in told if name is not None}
    names = sorted(found - {options.category})
    if None in told or options.category in found or not found:
        names.append(options.category)
    return Taxonomy(
        tuple(Category(k, n, "thing") for k, n in zip(unique_keys(names), names, strict=True))
    )


def _read_objects(
    sample: Sample, files: list[Path], known: list[int] | None, folder: Path
) -> tuple[tuple[int, int], Masks]:
    """The frame (H, W) and one mask per file."""
    masks = []
    size: tuple[int, int] | None = None
    expected = size_of(sample)
    for file in files:
        values = read_map(file)
        if values.ndim == 3:
            if (values != values[..., :1]).any():
                raise FormatError("an object mask has colours", where=file)
            values = values[..., 0]
        check_size(file, values.shape, expected)
        shape = (int(values.shape[0]), int(values.shape[1]))
        if size is not None and shape != size:
            raise FormatError(
                f"the mask is {shape[1]} × {shape[0]} px, others of its image "
                f"{size[1]} × {size[0]} px",
                where=file,
            )
        size = shape
        masks.append(Masks.from_dense(_binary(values, file)))
    if size is None:
        size = expected or known_size(known, folder)
    return size, Masks.concatenate(masks) if masks else Masks.empty(0, size)


def _binary(values: np.ndarray[Any, Any], file: Path) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """0 and one other value; more values are no binary mask."""
    inside: np.ndarray[Any, np.dtype[np.bool_]] = values != 0
    top = values.max(initial=0)
    odd = inside & (values != top)
    if odd.any():
        y, x = (int(v) for v in np.argwhere(odd)[0])
        raise FormatError(
            f"an object mask holds 0 and one other value; another at x={x}, y={y}",
            where=file,
            seen=int(values[y, x]),
            hint="threshold it, or read instance maps with --from bitmap",
        )
    return inside


FORMAT = Format(
    "objects",
    "one folder per image, one PNG per object",
    objects_write.HOLDS,
    LOOKS_FOR,
    Read,
    objects_write.Write,
    detect,
    read,
    objects_write.writer,
    names=objects_write.key_fits,
)
