"""Where the images of a COCO file lie: names are kept below the data's root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maskloom.core.sample import ImageRef, Sample, sample_key
from maskloom.errors import DataError, FormatError
from maskloom.store.files import safe_join


def data_root(path: Path) -> Path:
    """The data's folder: that of the file, or its parent's where it lies in `annotations`."""
    folder = path if path.is_dir() else path.parent
    return folder.parent if path.is_file() and folder.name == "annotations" else folder


def image_folders(
    root: Path, file: Path, *, split: str | None, names: Sequence[str], named: bool
) -> list[Path]:
    """Where a file's images may lie, the likely place first."""
    places = [".", "images"]
    if split:
        places += [split, f"images/{split}"]
    if not named and file.parent != root and file.parent.is_relative_to(root):
        places.append(file.parent.relative_to(root).as_posix())
    folders = [root / place for place in places if (root / place).is_dir()]
    probes = names[:8]
    return sorted(folders, key=lambda f: -sum((f / name).is_file() for name in probes))


def sample_of(image: Mapping[str, Any], folders: Sequence[Path], file: Path) -> Sample:
    """The sample of an image entry, with its file where one of the folders has it.

    Raises:
        FormatError: the file name leads out of the folder.
    """
    name = str(image["file_name"])
    found = None
    for folder in folders:
        try:
            candidate = safe_join(folder, name)
        except DataError as error:
            raise FormatError(
                error.what,
                where=f"{file}: image {image['id']}, file_name",
                seen=name,
                hint="use names below the folder of the images",
            ) from error
        if candidate.is_file():
            found = candidate
            break
    rest = {k: v for k, v in image.items() if k not in ("file_name", "height", "width")}
    return Sample(
        sample_key(name),
        ImageRef(found, (int(image["height"]), int(image["width"]))),
        file_name=name,
        extra={"coco": rest},
    )
