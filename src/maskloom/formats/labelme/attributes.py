"""Flags of LabelMe's shapes, and the `attributes` that other tools write beside them.

Both are attributes of the object. As a rule those that are true or false are flags and all others
are not; where a file has it otherwise, its own division is kept beside (`source`), with the flags
of which an attribute has the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskloom.core.labels import Rows
from maskloom.errors import FormatError
from maskloom.formats.shared.drawn import attributes_of, source_of

FLAGS, ATTRIBUTES = "flags", "attributes"
KEPT = "labelme"
"""Where the division is kept in `source`."""
Divided = tuple[dict[str, Any], dict[str, Any]]


def read_attributes(entry: Mapping[str, Any], where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The attributes of a shape, and what is kept of how they are divided.

    Raises:
        FormatError: flags or attributes are no object.
    """
    flags, others = (_object(entry, name, where) for name in (FLAGS, ATTRIBUTES))
    both = flags | others
    usual = (flags, others) == _by_value(both)
    return both, {} if usual else {KEPT: {FLAGS: flags, ATTRIBUTES: others}}


def divided(rows: Rows, i: int) -> Divided:
    """Flags and other attributes of a row, as its file divided them."""
    both = attributes_of(rows, i)
    kept = _kept(rows, i)
    if kept is None:
        return _by_value(both)
    old_flags, old_others = kept
    flags: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name, value in both.items():
        if name in old_others or (name not in old_flags and not isinstance(value, bool)):
            others[name] = value
        else:
            flags[name] = value
        if name in old_others and name in old_flags:
            flags[name] = old_flags[name]
    return flags, others


def undivided(rows: Rows, i: int) -> dict[str, Any]:
    """What the source says of a row besides."""
    source = dict(source_of(rows, i))
    if _kept(rows, i) is not None:
        del source[KEPT]
    return source


def hidden_flags(rows: Rows, i: int) -> bool:
    """Whether a flag is lost with the attribute of its name."""
    kept = _kept(rows, i)
    return kept is not None and not set(kept[0]) & set(kept[1]) <= set(attributes_of(rows, i))


def _kept(rows: Rows, i: int) -> Divided | None:
    own = source_of(rows, i).get(KEPT)
    if not isinstance(own, Mapping) or set(own) != {FLAGS, ATTRIBUTES}:
        return None
    flags, others = own[FLAGS], own[ATTRIBUTES]
    whole = isinstance(flags, Mapping) and isinstance(others, Mapping)
    return (dict(flags), dict(others)) if whole else None


def _by_value(both: Mapping[str, Any]) -> Divided:
    """True and false are flags."""
    flags = {name: value for name, value in both.items() if isinstance(value, bool)}
    return flags, {name: value for name, value in both.items() if name not in flags}


def _object(entry: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    own = entry.get(name)
    if own is not None and not isinstance(own, dict):
        raise FormatError(f"{name} is an object", where=where, seen=own)
    return own or {}
