"""What rows say in fields and attributes: which rows say any, and under which names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom import registry
from maskloom.core.labels import RowKind, Rows
from maskloom.formats.geojson.noted import GEOMETRY, beyond_coordinates, has_positions

_BOX = int(RowKind.BOX)
_PLACE = "bbox"
_NOTES: Mapping[str, tuple[str, ...]] = {"geojson": (GEOMETRY, "_unnamed")}
_DEFAULTS: Mapping[str, Any] = {
    "difficult": False, "truncated": False, "occluded": False, "pose": "Unspecified", "rotation": 0
}  # fmt: skip
"""What labelImg, CVAT and Datumaro write of every object of which nobody said otherwise."""


def marked(column: tuple[object, ...], n: int) -> NDArray[np.bool_]:
    """(n,) which values of a column, which may be empty, say anything."""
    return np.array([bool(value) for value in column] or [False] * n, bool)


def beyond_defaults(
    attributes: tuple[Mapping[str, Any] | None, ...],
) -> tuple[Mapping[str, Any] | None, ...]:
    """Attributes of each row without those that only say what tools say of every object."""
    return tuple(
        own and {k: v for k, v in own.items() if not _is_default(k, v)} for own in attributes
    )


def only_defaults(
    attributes: tuple[Mapping[str, Any] | None, ...],
) -> tuple[Mapping[str, Any] | None, ...]:
    """The others."""
    return tuple(own and {k: v for k, v in own.items() if _is_default(k, v)} for own in attributes)


def _is_default(name: str, value: object) -> bool:
    return name in _DEFAULTS and value == _DEFAULTS[name]


def beside_places(rows: Rows) -> tuple[Mapping[str, Any] | None, ...]:
    """Fields of each row, but for a box's own place: that is the box, and is lost with it alone.

    What GeoJSON's reader notes for its writer is no field of the file, but for what a geometry
    says beside its coordinates, which are vertices.
    """
    return tuple(
        _beside_place(own, box=kind == _BOX) if own else own
        for own, kind in zip(rows.source, rows.kind.tolist(), strict=False)
    )


def _beside_place(own: Mapping[str, Any], *, box: bool) -> dict[str, Any]:
    """The fields of a row, and of what a format keeps under its own name."""
    found = {}
    for name, value in own.items():
        if name in registry.FORMATS and isinstance(value, Mapping):
            own_notes = _NOTES.get(name, ())
            said = {
                k: v for k, v in value.items() if k not in own_notes and not (box and k == _PLACE)
            }
            if _NOTES.get(name):
                beyond = beyond_coordinates(value.get(GEOMETRY))
                said |= {f"geometry.{member}": one for member, one in beyond.items()}
            if said:
                found[name] = said
        elif not (box and name == _PLACE):
            found[name] = value
    return found


def noted_vertices(rows: Rows) -> NDArray[np.bool_]:
    """(n,) of which rows the author's vertices stand in GeoJSON's notes alone.

    Polygons of one area that overlap are a mask, of which vertices under a rule say nothing.
    """
    drawn = marked(rows.geometry, len(rows)).tolist()
    sources = rows.source or (None,) * len(rows)
    found = [
        not there and has_positions(_note(own)) for there, own in zip(drawn, sources, strict=True)
    ]
    return np.array(found, np.bool_)


def _note(own: Mapping[str, Any] | None) -> object:
    kept = own.get("geojson") if own else None
    return kept.get(GEOMETRY) if isinstance(kept, Mapping) else None


def names_in(entries: Iterable[Mapping[str, Any] | None]) -> tuple[str, ...]:
    """Names of what objects say; of what a format keeps under its own name, those below it."""
    names: dict[str, None] = {}
    for entry in entries:
        for name, value in (entry or {}).items():
            own = name in registry.FORMATS and isinstance(value, Mapping)
            names |= dict.fromkeys(map(str, value) if own else (name,))
    return tuple(names)
