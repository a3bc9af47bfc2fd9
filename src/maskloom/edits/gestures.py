"""Ready-made changes for code that edits documents: create, repaint, delete, set a field.

Each reads the old values from the document, so the operation fits it. Pages have the same in
web/core/operations.js. Applying and refusing is in `document`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from maskloom.edits.document import Document
from maskloom.edits.operations import DOCUMENT, Change, Operation, new_id
from maskloom.edits.tiles import Tiles, xor_tiles


def make(
    document: Document, layer: str, kind: str, changes: Sequence[Change], *, id: str = ""
) -> Operation:
    """An operation on the newest state of a document; changes of one object are joined.

    Args:
        document: what the changes were made for.
        layer: its layer.
        kind: one word for the history, of a-z and -.
        changes: at least one.
        id: 32 hexadecimal digits; by default a new one.
    """
    joined: dict[str, Change] = {}
    for change in changes:
        past = joined.get(change.object)
        joined[change.object] = change if past is None else _join(past, change)
    return Operation(id or new_id(), layer, document.revision, kind, tuple(joined.values()))


def create_object(uid: str, tiles: Tiles, category: str, **fields: Any) -> Change:
    """A new object.

    Args:
        uid: its name, from `operations.new_uid`.
        tiles: its pixels, from `tiles.mask_to_tiles`.
        category: key in the taxonomy.
        **fields: z, geometry, attributes, origin.
    """
    blank: dict[str, Any] = {"z": 0, "geometry": None, "attributes": {}, "origin": None}
    values = {name: (blank[name], new) for name, new in fields.items() if new != blank[name]}
    return Change(uid, {"exists": (False, True), "category": (None, category), **values}, tiles)


def delete_object(uid: str) -> Change:
    """An object out of the document; its pixels stay aside, so that undo is as small."""
    return Change(uid, {"exists": (True, False)})


def replace_pixels(
    document: Document, uid: str, tiles: Tiles, geometry: Mapping[str, Any] | None = None
) -> Change:
    """Other pixels for an object, or for a class of a map.

    Args:
        document: the state now.
        uid: the object.
        tiles: all its pixels from now on.
        geometry: the polygon of which they are the filling, if any.
    """
    held = document.objects[uid]
    fields = {}
    if held.geometry is not None or geometry is not None:
        fields["geometry"] = (held.geometry, geometry)
    return Change(uid, fields, xor_tiles(held.tiles, tiles))


def set_field(document: Document, uid: str, name: str, value: Any) -> Change:
    """Another value for a field of an object, or of the document (uid "")."""
    return Change(uid, {name: (document.value(uid, name), value)})


def set_verdict(document: Document, item: str, verdict: str | None) -> Change:
    """What a person decided about an item of the review queue."""
    return set_field(document, DOCUMENT, f"verdict/{item}", verdict)


def _join(first: Change, second: Change) -> Change:
    """Two changes of one object, one after the other, as one."""
    fields = dict(first.set)
    for name, (old, new) in second.set.items():
        fields[name] = (fields[name][0] if name in fields else old, new)
    return Change(first.object, fields, xor_tiles(first.tiles, second.tiles))
