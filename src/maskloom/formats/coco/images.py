"""Where the images of a COCO file lie: names are kept below the data's root."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from maskloom.core.key_column import KeyColumn
from maskloom.core.sample import sample_key
from maskloom.store.files import stays_below


def data_root(path: Path) -> Path:
    """The data's folder: that of the file, or its parent's where it lies in `annotations`."""
    folder = path if path.is_dir() else path.parent
    return folder.parent if path.is_file() and folder.name == "annotations" else folder


def image_folders(
    root: Path, file: Path, *, split: str | None, names: Sequence[str], named: bool
) -> list[Path]:
    """Where a file's images may lie, the likely place first."""
    places = [".", "images"]
    if split and stays_below(split):
        places += [split, f"images/{split}"]
    if not named and file.parent != root and file.parent.is_relative_to(root):
        places.append(file.parent.relative_to(root).as_posix())
    folders = [root / place for place in places if (root / place).is_dir()]
    probes = [name for name in names[:8] if stays_below(name)]
    return sorted(
        folders, key=lambda f: -sum(folder_of(name, [f], {}, named=True) == 0 for name in probes)
    )


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """For each name that is absolute or climbs out of its folder, one that stays below it.

    That is the bare file name, or, where two images would share it, the path without what
    leads out.
    """
    listed = names if isinstance(names, KeyColumn) else list(names)
    outside = [name for name in listed if not stays_below(name)]
    if not outside:
        return {}
    keys = Counter(sample_key(_last(name)) for name in listed)
    return {
        name: _last(name) if keys[sample_key(_last(name))] == 1 else _trimmed(name)
        for name in outside
    }


def found_image(
    name: str, folders: Sequence[Path], safe: Mapping[str, str], *, named: bool
) -> Path | None:
    """The file of an image in the first folder that has it; see `folder_of`."""
    at = folder_of(name, folders, safe, named=named)
    return None if at < 0 else folders[at] / wanted_name(name, safe)


def folder_of(name: str, folders: Sequence[Path], safe: Mapping[str, str], *, named: bool) -> int:
    """The first folder that has the file of an image, by position, or -1.

    Only text that stays below a folder is ever joined to it, so that no label file can point
    elsewhere; links that lie in the folder are the user's and are followed.

    Args:
        name: as the label file says it.
        folders: where images may lie.
        safe: see `safe_names`; such images are looked for by that name only where `named`.
        named: whether the user named the folder of the images.
    """
    if name in safe and not named:
        return -1
    wanted = wanted_name(name, safe)
    # Text is tested before a path is made of it: most folders do not have the image.
    has = (os.path.isfile(f"{folder}/{wanted}") for folder in folders)  # noqa: PTH113
    return next((i for i, found in enumerate(has) if found), -1)


def named_by_address(image: Mapping[str, Any]) -> Mapping[str, Any]:
    """An entry with the file name that its address ends in: `val2017/000000397133.jpg`."""
    url = image.get("coco_url")
    if "file_name" in image or not isinstance(url, str):
        return image
    try:
        parts = [part for part in urlsplit(url).path.split("/") if part]
    except ValueError:
        return image
    return {**image, "file_name": "/".join(parts[-2:])}


def wanted_name(name: str, safe: Mapping[str, str]) -> str:
    """The name below a folder by which an image is looked for."""
    return (_last(safe[name]) if name in safe else name).replace("\\", "/")


def _parts(name: str) -> list[str]:
    """The parts of a path without root, drive, `.`, `..` and NUL."""
    parts = name.replace("\0", "").replace("\\", "/").split("/")
    if ":" in parts[0]:
        parts = parts[1:]
    return [part for part in parts if part not in ("", ".", "..")]


def _last(name: str) -> str:
    return (_parts(name) or ["image"])[-1]


def _trimmed(name: str) -> str:
    return "/".join(_parts(name) or ["image"])
