"""What the fields of an operation may say: one check per field, each naming the place.

Values come back plain and canonical (whole floats as ints), so that equal values are equal
JSON here and in a page. The operation around them is read by `operation_json`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from maskloom.errors import DataError

MAX_VERTICES = 100_000
"""Of one polygon, all rings together."""
MAX_TEXT = 200
MAX_WHOLE = 2**53 - 1
"""The largest whole number that a page keeps exactly."""
MAX_GRID = 2**30
"""2**24 px in steps of 1/64 px."""
MAX_Z = 2**31 - 1
MAX_DEPTH = 16

STATES = ("todo", "doing", "done")
VERDICTS = (None, "fixed", "accepted", "kept", "void", "unsure")
_VERDICT = re.compile(r"verdict/[!-~]{1,80}")


def wrong(what: str, where: str, value: object) -> NoReturn:
    """Raise the error of a field.

    Raises:
        DataError: always; long and nested values are told by their size.
    """
    raise DataError(what, where=where, seen=_told(value))


def text(value: object, where: str) -> str:
    """A name of 1 to 200 printable characters."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not value.isprintable():
        wrong(f"not a text of 1 to {MAX_TEXT} printable characters", where, value)
    return value


def matched(value: object, pattern: re.Pattern[str], where: str, form: str) -> str:
    """A text of a form."""
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        wrong(f"not {form}", where, value)
    return value


def whole(value: object, where: str, low: int, high: int) -> int:
    """A whole number in a range."""
    if type(value) is not int or not low <= value <= high:
        wrong(f"not a whole number from {low} to {high}", where, value)
    return value


def object_field(name: str, value: object, where: str) -> Any:
    """The value of a field of an object."""
    check = _OBJECT_FIELDS.get(name)
    if check is None:
        wrong(f"not a field of an object; known: {', '.join(_OBJECT_FIELDS)}", where, name)
    return check(value, where)


def document_field(name: str, value: object, where: str) -> Any:
    """The value of a field of the document."""
    if name == "state":
        allowed: tuple[object, ...] = STATES
    elif _VERDICT.fullmatch(name):
        allowed = VERDICTS
    else:
        wrong("not a field of the document; known: state, verdict/ITEM", where, name)
    if (value is not None and not isinstance(value, str)) or value not in allowed:
        wrong(f"not one of {', '.join(str(one) for one in allowed)}", where, value)
    return value


def keyed(value: object, where: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        wrong("not an object", where, value)
    return value


def plain(value: object, where: str, depth: int = 0) -> Any:
    """A copy of a JSON value that every end reads alike."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _sound(value, where)
    if isinstance(value, int | float):
        return _number(value, where)
    if depth == MAX_DEPTH:
        wrong(f"nested more than {MAX_DEPTH} deep", where, value)
    if isinstance(value, list | tuple):
        return [plain(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {
            _sound(key, where): plain(item, f"{where}[{key!r:.40}]", depth + 1)
            for key, item in keyed(value, where).items()
        }
    wrong("not a JSON value", where, value)


def _number(value: float, where: str) -> int | float:
    """A finite number; a whole one is an int, which a page keeps exactly."""
    if isinstance(value, int) and abs(value) > MAX_WHOLE:
        wrong("a whole number of more than 53 bits", where, value)
    if not math.isfinite(value):
        wrong("not a finite number", where, value)
    return int(value) if abs(value) <= MAX_WHOLE and value == int(value) else value


def _sound(value: str, where: str) -> str:
    """Text that can be written as UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        wrong("text with half of a surrogate pair", where, ascii(value))
    return value


def _exists(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        wrong("not true or false", where, value)
    return value


def _optional_text(value: object, where: str) -> str | None:
    return None if value is None else text(value, where)


def _geometry(value: object, where: str) -> dict[str, Any] | None:
    """A polygon: rings of x, y, x, y, ... in whole steps of 1/64 px."""
    if value is None:
        return None
    data = keyed(value, where)
    if set(data) != {"rule", "rings"} or data["rule"] != "grid":
        wrong('not null or {"rule":"grid","rings":[...]}', where, value)
    rings = data["rings"]
    if not isinstance(rings, list) or not rings:
        wrong("not a list of rings", f"{where}.rings", rings)
    left = MAX_VERTICES
    for i, ring in enumerate(rings):
        if not isinstance(ring, list) or len(ring) < 6 or len(ring) % 2:
            wrong("not x, y of at least 3 vertices", f"{where}.rings[{i}]", ring)
        left -= len(ring) // 2
        if left < 0:
            wrong(f"more than {MAX_VERTICES} vertices", f"{where}.rings", rings)
        for number in ring:
            if type(number) is not int or not -MAX_GRID <= number <= MAX_GRID:
                wrong("not a whole number up to 2**30", f"{where}.rings[{i}]", number)
    return {"rule": "grid", "rings": [list(ring) for ring in rings]}


def _attributes(value: object, where: str) -> dict[str, Any]:
    return plain(keyed(value, where), where)  # type: ignore[no-any-return]


_OBJECT_FIELDS: dict[str, Callable[[object, str], Any]] = {
    "exists": _exists,
    "category": _optional_text,
    "z": lambda value, where: whole(value, where, -MAX_Z, MAX_Z),
    "geometry": _geometry,
    "attributes": _attributes,
    "origin": _optional_text,
}


def _told(value: object) -> object:
    """A value as an error shows it, in bounded time."""
    if isinstance(value, str):
        return ascii(value[:100])
    if isinstance(value, int) and abs(value) > 2**64:
        return f"a number of {value.bit_length()} bits"
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    return f"{type(value).__name__} of {len(value)}" if hasattr(value, "__len__") else type(value)
