"""Folders of JSON files, one an image: which are of a format, their texts, where images lie."""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from maskloom.core.sample import sample_key
from maskloom.errors import FormatError, WriteError
from maskloom.formats.coco.file import json_ends
from maskloom.formats.shared.folders import SIDE_FILE
from maskloom.store.files import stays_below

_LOOKED_AT = 8
_HALVES = re.compile("[\ud800-\udfff]")
MAX_BYTES = 1 << 30
SPLITS = {
    name: split
    for split, names in (
        ("train", ("train", "training")),
        ("val", ("val", "valid", "validation")),
        ("test", ("test", "testing")),
    )
    for name in names
}
"""Folder names that mean a split."""


def json_below(folder: Path) -> Iterator[Path]:
    """JSON files of a folder and its sub-folders in order, without hidden and side files."""
    for parent, subfolders, names in os.walk(folder):
        subfolders[:] = sorted(n for n in subfolders if not n.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(".json") and not name.startswith(".") and name != SIDE_FILE:
                yield Path(parent, name)


def some_look_like(folder: Path, looks: Callable[[str], bool]) -> bool:
    """Whether one of the first JSON files of a folder reads like one of a format at its ends."""
    for seen, file in enumerate(json_below(folder)):
        if seen >= _LOOKED_AT:
            return False
        if looks(json_ends(file)):
            return True
    return False


def files_like(path: Path, looks: Callable[[str], bool]) -> dict[str, Path]:
    """Key → file of those that read like the format; of a file that one alone.

    Raises:
        FormatError: two files have one key.
    """
    if path.is_file():
        return {path.stem: path}
    found: dict[str, Path] = {}
    for file in json_below(path):
        key = file.relative_to(path).as_posix()[: -len(".json")]
        if not looks(json_ends(file)):
            continue
        if key in found:
            raise FormatError("two files differ only in their suffix", where=file, seen=found[key])
        found[key] = file
    return found


def split_of(key: str) -> str | None:
    """The split that the first folder of a key names."""
    first, slash, _ = key.partition("/")
    return SPLITS.get(first.lower()) if slash else None


def placed_name(key: str, name: str, root: Path) -> str:
    """An image's name below the root, from what a label file of this key says of it.

    Names are relative to the label file, but files get moved: what is there wins. A name that
    leads out of the root stays as it is, for those who look after that.
    """
    plain = name.replace("\\", "/")
    drive = len(plain) > 1 and plain[1] == ":"
    if plain.startswith("/") or drive or "\0" in plain:
        return name
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(key), plain))
    listed = [one for one in (beside, plain) if stays_below(one)]
    if not listed:
        return name
    return next((one for one in listed if is_there(root, one)), listed[0])


def keys_of_names(names: Sequence[str]) -> list[str]:
    """Keys of images by name: without suffix, but where two would then be one."""
    plain = [sample_key(name) for name in names]
    counts = Counter(plain)
    return [
        key if counts[key] == 1 else Path(name).as_posix()
        for key, name in zip(plain, names, strict=True)
    ]


def is_there(root: Path, name: str) -> bool:
    """Whether an image of this name lies below the root, or below its `images`."""
    try:
        return stays_below(name) and any((root / p / name).is_file() for p in (".", "images"))
    except OSError:  # a name too long for the disk
        return False


def strict_json(path: Path, *, most: int = MAX_BYTES) -> Any:
    """A parsed JSON file without NaN and infinities, which are no JSON and cannot be written.

    Args:
        path: the file.
        most: bytes that it may have.

    Raises:
        FormatError: it is larger, cannot be read or does not parse.
    """

    def refused(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON")

    try:
        size = path.stat().st_size
        if size > most:
            raise FormatError(f"a JSON file of more than {most} bytes", where=path, seen=size)
        return json.loads(path.read_text("utf-8-sig"), parse_constant=refused)
    except OSError as error:
        hint = "check the path" if isinstance(error, FileNotFoundError) else ""
        raise FormatError(f"cannot read: {error.strerror}", where=path, hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise FormatError("not valid JSON", where=path, seen=error, hint="copy it again") from error


def json_line(value: object, **how: Any) -> str:
    """JSON text of a value without NaN and infinities; `how` is for `json.dumps`.

    Half a character (a lone surrogate), which JSON may hold and UTF-8 may not, is escaped.

    Raises:
        WriteError: it holds NaN, or what is no JSON.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, **how)
    except (ValueError, TypeError, RecursionError) as error:
        raise WriteError(
            "JSON cannot say a value", seen=error, hint="look for NaN in attributes and fields"
        ) from error
    if text.isascii() or not _HALVES.search(text):
        return text
    return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def json_text(data: Mapping[str, Any], *, indent: int | None = 2) -> bytes:
    """Bytes of a JSON file that depend on the content alone; keys stay in their order.

    Raises:
        WriteError: it holds NaN, or what is no JSON.
    """
    return (json_line(data, indent=indent) + "\n").encode()
