"""Names and colours of classes in files of other tools, as `bitmap` takes them.

Known are our own JSON, `dataset_meta.json` of Datumaro, `names` or `classes` in YAML or JSON,
lines `ID: name` (COCO-stuff) and lines `R G B name` (CamVid).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskloom.errors import FormatError
from maskloom.formats.shared.folders import read_json
from maskloom.formats.shared.maps import Color, read_colors

META_FILE = "dataset_meta.json"
_LINE = re.compile(r"\s*(\d+)\s*[:,\t ]\s*(\S.*?)\s*")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_MAPS = ("label_map", "names", "classes")


def has_colors(path: Path) -> bool:
    """Whether a JSON file lists colours of its labels."""
    data = read_json(path)
    return isinstance(data, dict) and bool(data.get("segmentation_colors"))


def read_names(path: Path) -> dict[str, Any]:
    """A file of names as `{"categories": [{"id": 0, "name": "sky"}, ...]}`.

    Raises:
        FormatError: it does not parse, or no names are found in it.
    """
    data = _parsed(path)
    if isinstance(data, dict) and isinstance(data.get("categories"), list):
        return data
    named = _named(data, path)
    background = data.get("background_label") if isinstance(data, dict) else None
    out: dict[str, Any] = {"categories": [{"id": i, "name": n} for i, n in sorted(named.items())]}
    if background is not None and str(background).isdigit() and int(background) in named:
        out["categories"] = [c for c in out["categories"] if c["id"] != int(background)]
        out["background_id"] = int(background)
    return out


def read_color_table(path: Path) -> tuple[list[tuple[str, Color]], str | None]:
    """(name, colour) of every class in order, and which of them is background, if that is said.

    Raises:
        FormatError: it does not parse, or a colour or name is wrong or listed twice.
    """
    if path.suffix.lower() != ".json":
        return read_colors(path), None
    data = read_json(path)
    if isinstance(data, dict) and isinstance(data.get("classes"), list):
        found = [_titled(one, path) for one in data["classes"]]
        background = None
    else:
        named = _named(data, path)
        colors = data.get("segmentation_colors") if isinstance(data, dict) else None
        if not isinstance(colors, list) or len(colors) != len(named):
            seen = len(colors) if isinstance(colors, list) else type(colors).__name__
            raise FormatError(
                f"segmentation_colors are not {len(named)} colours", where=path, seen=seen
            )
        found = [
            (n, _color(c, path)) for (_, n), c in zip(sorted(named.items()), colors, strict=True)
        ]
        said = data.get("background_label")
        background = named.get(int(said)) if said is not None and str(said).isdigit() else None
    for part in (0, 1):
        listed = [entry[part] for entry in found]
        if twice := [one for one in listed if listed.count(one) > 1]:
            raise FormatError("a colour or name is listed twice", where=path, seen=twice[0])
    return found, background


def _parsed(path: Path) -> Any:
    suffix = path.suffix.lower()
    if suffix == ".json":
        return read_json(path)
    if suffix in (".yaml", ".yml"):
        # Imported when needed: few data sets come with YAML.
        from maskloom.formats.shared.yaml_files import read_yaml

        return read_yaml(path)
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError("cannot read the names", where=path, seen=error) from error
    found: dict[str, str] = {}
    for n, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or match[1] in found:
            raise FormatError(
                "not a line of the form ID: name, or an id listed twice",
                where=f"{path}: line {n}",
                seen=line,
            )
        found[match[1]] = match[2]
    return {"names": found}


def _named(data: Any, path: Path) -> dict[int, str]:
    """Id → name of a mapping or list under one of the usual keys."""
    inner = next((data[k] for k in _MAPS if k in data), None) if isinstance(data, Mapping) else None
    listed = enumerate(inner) if isinstance(inner, list) else getattr(inner, "items", lambda: ())()
    found: dict[int, str] = {}
    for number, name in listed:
        if not str(number).isdigit() or not isinstance(name, str) or int(number) in found:
            raise FormatError("not an id with its name", where=path, seen=f"{number}: {name}")
        found[int(number)] = name
    if not found:
        raise FormatError(
            "no names of classes",
            where=path,
            hint='write {"categories": [{"id": 0, "name": "sky"}, ...]}',
        )
    return found


def _titled(one: Any, path: Path) -> tuple[str, Color]:
    """A class of Supervisely: title and #RRGGBB."""
    title, color = (one.get("title"), one.get("color")) if isinstance(one, dict) else (None, None)
    if not isinstance(title, str) or not isinstance(color, str) or not _HEX.fullmatch(color):
        raise FormatError("not a class with title and colour #RRGGBB", where=path, seen=one)
    return title, (int(color[1:3], 16), int(color[3:5], 16), int(color[5:], 16))


def _color(value: Any, path: Path) -> Color:
    good = isinstance(value, list) and len(value) == 3
    if not good or not all(type(v) is int and 0 <= v <= 255 for v in value):
        raise FormatError("a colour is not three numbers 0..255", where=path, seen=value)
    return value[0], value[1], value[2]
