"""Which class a number means in YOLO data: data.yaml, Darknet's obj.data, lists of names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from maskloom.errors import FormatError
from maskloom.formats.shared.yaml_files import MAX_BYTES, read_yaml
from maskloom.formats.yolo.fields import plain_fields, yaml_fields

_LISTS = ("classes.txt", "obj.names", "labels.txt", "classes.names", "names.txt")
_YAML = (".yaml", ".yml")
# What data.yaml holds besides splits.
_NO_SPLITS = frozenset(
    {"path", "names", "nc", "download", "kpt_shape", "flip_idx", "roboflow", "channels", "format"}
)


@dataclass(frozen=True, slots=True)
class YoloConfig:
    """What a data set says of itself.

    Args:
        path: the file that says it, or None.
        names: class number → name; None where nothing tells.
        base: folder as `path` of data.yaml names it; "" is that of the file.
        splits: split → folders or lists of images, as the file says them.
        skip_unlabelled: images without a label file are left out.
        fields: name → lines of what maskloom does not interpret.
    """

    path: Path | None = None
    names: Mapping[int, str] | None = None
    base: str = ""
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    skip_unlabelled: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)


def find_config(folder: Path) -> Path | None:
    """data.yaml or another YAML file with names of classes, or Darknet's .data file."""
    if not folder.is_dir():
        return None
    files = [p for p in sorted(folder.iterdir()) if p.is_file() and not p.name.startswith(".")]
    yamls = [p for p in files if p.suffix.lower() in _YAML and _has_names(p)]
    named = [p for p in yamls if p.stem in ("data", "dataset")] or yamls
    darknet = [p for p in files if p.suffix.lower() == ".data" and _is_darknet(p)]
    return next(iter([*named, *darknet]), None)


def is_config(path: Path) -> bool:
    """Whether a file is a data.yaml or an obj.data, by name and text."""
    suffix = path.suffix.lower()
    if suffix in _YAML:
        return _has_names(path) and _has_key(_text(path), ("train", "val", "path"))
    return suffix == ".data" and _is_darknet(path)


def read_config(path: Path) -> YoloConfig:
    """A data.yaml or an obj.data.

    Raises:
        FormatError: it does not parse, is of another task, or its names are no names.
    """
    return _read_darknet(path) if path.suffix.lower() == ".data" else _read_yaml(path)


def names_beside(*folders: Path) -> YoloConfig:
    """Names of a list or a YAML file in the first of these folders that has one."""
    for folder in folders:
        for name in _LISTS:
            if (folder / name).is_file():
                return YoloConfig(folder / name, read_names(folder / name))
        config = find_config(folder)
        if config is not None:
            read = read_config(config)
            return YoloConfig(config, read.names, skip_unlabelled=read.skip_unlabelled)
    return YoloConfig()


