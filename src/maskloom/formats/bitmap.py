"""A folder of images and a folder of PNG maps of class ids, object ids, 0/255 or colours.

A bare folder of maps without images is a data set too. What the numbers mean comes from
`taxonomy.json` beside them, from the option `taxonomy`, or from the ids that occur
(`bitmap_ids.py`). Writing is `bitmap_write.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.errors import DataError, FormatError
from maskloom.formats import bitmap_write
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.bitmap_ids import Coding, coding_of, decode
from maskloom.formats.folders import (
    MAP_SUFFIXES,
    SIDE_FILE,
    Pair,
    absences,
    list_files,
    named_folder,
    pair,
    read_side_file,
    samples_of,
    side_splits,
    splits_of,
    subfolder,
    unique_pairs,
)
from maskloom.formats.maps import read_checked
from maskloom.store.files import safe_join
from maskloom.store.images import is_color

IMAGE_FOLDERS = ("images", "image", "JPEGImages", "PNGImages", "imgs", "img")
MASK_FOLDERS = (
    "masks",
    "mask",
    "labels",
    "label",
    "annotations",
    "PedMasks",
    "SegmentationClass",
    "semantic_masks",
    "gt",
)
SPLITS = ("train", "training", "val", "validation", "valid", "test")
LOOKS_FOR = "images + masks (or labels, annotations, PedMasks, ...), or a folder of PNG maps"


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read maps."""

    images: str | None = field(default=None, metadata={"help": "folder of the images"})
    masks: str | None = field(default=None, metadata={"help": "folder of the maps"})
    suffix: str | None = field(
        default=None, metadata={"help": "end of a map's name, e.g. _mask; found by itself"}
    )
    image_suffix: str = field(default="", metadata={"help": "end of an image's name, e.g. _image"})
    kind: Literal["auto", "class", "instance", "binary", "color"] = field(
        default="auto", metadata={"help": "what the numbers are"}
    )
    taxonomy: Path | None = field(
        default=None,
        metadata={"help": 'JSON: {"categories": [{"id": 0, "name": "sky"}], "void": 11}'},
    )
    colors: Path | None = field(default=None, metadata={"help": "colour table, lines R G B name"})
    category: str | None = field(
        default=None, metadata={"help": "what objects (object) or foreground (foreground) are"}
    )
    void: int | None = field(default=None, metadata={"help": "id of void pixels"})


