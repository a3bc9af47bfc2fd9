"""Names of images beside those of their labels: endings of two parts, and files that are not read.

A key is a name without its last suffix. OME-TIFF alone ends in two parts: `a.ome.tif` is the image
of `a.png`, too, unless there is a plainer one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from maskloom.store.image_kinds import IMAGE_SUFFIXES, KINDS, ome_part

# What lies beside images under their names, and is no picture.
_NOTES = frozenset({".json", ".xml", ".txt", ".csv", ".yaml", ".yml", ".geojson", ".md"})
_SHOWN = 3


def image_of(images: Mapping[str, Path], key: str) -> Path | None:
    """The image of a key, or the OME-TIFF of which the key is the name without its whole ending.

    Args:
        images: by key, as `list_files` gives them.
        key: of a label file.
    """
    if key in images:
        return images[key]
    parted = (images.get(key + part) for part in (".ome", ".OME"))
    return next((path for path in parted if path is not None and ome_part(path)), None)


def shared_keys(labels: Iterable[str], images: Mapping[str, Path]) -> set[str]:
    """The keys of labels that have an image."""
    return {key for key in labels if image_of(images, key) is not None}


def unread_file(expected: Path) -> str:
    """What to say of a file that has an image's name and a suffix that is not read, or nothing.

    Args:
        expected: path of the image without its suffix.
    """
    if not expected.parent.is_dir():
        return ""
    for path in sorted(expected.parent.iterdir()):
        suffix = path.suffix.lower()
        if path.stem != expected.name or not suffix or suffix in IMAGE_SUFFIXES | _NOTES:
            continue
        if path.is_file():
            kind = suffix[1:].upper()
            return (
                f": {path} is there, but {kind} is not read (images are {KINDS}): convert it to PNG"
            )
    return ""


def missing_images(missing: Sequence[str], n: int, expected: Path | None = None) -> str:
    """The warning about images that are not there.

    Args:
        missing: their keys.
        n: how many there should be.
        expected: path of the first of them without its suffix, where one was looked for.
    """
    told = f"{len(missing)} of {n} images are missing, first {missing[0]!r}"
    return told + (unread_file(expected) if expected is not None else "")


def named_outside(names: Sequence[str]) -> str:
    """The warning about file names that climb out of the data's folder, or are absolute."""
    return (
        f"file names that lead out of the data's folder are not followed: {len(names)}, first "
        f"{names[0]!r}; --images ROOT looks for them by their last part"
    )


def some_names(files: Mapping[str, Path]) -> str:
    """The first few file names, for errors."""
    names = [path.name for path in list(files.values())[:_SHOWN]]
    return ", ".join(names) + (", ..." if len(files) > _SHOWN else "")
