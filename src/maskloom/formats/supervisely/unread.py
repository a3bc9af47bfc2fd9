"""Objects of geometries that are not read (cuboids, graphs, alpha masks): kept as they are.

They stand in what is kept of an image as `objects`, a list of their place in the file and the
object itself, and are written there again.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

KEPT = "objects"
Unread = Sequence[tuple[int, Mapping[str, Any]]]


def is_unread(entry: object, known: Container[str]) -> bool:
    """Whether an object of a file names a geometry that is not among the known ones."""
    kind = entry.get("geometryType") if isinstance(entry, dict) else None
    return isinstance(kind, str) and bool(kind) and kind not in known


def unread_in(own: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    """Place and object of those that are kept of an image.

    Args:
        own: what is kept of it.
    """
    listed = own.get(KEPT)
    return [
        (one[0], one[1])
        for one in (listed if isinstance(listed, list | tuple) else ())
        if isinstance(one, list | tuple)
        and len(one) == 2
        and type(one[0]) is int
        and isinstance(one[1], Mapping)
    ]


def unread_kinds(own: Mapping[str, Any]) -> list[str]:
    """Geometries of those that are kept of an image."""
    return [str(entry.get("geometryType")) for _, entry in unread_in(own)]


def with_unread(objects: Sequence[Mapping[str, Any]], unread: Unread) -> list[Mapping[str, Any]]:
    """The objects of a file with those that were not read at their places."""
    out = list(objects)
    for place, entry in sorted(unread, key=lambda one: one[0]):
        out.insert(place, entry)
    return out
