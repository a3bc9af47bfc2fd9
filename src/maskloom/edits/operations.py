"""One gesture as data: what it changed, from what to what; pixels as the XOR of two masks.

An operation is its own inverse but for the order of old and new, so undo costs what the
gesture cost. What a document does with one is in `document`; foreign JSON is read by
`operation_json.parse`, which `parse` here names.
"""

from __future__ import annotations

import json
import secrets
import time
import uuid
from base64 import b64encode
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from maskloom.edits.tiles import Tile, Tiles

VERSION = 1
"""Of the payload."""
DOCUMENT = ""
"""The uid of the document itself."""
EVERYTHING = "*"
"""Touched: all fields and pixels of an object."""
ALL_TILES = "#"
"""Touched: all pixels of an object."""

Part = str | Tile
Touched = frozenset[tuple[str, Part]]


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one object, or to the document itself (uid "").

    Args:
        object: uid.
        set: field → (old, new).
        tiles: the XOR of old and new mask.
    """

    object: str
    set: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    tiles: Tiles = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One gesture.

    Args:
        id: 32 hexadecimal digits, chosen by its author; the same id is the same operation.
        layer: the layer that it changes.
        base: the revision that its author saw.
        kind: one word for the history.
        changes: at most one per object.
    """

    id: str
    layer: str
    base: int
    kind: str
    changes: tuple[Change, ...]


def new_id() -> str:
    """An id for an operation."""
    return uuid.uuid4().hex


def new_uid() -> str:
    """A uid for an object; uids sort in the order of their making, to the millisecond."""
    return f"n{time.time_ns() // 1_000_000:012x}{secrets.token_hex(5)}"


def parse(
    source: object, size_hw: Sequence[int], categories: Container[str] | None = None
) -> Operation:
    """Check and read an operation from outside.

    Args:
        source: JSON text as bytes or str, or the object that it says.
        size_hw: frame (H, W) of the sample.
        categories: keys that a category may be set to; None takes any.

    Raises:
        DataError: naming the field that is wrong.
    """
    from maskloom.edits import operation_json

    return operation_json.parse(source, size_hw, categories)


def to_json(op: Operation) -> dict[str, Any]:
    """The plain JSON form; empty parts of changes are left out."""
    return {
        "v": VERSION,
        "id": op.id,
        "layer": op.layer,
        "base": op.base,
        "kind": op.kind,
        "changes": [_change_to_json(change) for change in op.changes],
    }


def to_bytes(op: Operation) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8. Equal operations are equal bytes."""
    return canonical(to_json(op))


def canonical(value: object) -> bytes:
    """Canonical JSON of any plain value."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def tiles_to_json(tiles: Tiles) -> dict[str, str]:
    """Tiles under the keys "tx,ty", as base64."""
    return {f"{tx},{ty}": b64encode(tiles[tx, ty]).decode() for tx, ty in sorted(tiles)}


def _change_to_json(change: Change) -> dict[str, Any]:
    out: dict[str, Any] = {"object": change.object}
    if change.set:
        out["set"] = {name: [old, new] for name, (old, new) in change.set.items()}
    if change.tiles:
        out["tiles"] = tiles_to_json(change.tiles)
    return out


def inverse(op: Operation, id: str, *, base: int | None = None, kind: str = "undo") -> Operation:
    """The operation that takes back `op`.

    Args:
        op: what to take back.
        id: of the new operation.
        base: the revision that its author sees; by default the one right after `op.base`.
        kind: "undo", or "redo" when an undo is taken back.
    """
    changes = tuple(
        replace(change, set={name: (new, old) for name, (old, new) in change.set.items()})
        for change in op.changes
    )
    return Operation(id, op.layer, op.base + 1 if base is None else base, kind, changes)


def touched(op: Operation, form: str = "rows") -> Touched:
    """What an operation reads or changes, as (uid, field or tile).

    A change of `exists` touches `EVERYTHING` of the object. A polygon and its pixels agree, so
    a change of `geometry` touches `ALL_TILES`. In a "map" the classes share their pixels:
    tiles count as those of the document. Compare two results with `meet`.

    Args:
        op: an operation.
        form: "rows" or "map".
    """
    parts: set[tuple[str, Part]] = set()
    for change in op.changes:
        uid = change.object
        parts.update((uid, name) for name in change.set)
        if "exists" in change.set and uid != DOCUMENT:
            parts.add((uid, EVERYTHING))
        if "geometry" in change.set and uid != DOCUMENT:
            parts.add((uid, ALL_TILES))
        owner = DOCUMENT if form == "map" else uid
        parts.update((owner, tile) for tile in change.tiles)
    return frozenset(parts)


def meet(a: Touched, b: Touched) -> bool:
    """Whether two results of `touched` have something in common."""
    return not a.isdisjoint(b) or _covers(a, b) or _covers(b, a)


def commutes(op: Operation, others: Iterable[Operation], form: str = "rows") -> bool:
    """Whether an operation touches nothing that the others touch, so it may follow them."""
    own = touched(op, form)
    return not any(meet(own, touched(other, form)) for other in others)


def _covers(wide: Touched, narrow: Touched) -> bool:
    """Whether a whole object, or all its tiles, in `wide` meets a part in `narrow`."""
    whole = {uid for uid, part in wide if part == EVERYTHING}
    tiled = {uid for uid, part in wide if part == ALL_TILES}
    if not whole and not tiled:
        return False
    return any(
        uid in whole or (uid in tiled and (isinstance(part, tuple) or part == ALL_TILES))
        for uid, part in narrow
    )