def read_names(path: Path) -> dict[int, str]:
    """Names of a list, one a line, counted from 0; empty lines at the end are none.

    Raises:
        FormatError: it cannot be read, or two lines are equal.
    """
    try:
        lines = path.read_text("utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError("the names cannot be read", where=path, seen=error) from error
    return _checked(dict(enumerate(line.strip() for line in lines)), path)


def _read_yaml(path: Path) -> YoloConfig:
    data = read_yaml(path, texts=True)
    if "kpt_shape" in data:
        raise FormatError(
            "labels of poses, not of masks or boxes",
            where=path,
            seen="kpt_shape",
            hint="maskloom reads YOLO boxes and segments",
        )
    names = _names(data, path)
    splits = {}
    for split, value in data.items():
        listed = value if isinstance(value, list) else [value]
        if split in _NO_SPLITS or not all(isinstance(v, str) and v for v in listed):
            continue
        if listed and isinstance(split, str):
            splits[split] = tuple(listed)
    base = data.get("path")
    skip = data.get("skip_if_label_file_missing") in ("true", "True")
    base = base if isinstance(base, str) else ""
    return YoloConfig(path, names, base, splits, skip, yaml_fields(path))


def _names(data: Mapping[str, Any], path: Path) -> dict[int, str]:
    names = data.get("names")
    count = _number(data.get("nc"))
    if isinstance(names, list):
        names = {str(i): name for i, name in enumerate(names)}
    if names is None and count is not None and 0 < count < MAX_BYTES:
        return {i: f"class_{i}" for i in range(count)}
    if not isinstance(names, dict):
        raise FormatError("no names of classes", where=f"{path}: names", seen=names)
    table: dict[int, str] = {}
    for key, name in names.items():
        number = _number(key)
        if number is None:
            raise FormatError(
                "a class number is a whole number from 0", where=f"{path}: names", seen=key
            )
        if number in table:
            raise FormatError("a class is named twice", where=f"{path}: names", seen=key)
        if not isinstance(name, str):
            raise FormatError("a name is not text", where=f"{path}: names", seen=f"class {key}")
        table[number] = name
    if count is not None and count != len(table):
        raise FormatError(
            f"nc says {count} classes, names has {len(table)}",
            where=f"{path}: nc",
            hint="correct one of them",
        )
    return _checked(table, path)


def _number(text: object) -> int | None:
    """A whole number from 0 that text says, or None."""
    digits = isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 10
    return int(str(text)) if digits else None


def _checked(names: dict[int, str], path: Path) -> dict[int, str]:
    seen: dict[str, int] = {}
    for number, name in names.items():
        if not name.strip():
            raise FormatError("a class without a name", where=path, seen=f"class {number}")
        if name in seen:
            raise FormatError(
                f"classes {seen[name]} and {number} share a name",
                where=path,
                seen=name,
                hint="give each class its own name",
            )
        seen[name] = number
    return names


def _read_darknet(path: Path) -> YoloConfig:
    """`key = value` lines; splits are lists of images, `names` a list of names."""
    pairs = (line.partition("=") for line in _text(path).splitlines())
    told = {key.strip(): value.strip() for key, equals, value in pairs if equals}
    name = told.get("names", "").replace("\\", "/").rpartition("/")[2]
    names = read_names(path.parent / name) if name and (path.parent / name).is_file() else None
    splits = {
        {"valid": "val"}.get(k, k): (v,) for k, v in told.items() if k in ("train", "valid", "test")
    }
    return YoloConfig(path, names, "", splits, fields=plain_fields(told))


def _has_names(path: Path) -> bool:
    return _has_key(_text(path), ("names", "nc"))


def _has_key(text: str, names: tuple[str, ...]) -> bool:
    """Whether the beginning of a YAML file has one of these keys at its top.

    They begin a line as a rule; in braces, quotes or an indented file they do not.
    """
    any_of = "|".join(names)
    if re.search(rf"(?m)^({any_of})\s*:", text):
        return True
    # Parsing is slow, and most YAML files are of something else.
    if not re.search(rf"\b({any_of})\b", text):
        return False
    return any(key in names for key in _top_keys(text))


def _top_keys(text: str) -> Iterator[str]:
    """Keys of the outermost mapping, as far as the text parses."""
    depth, is_key = 0, True
    try:
        for event in yaml.parse(text, yaml.BaseLoader):
            if isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.NodeEvent):
                if depth == 0 and not isinstance(event, yaml.MappingStartEvent):
                    return
                if depth == 1 and is_key and isinstance(event, yaml.ScalarEvent):
                    yield event.value
                if depth == 1:
                    is_key = not is_key
                depth += isinstance(event, yaml.CollectionStartEvent)
    except yaml.YAMLError:
        return


def _is_darknet(path: Path) -> bool:
    return bool(re.search(r"(?m)^\s*(train|valid|names)\s*=", _text(path)))


def _text(path: Path) -> str:
    """The beginning of a file; "" if unreadable."""
    try:
        with path.open("rb") as file:
            return file.read(1 << 20).decode("utf-8", "replace").lstrip("\ufeff")
    except OSError:
        return ""
