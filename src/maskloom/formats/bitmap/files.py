"""Which images and maps of a folder belong together: by usual names, by options, by sub-folders.

Sub-folders that each hold images and maps are splits where they are named so, else parts of one
data set. What the maps say is up to `ids.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from maskloom.errors import FormatError
from maskloom.formats.base import ReadOptions
from maskloom.formats.shared.folders import (
    MAP_SUFFIXES,
    Pair,
    list_files,
    named_folder,
    pair,
    read_side_file,
    subfolder,
    unique_pairs,
)
from maskloom.formats.shared.image_names import shared_keys, some_names
from maskloom.store.files import safe_join
from maskloom.store.image_kinds import IMAGE_SUFFIXES, ome_part

IMAGE_FOLDERS = ("images", "image", "JPEGImages", "PNGImages", "imgs", "img", "img_dir")
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
    "ann_dir",
)
# Images of a folder in which PNGs are maps.
_BESIDE_PNG = (".jpg", ".jpeg", ".webp", ".bmp")
SPLITS = ("train", "training", "val", "validation", "valid", "test")

Part = tuple[str | None, Path, Path | None]
"""(split, folder of maps, folder of images)."""


@dataclass(frozen=True, slots=True)
class MapOptions(ReadOptions):
    """Where maps and images are, and what the numbers are."""

    images: str | None = field(default=None, metadata={"help": "folder of the images"})
    masks: str | None = field(default=None, metadata={"help": "folder of the maps"})
    suffix: str | None = field(
        default=None, metadata={"help": "end of a map's name, e.g. _mask; found by itself"}
    )
    image_suffix: str = field(default="", metadata={"help": "end of an image's name, e.g. _image"})
    prefix: str = field(default="", metadata={"help": "start of a map's name, e.g. gt_"})
    image_prefix: str = field(default="", metadata={"help": "start of an image's name"})
    kind: Literal["auto", "class", "instance", "binary", "color", "mots"] = field(
        default="auto",
        metadata={"help": "what the numbers are; mots is class * 1000 + object, of videos"},
    )
    taxonomy: Path | None = field(
        default=None,
        metadata={
            "help": 'names, e.g. JSON {"categories": [{"id": 0, "name": "sky"}], "void": 11}'
        },
    )
    colors: Path | None = field(default=None, metadata={"help": "colour table, lines R G B name"})
    category: str | None = field(
        default=None, metadata={"help": "what objects (object) or foreground (foreground) are"}
    )
    void: int | None = field(default=None, metadata={"help": "id of void pixels"})


def pairs_of(path: Path, options: MapOptions, images: Path | None) -> tuple[list[Pair], int]:
    """Maps with their images, and the number of images; -1 where none are expected."""
    parts = _parts(path, options, images)
    found: list[Pair] = []
    n_images = -1
    for split, masks, usual in parts:
        folder = images or usual
        folder_images: dict[str, Path] = {}
        if folder == masks:
            folder_images, maps = _same_folder(masks, options)
        else:
            ending = options.suffix or ""
            maps = list_files(masks, MAP_SUFFIXES, ending=ending, start=options.prefix)
            if folder is not None:
                folder_images = list_files(
                    folder, ending=options.image_suffix, start=options.image_prefix
                )
        if options.suffix is None and folder_images and folder != masks:
            maps = _cut_suffix(maps, folder_images)
        if folder is not None:
            n_images = max(n_images, 0)
            n_images += (
                len(folder_images) if images is None else len(shared_keys(maps, folder_images))
            )
        here = pair(maps, folder_images, split, folder if folder != masks else None)
        if split is None and len(parts) > 1:
            top = masks.relative_to(path).parts[0]
            here = [replace(p, key=f"{top}/{p.key}") for p in here]
        found += here
    return unique_pairs(found), n_images


def _parts(path: Path, options: MapOptions, images: Path | None) -> list[Part]:
    """Where maps and images are: where the options say, by their layout, or all of it maps."""
    if options.masks is not None or options.images is not None:
        folder = named_folder(path, options.images, "images") if options.images else None
        if options.masks is not None:
            return [(None, named_folder(path, options.masks, "masks"), folder)]
        usual = subfolder(path, MASK_FOLDERS)
        return [(None, path if usual is None or usual == folder else usual, folder)]
    if parts := layout(path):
        return parts
    if images is None and options.suffix is None:
        refuse_strange_names(path)
    return [(None, path, None)]


def layout(path: Path) -> list[Part]:
    """(split, maps, images) of images + masks here, in split folders, or of split sub-folders."""
    if side := _side_part(path):
        return side
    here = _two_folders(path)
    if here is None:
        return _parts_inside(path)
    masks, images = here
    names = {p.name for p in masks.iterdir() if p.is_dir()}
    if names and names <= set(SPLITS) and names <= {p.name for p in images.iterdir() if p.is_dir()}:
        return [(name, masks / name, images / name) for name in sorted(names)]
    return [(None, masks, images)]


def _parts_inside(path: Path) -> list[Part]:
    """Parts of sub-folders: splits by their names, or each of them one part of the data."""
    folders = [p for p in sorted(path.iterdir()) if p.is_dir() and not p.name.startswith(".")]
    inside = [(p.name, *f) for p in folders if (f := _two_folders(p))]
    if all(name.lower() in SPLITS for name, _, _ in inside):
        return list(inside)
    # A folder of several data sets is none.
    whole = len(inside) == len(folders)
    return [(None, masks, images) for _, masks, images in inside] if whole else []


def _side_part(path: Path) -> list[Part]:
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
        if maps and (not found or shared_keys(_cut_suffix(maps, found), found)):
            return masks, images
    return None


def refuse_strange_names(path: Path) -> None:
    """Refuse images and maps in folders of usual names, of which no two files share a name.

    Raises:
        FormatError: naming some of both.
    """
    images, masks = subfolder(path, IMAGE_FOLDERS), subfolder(path, MASK_FOLDERS)
    if images is None or masks is None or images == masks:
        return
    maps, found = list_files(masks, MAP_SUFFIXES), list_files(images)
    if not maps or not found or shared_keys(_cut_suffix(maps, found), found):
        return
    raise FormatError(
        f"the names in {images.name} and {masks.name} do not match",
        where=path,
        seen=f"{some_names(found)} and {some_names(maps)}",
        hint=f"name each map like its image, or say --from bitmap --set masks={masks.name} "
        f"images={images.name} and what names have more: suffix=_mask, image_suffix=_image, "
        "prefix= or image_prefix=",
    )


def _cut_suffix(maps: dict[str, Path], images: Mapping[str, Path]) -> dict[str, Path]:
    """Map keys without the ending that they have over image keys, if it is one and the same."""
    if shared_keys(maps, images):
        return maps
    for key in [*images, *(k.removesuffix(ome_part(p)) for k, p in images.items() if ome_part(p))]:
        endings = {m[len(key) :] for m in maps if m.startswith(key)}
        for ending in sorted(endings, key=len):
            if all(m.endswith(ending) for m in maps):
                return {m.removesuffix(ending): p for m, p in maps.items()}
    return maps


def _same_folder(folder: Path, options: MapOptions) -> tuple[dict[str, Path], dict[str, Path]]:
    """(images, maps) of one folder: maps have the suffix, or are all PNGs beside other images."""
    ending = options.suffix or ""
    if ending:
        maps = list_files(folder, MAP_SUFFIXES, ending=ending)
        taken = set(maps.values())
        others = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in IMAGE_SUFFIXES]
        images = {
            p.relative_to(folder).with_suffix("").as_posix(): p for p in others if p not in taken
        }
        # Masks of other observers are named as an image, too, with another ending.
        beside = {key for key in images if key.rpartition("_")[0] in images.keys() & maps.keys()}
        return {key: p for key, p in images.items() if key not in beside}, maps
    return list_files(folder, _BESIDE_PNG), list_files(folder, (".png",))


def has_usual_folders(path: Path) -> bool:
    """Whether folders of usual names, or files, lie in the folder itself, not only below."""
    return any(
        (p.is_file() and p.suffix.lower() in MAP_SUFFIXES)
        or (p.is_dir() and p.name in (*IMAGE_FOLDERS, *MASK_FOLDERS, *SPLITS))
        for p in path.iterdir()
    )


def bare_maps(path: Path) -> list[Path]:
    """Map files directly in a folder or in its sub-folders, if nothing else lies there."""
    files = [p for p in sorted(path.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    if any(p.suffix.lower() in (".jpg", ".jpeg") for p in files):
        return []
    return [p for p in files if p.suffix.lower() in MAP_SUFFIXES]
