"""Images without labels, as samples; and folders of which nobody can tell whether they are.

Data sets of a format are `detect.py`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from maskloom.core.dataset import Dataset
from maskloom.core.sample import ImageRef, Sample, sample_key
from maskloom.errors import FormatError, UsageError
from maskloom.formats.base import Format
from maskloom.formats.shared.folders import SIDE_FILE, list_files
from maskloom.store.image_kinds import IMAGE_SUFFIXES, KINDS, files_beside
from maskloom.store.video import IMPORT_HINT, is_video

NAME = "images"


def bare_images(path: Path) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """Every image of a folder, by key, and warnings about files that are none.

    Args:
        path: a folder, searched with its sub-folders, or one image.

    Raises:
        FormatError: there is no image, or two differ only in their suffix.
    """
    if path.is_file():
        found = {sample_key(path.name): path} if path.suffix.lower() in IMAGE_SUFFIXES else {}
    else:
        found = list_files(path)
    if not found and any(map(is_video, [path] if path.is_file() else path.rglob("*"))):
        raise FormatError("films, and no images", where=path, hint=IMPORT_HINT)
    if not found:
        raise FormatError(
            "neither labels of a known format nor images",
            where=path,
            hint=f"give a data set, or a folder of {KINDS} images",
        )
    samples = tuple(
        Sample(key, ImageRef(file), file_name=key + file.suffix) for key, file in found.items()
    )
    return samples, _others(path)


def refuse_ambiguous(path: Path, dataset: Dataset, fmt: Format) -> None:
    """Grey images alone look like label maps; taking one for the other would be a disaster.

    Args:
        path: what was opened.
        dataset: as which it was read.
        fmt: by which it was read, as it was found by content.

    Raises:
        UsageError: it is maps without images, and nothing says that they are maps.
    """
    if (
        fmt.name != "bitmap"
        or (path / SIDE_FILE).is_file()
        or any(s.image.path is not None for s in dataset.samples)
    ):
        return
    raise UsageError(
        "a folder of grey images: they may be images or label maps",
        where=path,
        hint="say --from images or --from bitmap",
    )


def _others(path: Path) -> tuple[str, ...]:
    """What lies there that is no image, so that nobody takes labels for imported."""
    if path.is_file():
        return ()
    files = [p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".")]
    parts = {part for p in files for part in files_beside(p)}
    suffixes = Counter(
        p.suffix.lower() for p in files if p.suffix.lower() not in IMAGE_SUFFIXES and p not in parts
    )
    if not suffixes:
        return ()
    kinds = ", ".join(f"{n} {suffix or 'without suffix'}" for suffix, n in suffixes.most_common(5))
    return (f"images alone were taken; files that were not: {kinds}",)
