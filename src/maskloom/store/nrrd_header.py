"""The text of a NRRD header: fields, key/value pairs, comments, and what is kept of them.

Kept are the fields that say nothing of size, coding and place, so that a file that is written
again says them too. Lengths become mm, as the place of the voxels does.

Source: teem.sourceforge.net/nrrd/format.html (NRRD0005), sections 3 to 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskloom.errors import FormatError
from maskloom.store.images import refuse_absent

KEPT = "nrrd_header"
"""In `VolumeHeader.kept`: name of a field → its text, or a list with one word for each axis."""
_MOST_HEADER = 1 << 24
_PLAIN = ("content", "sample units", "min", "max", "old min", "old max")
_LENGTHS = ("thicknesses", "axis mins", "axis maxs")
_PER_AXIS = {
    **dict.fromkeys(_LENGTHS, "nan"), "centers": "???", "kinds": "list", "labels": '""',
    "units": '""',
}  # fmt: skip
_PLACING = ("space dimension", "space directions", "space origin", "space units")
_CODING = (
    "number", "type", "dimension", "block size", "sizes", "spacings", "endian", "encoding",
    "data file", "line skip", "byte skip", "space",
)  # fmt: skip
_FIELDS = frozenset({*_PLAIN, *_PER_AXIS, *_PLACING, *_CODING, "measurement frame"})
_NAMES = {name.replace(" ", ""): name for name in _FIELDS} | {"centerings": "centers"}
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\([^()]*\)|\S+')
_MM = {
    1.0: "mm millimeter millimeters millimetre millimetres",
    10.0: "cm centimeter centimeters centimetre centimetres",
    1000.0: "m meter meters metre metres",
    1e-3: "um µm μm micron microns micrometer micrometers micrometre micrometres",
    1e-6: "nm nanometer nanometers nanometre nanometres",
}
_UNITS = {name: factor for factor, names in _MM.items() for name in names.split()}
_USUAL = ("Complete NRRD file format specification at", "teem.sourceforge.net/nrrd/format")


@dataclass(frozen=True, slots=True)
class NrrdText:
    """The lines of a header: fields (`name: value`), key/value pairs (`key:=value`), comments."""

    fields: Mapping[str, str]
    pairs: Mapping[str, str]
    comments: tuple[str, ...]
    offset: int


def read_text(path: Path) -> NrrdText:
    """The header of a file, and where its voxels begin.

    Raises:
        FormatError: not a NRRD file, or its header has no end.
        ImageError: missing or empty.
    """
    refuse_absent(path)
    with path.open("rb") as file:
        if not file.read(8).startswith(b"NRRD000"):
            raise FormatError("not a NRRD file", where=path, hint="copy it again")
        file.seek(0)
        start = file.read(_MOST_HEADER)
    end = re.search(rb"\r?\n\r?\n", start)
    if end is None:
        raise FormatError("the header has no end", where=path, hint="copy the file again")
    # Only these end a line: str.splitlines would cut values at other separators of Unicode.
    line_end = "\r\n" if end[0].startswith(b"\r") else "\n"
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    comments = []
    for line in _decoded(start[: end.start()]).split(line_end)[1:]:
        name, colon, value = line.partition(": ")
        key, sign, own = line.partition(":=")
        known = _NAMES.get(name.strip().lower().replace(" ", "")) if colon else None
        if line.startswith("#"):
            comments.append(line[1:])
        elif known is not None:
            fields[known] = value.strip()
        elif sign:  # a key may hold a colon, as no field is called so
            pairs[_plain(key)] = _plain(own)
        elif colon:
            fields[name.strip()] = value.strip()
    told = tuple(line for line in comments if not any(usual in line for usual in _USUAL))
    return NrrdText(fields, pairs, told, end.end())


def pair_line(key: str, value: str) -> str:
    """A key/value pair as a line."""
    return f"{_escaped(key)}:={_escaped(value)}"


def words(text: str) -> list[str]:
    """What a field says of each axis: words, texts in double quotes, vectors in brackets."""
    return _WORD.findall(text)


def of_space(fields: Mapping[str, str], name: str, axis: int | None) -> list[str]:
    """What a field says of the axes of space alone."""
    return [word for i, word in enumerate(words(fields.get(name, ""))) if i != axis]


def millimetres(fields: Mapping[str, str], axis: int | None, path: Path) -> float:
    """Millimetres in the unit of a file's lengths; 1 where it names none.

    Args:
        fields: of the header.
        axis: which axis of the file is not space.
        path: what to name.

    Raises:
        FormatError: no unit of length that is known, or several.
    """
    name = "space units" if "space directions" in fields else "units"
    said = words(fields.get(name, "")) if name == "space units" else of_space(fields, name, axis)
    units = {text for word in said if (text := word.strip('" ').lower()) not in ("", "???", "none")}
    factors = {_UNITS.get(unit) for unit in units}
    factor = next(iter(factors), 1.0)
    if len(factors) > 1 or factor is None:
        raise FormatError(
            "units of length that are not read",
            where=f"{path}: {name}",
            seen=fields[name],
            hint=f"one of {', '.join(names.split()[0] for names in _MM.values())} for all axes",
        )
    return factor


def kept_fields(
    text: NrrdText, axis: int | None, mm: float, flips: Sequence[int]
) -> dict[str, Any]:
    """Fields that say nothing of size, coding and place, for `VolumeHeader.kept`.

    Args:
        text: of the header.
        axis: which axis of the file holds the values of a voxel; its word goes first.
        mm: millimetres in the unit of its lengths.
        flips: signs from its space to LPS; empty where the file does not name its space, so that
            directions and origin are kept as they are.
    """
    fields = text.fields
    scaled = bool(flips) or "space directions" not in fields
    kept: dict[str, Any] = {n: fields[n] for n in fields if n in _PLAIN or n not in _FIELDS}
    kept |= _of_axes(fields, axis, mm if scaled else 1.0)
    for name in ("units", "space units"):
        if any(word.strip('" ') for word in words(fields.get(name, ""))):
            kept[name] = ['"mm"'] * 3
    if not flips:
        kept |= {n: fields[n] for n in _PLACING if n in fields}
        if "space directions" in fields:
            kept["space directions"] = of_space(fields, "space directions", axis)
    if frame := fields.get("measurement frame"):
        kept["measurement frame"] = _turned(frame, flips)
    if text.comments:
        kept["comments"] = list(text.comments)
    return kept


def _of_axes(fields: Mapping[str, str], axis: int | None, mm: float) -> dict[str, list[str]]:
    """Fields with a word for each axis; kinds of axes of space that are usual say nothing."""
    kept = {}
    for name in _PER_AXIS:
        listed = words(fields.get(name, ""))
        if name in _LENGTHS and mm != 1:
            listed = [_scaled(word, mm) for word in listed]
        if axis is not None and axis < len(listed):
            listed.insert(0, listed.pop(axis))
        if listed and not (name == "kinds" and set(of_space(fields, name, axis)) <= {"domain"}):
            kept[name] = listed
    return kept


def kept_lines(kept: Mapping[str, Any], rank: int, *, placed: bool) -> list[str]:
    """Lines of fields that were kept, behind `dimension`, `sizes` and the place.

    Args:
        kept: of `kept_fields`.
        rank: 3, or 4 where the first axis holds the values of a voxel.
        placed: the file has `space directions`, beside which others of the axes cannot be.
    """
    lines = []
    for name, value in kept.items():
        apart = name in ("axis mins", "axis maxs", "units")
        if name in (*_PLACING, "comments", "kinds") or (placed and apart):
            continue
        if name == "measurement frame" and not placed:
            continue
        if name not in _PER_AXIS:
            lines.append(f"{name}: {value}")
        elif listed := for_axes(name, value, rank):
            lines.append(f"{name}: {' '.join(listed)}")
    return lines


def for_axes(name: str, listed: Sequence[str], rank: int) -> list[str]:
    """What was kept of each axis, for a file of so many; nothing where that is not known."""
    if len(listed) not in (3, 4):
        return []
    first = listed[0] if len(listed) == 4 else _PER_AXIS[name]
    return [first, *listed[-3:]] if rank == 4 else list(listed[-3:])


def unplaced_lines(kept: Mapping[str, Any], rank: int) -> list[str]:
    """Directions and origin in a space that the file did not name; nothing where it had none."""
    directions = kept.get("space directions", ())
    if len(directions) != 3 or "none" in directions:
        return []
    listed = ["none", *directions] if rank == 4 else directions
    told = {**kept, "space directions": " ".join(listed)}
    return [f"{name}: {told[name]}" for name in _PLACING if name in told]


def _turned(frame: str, flips: Sequence[int]) -> str:
    """A measurement frame in LPS; as it is where its space is that, or unknown."""
    if not flips or set(flips) == {1}:
        return frame
    out = []
    for vector in words(frame):
        parts = vector.strip("() ").split(",")
        turned = [_scaled(part, flip) for part, flip in zip(parts, flips, strict=False)]
        out.append(f"({','.join(turned)})")
    return " ".join(out)


def _scaled(word: str, factor: float) -> str:
    try:
        return repr(float(word) * factor + 0.0)
    except ValueError:
        return word


def _decoded(data: bytes) -> str:
    """UTF-8, as Slicer writes it, else the 8-bit letters of older tools."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _plain(text: str) -> str:
    return re.sub(r"\\([\\n])", lambda m: "\n" if m[1] == "n" else "\\", text)
