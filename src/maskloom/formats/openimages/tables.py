"""The CSV tables of Open Images: which there are, checked columns, rows by image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from maskloom.errors import FormatError
from maskloom.formats.shared.json_files import SPLITS

Kind = Literal["masks", "boxes", "labels", "images"]
_COLUMNS: dict[Kind, frozenset[str]] = {
    "masks": frozenset({"MaskPath", "ImageID", "LabelName"}),
    "boxes": frozenset({"ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax"}),
    "labels": frozenset({"ImageID", "LabelName", "Confidence"}),
    "images": frozenset({"ImageID", "Subset", "OriginalURL"}),
}
_PLACES = (".", "annotations", "labels")
_HEAD = 1 << 12


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Args:
        path, line: where it stands.
        values: column → text; None where the file has none.
    """

    path: Path
    line: int
    values: Mapping[str, str | None]

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.path}: line {self.line}"

    def text(self, column: str) -> str:
        """A value that must be there.

        Raises:
            FormatError: it is not.
        """
        value = self.values.get(column)
        if not value:
            raise FormatError(f"no {column}", where=self.where, hint="copy the file again")
        return value

    def fraction(self, column: str) -> float:
        """A coordinate from 0 to 1.

        Raises:
            FormatError: it is none.
        """
        text = self.text(column)
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not 0 <= value <= 1:
            raise FormatError(
                "a coordinate is a fraction of the image's side",
                where=f"{self.where}, {column}",
                seen=text,
            )
        return value


@dataclass(frozen=True, slots=True)
class Table:
    """One CSV file: what it lists and of which split."""

    path: Path
    kind: Kind
    split: str | None


@dataclass(slots=True)
class ByImage:
    """Rows of one kind: image → its rows, and the split that its table names."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    splits: dict[str, str | None] = field(default_factory=dict)


def find_tables(folder: Path) -> list[Table]:
    """The tables of a folder, told by their first line."""
    found = []
    for place in _PLACES:
        for path in sorted((folder / place).glob("*.csv")):
            kind = _kind(path)
            if kind is not None:
                found.append(Table(path, kind, _split(path.stem)))
    return found


def read_tables(tables: Sequence[Table], kind: Kind) -> ByImage:
    """All rows of one kind by image, in order of the files.

    Raises:
        FormatError: a file does not parse.
    """
    found = ByImage()
    for table in tables:
        if table.kind != kind:
            continue
        for row in _rows(table.path):
            image = row.text("ImageID")
            found.rows.setdefault(image, []).append(row)
            found.splits.setdefault(image, table.split)
    return found


def columns_of(path: Path, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Some columns of a table, line by line; empty where a line or the table lacks one.

    Raises:
        FormatError: it does not parse.
    """
    lines = _lines(path)
    header = [name.strip() for name in next(lines, [])]
    places = [header.index(name) if name in header else len(header) for name in names]
    for line in lines:
        if line:
            yield tuple(line[i].strip() if i < min(len(line), len(header)) else "" for i in places)


def read_names(folder: Path) -> dict[str, str]:
    """Label → display name, from class-descriptions.csv with or without a first line of names.

    Raises:
        FormatError: it does not parse.
    """
    for place in _PLACES:
        for path in sorted((folder / place).glob("*class-descriptions*.csv")):
            names = {}
            for line in _lines(path):
                if len(line) >= 2 and line[0] != "LabelName":
                    names[line[0]] = line[1]
            return names
    return {}


def read_sizes(folder: Path) -> dict[str, tuple[int, int]]:
    """Image → (H, W), of images.meta with lines `ID height width` if it is there."""
    sizes = {}
    for place in _PLACES:
        path = folder / place / "images.meta"
        if not path.is_file():
            continue
        for line in path.read_text("utf-8", "replace").splitlines():
            match = re.fullmatch(r"(\S+)\s+(\d{1,9})\s+(\d{1,9})\s*", line)
            if match and not line.startswith("#"):
                sizes[match[1]] = (int(match[2]), int(match[3]))
    return sizes


def _kind(path: Path) -> Kind | None:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).decode("utf-8-sig", "replace").partition("\n")[0]
    except OSError:
        return None
    columns = {name.strip() for name in head.split(",")}
    return next((kind for kind, wanted in _COLUMNS.items() if wanted <= columns), None)


def _split(stem: str) -> str | None:
    """`oidv6-train-annotations-bbox` → `train`."""
    parts = re.split(r"[-_]", stem.lower())
    return next((SPLITS[part] for part in parts if part in SPLITS), None)


def _rows(path: Path) -> Iterator[Row]:
    lines = _lines(path)
    header = [name.strip() for name in next(lines, [])]
    for number, line in enumerate(lines, start=2):
        if line:
            values: dict[str, Any] = dict.fromkeys(header)
            values |= dict(zip(header, line, strict=False))
            yield Row(path, number, values)


def _lines(path: Path) -> Iterator[list[str]]:
    import csv

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.reader(file, strict=True)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FormatError("the table cannot be read", where=path, seen=error) from error
