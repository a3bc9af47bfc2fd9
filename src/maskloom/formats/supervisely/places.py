"""Where the annotations and images of a Supervisely project lie, and the keys that they have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from maskloom.store.images import IMAGE_SUFFIXES

META = "meta.json"


@dataclass(frozen=True, slots=True)
class Place:
    """One annotation file, the name and path of its image, and the sample's key."""

    key: str
    path: Path
    name: str
    image: Path | None


def root_of(path: Path) -> Path:
    """The folder of meta.json: this one, or that above a data set."""
    if not (path / META).is_file() and (path / "ann").is_dir():
        return next((p for p in list(path.parents)[:5] if (p / META).is_file()), path)
    return path


def annotation_files(path: Path) -> Iterator[Path]:
    """Annotation files in folders `ann`, in order; `img` beside `ann` holds images only."""
    for parent, subfolders, names in os.walk(path):
        images = "img" if "ann" in subfolders else None
        subfolders[:] = sorted(n for n in subfolders if not n.startswith(".") and n != images)
        if Path(parent).name == "ann":
            for name in sorted(names):
                if name.lower().endswith(".json") and not name.startswith("."):
                    yield Path(parent, name)


def places(path: Path, root: Path, plain: str, images: Path | None) -> list[Place]:
    """All annotations; keys are DATASET/NAME without suffix, of the data set `plain` NAME alone.

    Two images that differ only in their suffix keep it.
    """
    found: dict[str, list[tuple[Path, str, Path | None]]] = {}
    for file in annotation_files(path):
        parts = list(file.parent.parent.relative_to(root).parts)
        sets = [one for i, one in enumerate(parts) if not (one == "datasets" and i % 2)]
        name = file.name[: -len(".json")]
        folders = [file.parent.parent / "img"]
        if images is not None:
            folders = [images.joinpath(*sets), images.joinpath(*sets, "img"), images]
        suffix = Path(name).suffix if Path(name).suffix.lower() in IMAGE_SUFFIXES else ""
        ends = [""] if suffix else sorted(IMAGE_SUFFIXES)
        there = (folder / f"{name}{end}" for folder in folders for end in ends)
        kept = sets[1:] if sets[:1] == [plain] else sets
        key = "/".join([*kept, name.removesuffix(suffix)])
        found.setdefault(key, []).append((file, name, next(filter(Path.is_file, there), None)))
    return [
        Place(key if len(same) == 1 else f"{key}{Path(name).suffix}", file, name, image)
        for key, same in found.items()
        for file, name, image in same
    ]
