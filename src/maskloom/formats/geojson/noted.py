"""What the reader notes of a geometry as it was: its coordinates, and what it says beside them.

Such a note may have come by way of a file that keeps any field, so nothing is expected of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

GEOMETRY = "_geometry"
HEIGHT = "z"
_SHAPE = frozenset({"type", "coordinates", "geometries"})


def has_positions(geometry: object) -> bool:
    """Whether a geometry has any coordinates."""
    return next(_positions(geometry), None) is not None


def beyond_coordinates(geometry: object) -> dict[str, Any]:
    """What a geometry says beside where its area lies: heights, as `z`, and members by their name.

    Members of the parts of a collection are listed, one entry a part.
    """
    if not isinstance(geometry, Mapping):
        return {}
    found = {name: value for name, value in geometry.items() if name not in _SHAPE}
    inside = [
        {name: value for name, value in part.items() if name not in _SHAPE}
        for part in _parts(geometry)
    ]
    for name in dict.fromkeys(name for own in inside for name in own):
        found.setdefault(name, [own.get(name) for own in inside])
    heights = [list(position[2:]) for position in _positions(geometry)]
    if any(heights):
        found.setdefault(HEIGHT, heights)
    return found


def names_beyond(geometry: object) -> tuple[str, ...]:
    """Names under which tables of losses show these."""
    return tuple(f"geometry.{name}" for name in beyond_coordinates(geometry))


def _parts(geometry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts = geometry.get("geometries")
    return [one for one in parts if isinstance(one, Mapping)] if isinstance(parts, list) else []


def _positions(geometry: object) -> Iterator[list[Any]]:
    """Coordinates in order, of the parts of a collection, too."""
    if not isinstance(geometry, Mapping):
        return
    ahead = [one.get("coordinates") for one in (*reversed(_parts(geometry)), geometry)]
    while ahead:
        one = ahead.pop()
        if not isinstance(one, list) or not one:
            continue
        if isinstance(one[0], list):
            ahead += reversed(one)
        else:
            yield one
