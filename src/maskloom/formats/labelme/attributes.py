"""Flags of LabelMe's shapes, and the `attributes` that other tools write beside them.

Both are attributes of the object. As a rule those that are true or false are flags and all others
are not; where a file has it otherwise, its own division is kept beside (`source`), with the flags
of which an attribute has the name. So are fields that say null or nothing, and an unknown `kind`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from maskloom.core.labels import RowKind, Rows
from maskloom.core.places import source_of
from maskloom.errors import FormatError
from maskloom.formats.shared.drawn import attributes_of

FLAGS, ATTRIBUTES = "flags", "attributes"
KEPT = "labelme"
"""Where the division is kept in `source`."""
EMPTY = "without_value"
"""Where fields are kept there that say null or {}."""
Divided = tuple[dict[str, Any], dict[str, Any]]


def read_attributes(entry: Mapping[str, Any], where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The attributes of a shape, and what is kept besides for LabelMe.

    Raises:
        FormatError: flags or attributes are no object.
    """
    flags, others = (_object(entry, name, where) for name in (FLAGS, ATTRIBUTES))
    both = flags | others
    kept: dict[str, Any] = {}
    if (flags, others) != _by_value(both):
        kept = {FLAGS: flags, ATTRIBUTES: others}
    told = {name: entry[name] for name in (FLAGS, ATTRIBUTES, "score") if name in entry}
    if empty := {k: v for k, v in told.items() if v is None or (k == ATTRIBUTES and not v)}:
        kept[EMPTY] = empty
    box = entry.get("shape_type") == "rectangle" and entry.get("kind") == "box"
    if "kind" in entry and not box:
        kept["kind"] = entry["kind"]
    return both, {KEPT: kept} if kept else {}


def written(rows: Rows, i: int) -> dict[str, Any]:
    """Fields of a row that say what is kept of its attributes, kind and score."""
    flags, others = divided(rows, i)
    own = _own(rows, i)
    empty = own.get(EMPTY, {})
    out: dict[str, Any] = {FLAGS: flags or empty.get(FLAGS, {})}
    if others or ATTRIBUTES in empty:
        out[ATTRIBUTES] = others or empty[ATTRIBUTES]
    if not math.isnan(rows.score[i]):
        out["score"] = float(rows.score[i])
    elif "score" in empty:
        out["score"] = None
    if rows.kind[i] == RowKind.BOX:
        out["kind"] = "box"
    elif "kind" in own:
        out["kind"] = own["kind"]
    return out


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
    if _own(rows, i):
        del source[KEPT]
    return source


def hidden_names(rows: Rows, i: int) -> set[str]:
    """What is not written of what is kept: a flag without the attribute of its name, a kind."""
    kept = _kept(rows, i)
    hidden = {"kind"} if "kind" in _own(rows, i) and rows.kind[i] == RowKind.BOX else set()
    if kept is not None and not set(kept[0]) & set(kept[1]) <= set(attributes_of(rows, i)):
        hidden.add(FLAGS)
    return hidden


def _own(rows: Rows, i: int) -> Mapping[str, Any]:
    """What is kept for LabelMe, if it is what the reader keeps."""
    own = source_of(rows, i).get(KEPT)
    if not isinstance(own, Mapping) or not set(own) <= {FLAGS, ATTRIBUTES, EMPTY, "kind"}:
        return {}
    objects = [own[name] for name in (FLAGS, ATTRIBUTES, EMPTY) if name in own]
    good = (FLAGS in own) == (ATTRIBUTES in own) and all(isinstance(o, Mapping) for o in objects)
    return own if good else {}


def _kept(rows: Rows, i: int) -> Divided | None:
    own = _own(rows, i)
    return (dict(own[FLAGS]), dict(own[ATTRIBUTES])) if FLAGS in own else None


def _by_value(both: Mapping[str, Any]) -> Divided:
    """True and false are flags."""
    flags = {name: value for name, value in both.items() if isinstance(value, bool)}
    return flags, {name: value for name, value in both.items() if name not in flags}


def _object(entry: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    own = entry.get(name)
    if own is not None and not isinstance(own, dict):
        raise FormatError(f"{name} is an object", where=where, seen=own)
    return own or {}
