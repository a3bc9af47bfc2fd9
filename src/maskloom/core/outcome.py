"""What a verb returns, and its machine form.

An `Outcome` holds plain JSON results and the tables and lines that people read. It knows
no terminal: `faces.console` draws it, `faces.cli` and `faces.rest` wrap it in `envelope`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, TypeAlias

from maskloom.version import __version__

JSON: TypeAlias = "bool | int | float | str | list[Any] | dict[str, Any] | None"
Cell: TypeAlias = "str | int | float | bool | None"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for people to read.

    Args:
        title: one line above the table; may be empty.
        columns: the headings.
        rows: cells, one per column; None is drawn as "-".
        note: one line below the table; may be empty.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def records(self) -> list[dict[str, Cell]]:
        """The machine form: one mapping of heading → cell for each row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of a verb did and found.

    Args:
        results: the machine form; numpy scalars, arrays, paths and NaN are allowed.
        tables: what people read first.
        lines: single lines that people read after the tables.
        warnings: what was odd but did not stop the run.
        failures: single items of a batch that were refused, each named; the rest is done.
        found: a fault was found, or a change refused: the command ends with 1.
    """

    results: Mapping[str, Any]
    tables: tuple[Table, ...] = ()
    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    failures: tuple[str, ...] = ()
    found: bool = False

    @property
    def exit_code(self) -> int:
        """0: done. 1: done, but something was found, refused or left out."""
        return 1 if self.found or self.failures else 0


def counted(n: int, noun: str) -> str:
    """A number with its noun, for people: `1 image`, `1,200 images`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def was(n: int) -> str:
    """`was` of one, `were` of none or several."""
    return "was" if n == 1 else "were"


def envelope(verb: str, inputs: Mapping[str, Any], outcome: Outcome) -> dict[str, JSON]:
    """The one machine form of every verb, on the command line and over REST.

    Args:
        verb: the name that users type.
        inputs: the public parameter names with the values that were used.
        outcome: what the verb returned; its failures follow its warnings.

    Returns:
        A dict of `maskloom` (version), `verb`, `inputs`, `results` and `warnings`, made of
        JSON types only: NaN and infinities are null, paths are strings.
    """
    return {
        "maskloom": __version__,
        "verb": verb,
        "inputs": plain(inputs),
        "results": plain(outcome.results),
        "warnings": [*outcome.warnings, *outcome.failures],
    }


def plain(value: Any) -> JSON:
    """Reduce a value to JSON types: numpy, paths and tuples; NaN and infinities are null.

    Raises:
        TypeError: the value has no JSON form, which is a fault of the verb.
    """
    if value is None or isinstance(value, bool | int | str):
        # str() and int() strip enum and subclass dress that json would spell differently.
        return value if value is None or isinstance(value, bool) else _undressed(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return plain(value.tolist())
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")


def _undressed(value: int | str) -> int | str:
    return str.__str__(value) if isinstance(value, str) else int(value)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else str(plain(key))


def some_of(names: Sequence[str], n: int = 5) -> str:
    """Up to n names, and how many more there are."""
    more = f" and {len(names) - n} more" if len(names) > n else ""
    return (", ".join(names[:n]) or "none") + more
