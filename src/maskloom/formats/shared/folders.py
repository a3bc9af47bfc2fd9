"""Image folders and label folders side by side: listing, matching by name, and copying.

Keys are relative paths without suffix, sorted, so that the order of a directory never matters.
What a label file says is up to the formats.
"""

from __future__ import annotations

import filecmp
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskloom.core.outcome import counted, was
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError, UsageError, WriteError
from maskloom.formats.shared.image_names import image_of, missing_images
from maskloom.formats.shared.json_faults import unread_json
from maskloom.store.files import atomic_write_bytes, place_file, safe_join
from maskloom.store.images import IMAGE_SUFFIXES, MAX_PIXELS
from maskloom.store.volumes import image_suffix, place_volume
from maskloom.work.memory import free_bytes

MAP_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp", ".webp"})
SIDE_FILE = "taxonomy.json"
_PIXEL_BYTES = 8  # of a map, while it is painted


@dataclass(frozen=True, slots=True)
class Pair:
    """One label file or folder with its image, or where that was looked for (without suffix)."""

    key: str
    labels: Path
    image: Path | None
    split: str | None = None
    expected: Path | None = None


def list_files(
    folder: Path, suffixes: Iterable[str] = IMAGE_SUFFIXES, *, ending: str = "", start: str = ""
) -> dict[str, Path]:
    """Key → path of all files below a folder, by key; hidden ones are left out.

    Args:
        folder: searched with its sub-folders.
        suffixes: in lower case, with the dot; may have two parts (`.nii.gz`).
        ending: only names whose stem ends so; it is cut from the key.
        start: only names that start so; it is cut from the key.

    Raises:
        FormatError: two files have the same key.
    """
    wanted = frozenset(suffixes)
    found: dict[str, Path] = {}
    for parent, subfolders, names in os.walk(folder):
        subfolders[:] = sorted(n for n in subfolders if not n.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            suffix = _suffix(name, wanted)
            if name.startswith(".") or not suffix:
                continue
            # As in `sample_key`: no target could be written under a name with a backslash.
            key = path.relative_to(folder).as_posix()[: -len(suffix)].replace("\\", "/")
            if not (key.endswith(ending) and name.startswith(start)):
                continue
            key = key[: len(key) - len(ending)] if ending else key
            if start:
                above, slash, last = key.rpartition("/")
                key = above + slash + last.removeprefix(start)
            if key in found:
                raise FormatError(
                    "two files differ only in their suffix",
                    where=found[key],
                    seen=path.name,
                    hint="keep one of them",
                )
            found[key] = path
    return dict(sorted(found.items()))


def _suffix(name: str, wanted: frozenset[str]) -> str:
    """The longest of the suffixes that a name ends with."""
    tail = [part.lower() for part in Path(name).suffixes[-2:]]
    return next((s for s in ("".join(tail), *tail[-1:]) if s in wanted), "")


def subfolder(root: Path, names: Iterable[str]) -> Path | None:
    """The first of these folders that exists, whatever the case of its letters."""
    present = {p.name.lower(): p for p in sorted(root.iterdir()) if p.is_dir()}
    return next((present[n.lower()] for n in names if n.lower() in present), None)


def named_folder(root: Path, name: str, option: str) -> Path:
    """A folder that the user named, below the root.

    Raises:
        UsageError: it does not exist.
        DataError: it leads out of the root.
    """
    folder = root if name == "." else safe_join(root, name)
    if not folder.is_dir():
        raise UsageError("no such folder", where=root, seen=name, hint=f"correct --set {option}=")
    return folder


def pair(
    labels: Mapping[str, Path],
    images: Mapping[str, Path],
    split: str | None,
    folder: Path | None = None,
) -> list[Pair]:
    """Every label with its image, looked for in a folder; images without labels are left out."""
    found = ((key, path, image_of(images, key)) for key, path in labels.items())
    return [
        Pair(key, path, image, split, folder / key if folder and image is None else None)
        for key, path, image in found
    ]


def unique_pairs(pairs: Iterable[Pair]) -> list[Pair]:
    """Sorted by key; where two splits use one key, every key gets its split in front."""
    listed = list(pairs)
    if len({p.key for p in listed}) < len(listed):
        listed = [replace(p, key=f"{p.split}/{p.key}" if p.split else p.key) for p in listed]
    return sorted(listed, key=lambda p: p.key)


def samples_of(pairs: Iterable[Pair]) -> tuple[Sample, ...]:
    """Samples with image paths; sizes stay unknown until a file is read."""
    return tuple(
        Sample(
            p.key,
            ImageRef(p.image),
            file_name=p.image.name if p.image is not None else "",
        )
        for p in pairs
    )


def splits_of(pairs: Iterable[Pair]) -> dict[str, tuple[str, ...]]:
    """Split name → keys, in order of name train, val, test, then others."""
    found: dict[str, list[str]] = {}
    for p in pairs:
        if p.split is not None:
            found.setdefault(p.split, []).append(p.key)
    order = {"train": 0, "val": 1, "test": 2}
    return {name: tuple(found[name]) for name in sorted(found, key=lambda n: (order.get(n, 3), n))}


def absences(pairs: Iterable[Pair], n_images: int) -> tuple[str, ...]:
    """Warnings about labels without image and images without labels."""
    listed = list(pairs)
    missing = [p for p in listed if p.image is None]
    unlabelled = n_images - (len(listed) - len(missing))
    out = []
    if missing:
        keys = [p.key for p in missing]
        out.append(missing_images(keys, len(listed), missing[0].expected))
    if unlabelled > 0:
        out.append(f"{unlabelled} images have no labels and are left out")
    return tuple(out)


def read_json(path: Path) -> Any:
    """A parsed JSON file.

    Raises:
        FormatError: it cannot be read or does not parse.
    """
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        hint = "check the path" if isinstance(error, FileNotFoundError) else ""
        raise FormatError(f"cannot read: {error.strerror}", where=path, hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise unread_json(path, error) from error


def read_side_file(root: Path) -> dict[str, Any]:
    """`taxonomy.json` of a folder that maskloom wrote, or an empty mapping."""
    path = root / SIDE_FILE
    if not path.is_file():
        return {}
    data = read_json(path)
    if not isinstance(data, dict):
        raise FormatError("not a JSON object", where=path, seen=type(data).__name__)
    for name, fits in (("splits", _are_keys), ("sizes", _is_size)):
        if not isinstance(told := data.get(name, {}), dict) or not all(map(fits, told.values())):
            raise FormatError(f"no {name} of images", where=path, seen=told)
    for key, (height, width) in data.get("sizes", {}).items():
        if height * width > MAX_PIXELS:
            raise FormatError(
                f"an image of more than {MAX_PIXELS} pixels",
                where=f"{path}: sizes, {key}",
                seen=f"{width} × {height} px",
                hint="check its size, or cut it into tiles",
            )
    return data


def is_marked(root: Path, mark: str) -> bool:
    """Whether the side file of a folder holds this text; it is not parsed."""
    side = root / SIDE_FILE
    return side.is_file() and mark in side.read_text("utf-8", "replace")


def _are_keys(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(key, str) for key in value)


def _is_size(value: Any) -> bool:
    return isinstance(value, list) and [type(n) for n in value] == [int, int] and min(value) > 0


def write_side_file(
    root: Path, taxonomy: Taxonomy, splits: Mapping[str, tuple[str, ...]], **fields: Any
) -> None:
    """Names, ids and splits beside label files that hold numbers only."""
    told = [dict(category.ids).get("coco") for category in taxonomy]
    if all(own in (None, number) for number, own in enumerate(told, start=1)):
        # COCO counts so by itself: kept, the ids would make bytes depend on a detour by COCO.
        taxonomy = taxonomy.without_ids("coco")
    data = {**taxonomy.to_json(), **fields}
    if splits:
        data["splits"] = {name: list(keys) for name, keys in splits.items()}
    text = json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False)
    atomic_write_bytes(root / SIDE_FILE, (text + "\n").encode())


def side_splits(side: Mapping[str, Any], keys: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Splits that a side file names, limited to keys that are there."""
    present = set(keys)
    return {
        str(name): tuple(k for k in listed if k in present)
        for name, listed in dict(side.get("splits", {})).items()
    }


class ImagePlacer:
    """Copies or links the images of a data set into one folder, and counts absent ones."""

    def __init__(self, folder: Path, how: str) -> None:
        self.folder = folder
        self.how = how
        self.missing = 0
        self.placed = 0

    def put(self, sample: Sample, relative: str = "") -> None:
        """Place the image at KEY + its own suffix, or at `relative`.

        Raises:
            WriteError: the target cannot be written, or another image has that name there.
        """
        source = sample.image.path
        if self.how == "none":
            return
        if source is None or not source.exists():
            self.missing += 1
            return
        target = safe_join(self.folder, relative or sample.key + image_suffix(source))
        if target.exists():
            if source.is_file() and filecmp.cmp(source, target, shallow=False):
                return
            raise WriteError(
                "two images would have one name",
                where=target,
                seen=source,
                hint="give each image its own name",
            )
        place = place_volume if source.is_dir() else place_file
        place(source, target, self.how)
        self.placed += 1

    def warnings(self) -> tuple[str, ...]:
        """What could not be placed."""
        n = self.missing
        return (f"{counted(n, 'missing image')} {was(n)} not copied",) if n else ()


def image_labels_only(size: tuple[int, ...], target: Path, *, painted: bool = True) -> None:
    """Refuse volumes, which no image format holds, and what no memory holds, if it is `painted`.

    Raises:
        WriteError: the labels are of such a size; label files may claim any.
    """
    if len(size) != 2:
        raise WriteError("the format holds images, not volumes", where=target, seen=size)
    pixels = size[0] * size[1]
    if painted and pixels > MAX_PIXELS and pixels * _PIXEL_BYTES > free_bytes():
        raise WriteError(
            "an image is too large to be painted as a map in this machine's memory",
            where=target,
            seen=f"{size[1]} × {size[0]} px",
            hint="check the size that its label file says, or cut the image into tiles",
        )
