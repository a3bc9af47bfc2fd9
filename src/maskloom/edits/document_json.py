"""Documents as the JSON that pages load, and that a store may keep to save replaying.

Everything that operations can change is in it, deleted objects too: a page can take back a
deletion after a reload. Operations have a form of their own in `operations`.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from maskloom.edits.document import Document, Object
from maskloom.edits.operations import tiles_to_json
from maskloom.edits.tiles import measure_tiles


def to_json(document: Document) -> dict[str, Any]:
    """See `Document.to_json`."""
    return {
        "revision": document.revision,
        "form": document.form,
        "size": list(document.size_hw),
        "objects": _objects(list(document.objects.values())),
        "deleted": _objects(list(document.deleted.values())),
        "fields": dict(document.fields),
        "created": list(document.created),
    }


def from_json(data: Mapping[str, Any], start: Document) -> Document:
    """See `Document.from_json`."""
    return replace(
        start,
        revision=data["revision"],
        objects={one["id"]: _object(one, start) for one in data["objects"]},
        deleted={one["id"]: _object(one, start) for one in data["deleted"]},
        fields=dict(data["fields"]),
        created=tuple(data["created"]),
    )


def _objects(objects: Sequence[Object]) -> list[dict[str, Any]]:
    boxes, areas = measure_tiles([held.tiles for held in objects])
    return [
        {
            "id": held.uid,
            "category": held.category,
            "z": held.z,
            "kind": held.kind,
            "crowd": held.crowd,
            "score": held.score,
            "geometry": held.geometry,
            "attributes": held.attributes,
            "origin": held.origin,
            "row": held.row,
            "box": box,
            "area": area,
            "tiles": tiles_to_json(held.tiles),
        }
        for held, box, area in zip(objects, boxes.tolist(), areas.tolist(), strict=True)
    ]


def _object(data: Mapping[str, Any], start: Document) -> Object:
    """One object; what equals the start is the start's own, which later comparisons use."""
    uid = data["id"]
    tiles = {_tile(key): b64decode(text) for key, text in data["tiles"].items()}
    names = ("category", "z", "kind", "crowd", "score", "geometry", "attributes", "origin", "row")
    held = Object(uid, tiles=tiles, **{name: data[name] for name in names})
    own = start.initial.get(uid)
    return own if own is not None and own == held else held


def _tile(key: str) -> tuple[int, int]:
    column, row = key.split(",")
    return int(column), int(row)