def detect(path: Path) -> float:
    """Known by the side file, by folder names with matching files, or as a bare folder of maps."""
    if not path.is_dir():
        return 0.0
    side = path / SIDE_FILE
    if side.is_file():
        text = side.read_text("utf-8", "replace")
        if any(f'"kind": "{kind}"' in text for kind in ("class", "instance", "binary")):
            return 0.97
    if layout(path):
        return 0.8
    first = next(iter(bare_maps(path)), None)
    if first is None or (path / "images").is_dir():
        return 0.0
    try:
        return 0.0 if is_color(first) else 0.4
    except DataError:
        return 0.4


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no maps, ids without meaning, or a damaged side file.
    """
    pairs, n_images = pairs_of(path, options, images)
    if not pairs:
        raise FormatError("no label maps found", where=path, hint=LOOKS_FOR)
    by_key = {p.key: p.labels for p in pairs}
    side = read_side_file(path) or read_side_file(pairs[0].labels.parent)
    coding = coding_of(options, side, list(by_key.values()), where=path)

    def labels_of(sample: Sample) -> Labels:
        file = by_key[sample.key]
        return decode(read_checked(file, sample), coding, where=file)

    return _dataset(path, pairs, coding, side, labels_of, n_images)


def _dataset(
    path: Path,
    pairs: list[Pair],
    coding: Coding,
    side: Mapping[str, Any],
    labels_of: Any,
    n_images: int,
) -> Dataset:
    return Dataset(
        coding.taxonomy,
        samples_of(pairs),
        labels_of,
        splits_of(pairs) or side_splits(side, (p.key for p in pairs)),
        name=path.name,
        warnings=coding.warnings + (absences(pairs, n_images) if n_images >= 0 else ()),
        extra={"bitmap": {"kind": coding.kind}},
    )


def pairs_of(path: Path, options: Read, images: Path | None) -> tuple[list[Pair], int]:
    """Maps with their images, and the number of images; -1 where none are expected."""
    if options.masks is not None or options.images is not None:
        folder = named_folder(path, options.images, "images") if options.images else None
        if options.masks is not None:
            masks = named_folder(path, options.masks, "masks")
        else:
            usual = subfolder(path, MASK_FOLDERS)
            masks = path if usual is None or usual == folder else usual
        parts: list[tuple[str | None, Path, Path | None]] = [(None, masks, folder)]
    else:
        parts = layout(path) or [(None, path, None)]
    found: list[Pair] = []
    n_images = -1
    for split, masks, usual in parts:
        folder = images or usual
        maps = list_files(masks, MAP_SUFFIXES, ending=options.suffix or "")
        if folder == masks:
            folder_images, maps = _same_folder(masks, options)
        elif folder is not None:
            folder_images = list_files(folder, ending=options.image_suffix)
        else:
            folder_images = {}
        if options.suffix is None and folder_images and folder != masks:
            maps = _cut_suffix(maps, folder_images)
        if folder is not None:
            n_images = max(n_images, 0)
            n_images += (
                len(folder_images) if images is None else len(set(folder_images) & set(maps))
            )
        found += pair(maps, folder_images, split)
    return unique_pairs(found), n_images


def layout(path: Path) -> list[tuple[str | None, Path, Path | None]]:
    """(split, maps, images) of images + masks here, in split folders, or of split sub-folders."""
    if side := _side_part(path):
        return side
    here = _two_folders(path)
    if here is None:
        inside = [
            (p.name, *f) for p in sorted(path.iterdir()) if p.is_dir() and (f := _two_folders(p))
        ]
        return list(inside) if all(name.lower() in SPLITS for name, _, _ in inside) else []
    masks, images = here
    names = {p.name for p in masks.iterdir() if p.is_dir()}
    if names and names <= set(SPLITS) and names <= {p.name for p in images.iterdir() if p.is_dir()}:
        return [(name, masks / name, images / name) for name in sorted(names)]
    return [(None, masks, images)]


def _side_part(path: Path) -> list[tuple[str | None, Path, Path | None]]:
    """The folder of maps that the side file names, or one with a usual name beside it."""
    side = read_side_file(path)
    if not side:
        return []
    named = side.get("masks")
    masks = safe_join(path, named) if isinstance(named, str) else subfolder(path, MASK_FOLDERS)
    images = path / "images"
    if masks is None or not masks.is_dir():
        return []
    return [(None, masks, images if images.is_dir() and masks != path else None)]


def _two_folders(path: Path) -> tuple[Path, Path] | None:
    """(maps, images) where both are there and share a name."""
    images = subfolder(path, IMAGE_FOLDERS)
    if images is None:
        return None
    present = {p.name.lower(): p for p in sorted(path.iterdir()) if p.is_dir()}
    for name in MASK_FOLDERS:
        masks = present.get(name.lower())
        if masks is None or masks == images:
            continue
        maps, found = list_files(masks, MAP_SUFFIXES), list_files(images)
        if maps and (not found or set(_cut_suffix(maps, found)) & set(found)):
            return masks, images
    return None


def _cut_suffix(maps: dict[str, Path], images: Mapping[str, Path]) -> dict[str, Path]:
    """Map keys without the ending that they have over image keys, if it is one and the same."""
    if any(key in images for key in maps):
        return maps
    for key in images:
        endings = {m[len(key) :] for m in maps if m.startswith(key)}
        for ending in sorted(endings, key=len):
            if all(m.endswith(ending) for m in maps):
                return {m.removesuffix(ending): p for m, p in maps.items()}
    return maps


def _same_folder(folder: Path, options: Read) -> tuple[dict[str, Path], dict[str, Path]]:
    """(images, maps) of one folder: maps are PNGs with the suffix, or beside JPEGs all PNGs."""
    ending = options.suffix or ""
    if ending:
        maps = list_files(folder, MAP_SUFFIXES, ending=ending)
        taken = set(maps.values())
        others = [
            p
            for p in sorted(folder.rglob("*"))
            if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".tif")
        ]
        images = {
            p.relative_to(folder).with_suffix("").as_posix(): p for p in others if p not in taken
        }
        return images, maps
    return list_files(folder, (".jpg", ".jpeg")), list_files(folder, (".png",))


def bare_maps(path: Path) -> list[Path]:
    """Map files directly in a folder or in its sub-folders, if nothing else lies there."""
    files = [p for p in sorted(path.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    if any(p.suffix.lower() in (".jpg", ".jpeg") for p in files):
        return []
    return [p for p in files if p.suffix.lower() in MAP_SUFFIXES]


FORMAT = Format(
    "bitmap",
    "image folder + folder of PNG maps (class index, instance id, binary or colour)",
    bitmap_write.HOLDS["class"],
    LOOKS_FOR,
    Read,
    bitmap_write.Write,
    detect,
    read,
    bitmap_write.writer,
    large=True,
)
