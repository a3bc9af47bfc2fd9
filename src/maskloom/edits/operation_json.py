"""Reads operations that come from outside: every field is checked, size and time bounded.

The fields themselves are in `operation_fields`. What a valid operation means, and whether it
fits the document, is decided in `document`.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Container, Mapping, Sequence
from typing import Any, NoReturn

from maskloom.edits.operation_fields import (
    MAX_WHOLE,
    document_field,
    keyed,
    matched,
    object_field,
    text,
    whole,
    wrong,
)
from maskloom.edits.operations import DOCUMENT, VERSION, Change, Operation, canonical
from maskloom.edits.tiles import MAX_TILE_BYTES, Tile, check_tile
from maskloom.errors import DataError

MAX_BYTES = 4 * 2**20
MAX_CHANGES = 20_000
UID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ID = re.compile(r"[0-9a-f]{32}")
_KIND = re.compile(r"[a-z-]{1,24}")
_TILE = re.compile(r"(0|[1-9][0-9]{0,7}),(0|[1-9][0-9]{0,7})")


def parse(source: object, size_hw: Sequence[int], categories: Container[str] | None) -> Operation:
    """Check and read one operation; see `operations.parse`."""
    data = _members(_loaded(source), "operation", ("v", "id", "layer", "base", "kind", "changes"))
    if type(data["v"]) is not int or data["v"] != VERSION:
        wrong(f"a payload that is not of version {VERSION}", "v", data["v"])
    changes = data["changes"]
    if not isinstance(changes, list) or not 0 < len(changes) <= MAX_CHANGES:
        wrong(f"not a list of 1 to {MAX_CHANGES} changes", "changes", changes)
    parsed: dict[str, Change] = {}
    room = MAX_BYTES
    for i, raw in enumerate(changes):
        change, used = _change(raw, f"changes[{i}]", size_hw, room)
        room -= used
        if change.object in parsed:
            wrong("an object with two changes", f"changes[{i}].object", change.object)
        key = change.set.get("category", (None, None))[1]
        if categories is not None and key is not None and key not in categories:
            wrong("no such category", f"changes[{i}].set.category", key)
        parsed[change.object] = change
    return Operation(
        id=matched(data["id"], _ID, "id", "32 hexadecimal digits"),
        layer=text(data["layer"], "layer"),
        base=whole(data["base"], "base", 0, MAX_WHOLE),
        kind=matched(data["kind"], _KIND, "kind", "1 to 24 of a-z and -"),
        changes=tuple(parsed.values()),
    )


def _loaded(source: object) -> object:
    """The JSON value of text; other values as they are."""
    if not isinstance(source, bytes | str):
        return source
    if len(source) > MAX_BYTES:
        wrong(f"more than {MAX_BYTES} bytes", "operation", len(source))
    try:
        decoded = source.decode() if isinstance(source, bytes) else source
        return json.loads(decoded, parse_constant=_no_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise DataError("not JSON", where="operation", seen=error) from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("an object has a key twice")
    return out


def _members(
    value: object, where: str, needed: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    """A JSON object with these keys and no other."""
    data = keyed(value, where)
    for name in needed:
        if name not in data:
            wrong(f"{name!r} is missing", where, value)
    for name in data:
        if name not in needed and name not in optional:
            wrong(f"an unknown key; known: {', '.join((*needed, *optional))}", where, name)
    return data


def _change(raw: object, where: str, size_hw: Sequence[int], room: int) -> tuple[Change, int]:
    """One change, and the bytes that it took of the room."""
    data = _members(raw, where, ("object",), ("set", "tiles"))
    uid = data["object"]
    if uid != DOCUMENT:
        matched(uid, UID, f"{where}.object", "1 to 64 of A-Z a-z 0-9 . _ -")
    tiles, used = _tiles(data.get("tiles", {}), f"{where}.tiles", size_hw, room)
    fields: dict[str, tuple[Any, Any]] = {}
    for name, pair in keyed(data.get("set", {}), f"{where}.set").items():
        place = f"{where}.set.{ascii(name)[1:-1]:.40}"
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            wrong("not [old, new]", place, pair)
        check = document_field if uid == DOCUMENT else object_field
        fields[name] = (check(name, pair[0], place), check(name, pair[1], place))
        used += len(canonical(fields[name]))
        if used > room:
            wrong(f"more than {MAX_BYTES} bytes", place, uid)
    if not fields and not tiles:
        wrong("a change of nothing", where, uid)
    if uid == DOCUMENT and tiles:
        wrong("the document itself has no pixels", f"{where}.tiles", tiles)
    return Change(uid, fields, tiles), used


def _tiles(
    raw: object, where: str, size_hw: Sequence[int], room: int
) -> tuple[dict[Tile, bytes], int]:
    """Sound tiles with a pixel, and the bytes that they took."""
    tiles: dict[Tile, bytes] = {}
    used = 0
    for key, coded in keyed(raw, where).items():
        place = f"{where}.{ascii(key)[1:-1]:.24}"
        found = _TILE.fullmatch(key)
        if found is None:
            wrong('not a tile "column,row"', place, key)
        if not isinstance(coded, str) or len(coded) > (MAX_TILE_BYTES + 2) // 3 * 4:
            wrong("not the base64 of a tile's runs", place, coded)
        used += len(key) + len(coded)
        if used > room:
            wrong(f"more than {MAX_BYTES} bytes", place, len(coded))
        tile = int(found[1]), int(found[2])
        runs = _decoded(coded, place)
        check_tile(tile, runs, size_hw, place)
        tiles[tile] = runs
    return tiles, used


def _decoded(coded: str, where: str) -> bytes:
    """Bytes of canonical base64, so that two texts never mean one tile."""
    try:
        runs = b64decode(coded, validate=True)
    except ValueError:
        wrong("not base64", where, coded)
    if b64encode(runs).decode() != coded:
        wrong("base64 with loose bits", where, coded)
    return runs
