"""Coordinates of areas that are written: read back by the reader's own arithmetic before taken.

The source's coordinates verbatim, or in another system, else the author's vertices, else rings
along pixel edges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.errors import FormatError, MaskError
from maskloom.formats.geojson.features import PIXEL, Ring, part_sizes, rings_of
from maskloom.formats.geojson.nesting import directed, nested_polygons, nesting_of
from maskloom.formats.geojson.noted import GEOMETRY, has_positions, names_beyond
from maskloom.formats.geojson.place import Frame, mirrors, warped
from maskloom.formats.geojson.rows import burnt, source_of

_SIDES_PX = (256, 32, 4, 1)
"""Lengths to which sides along pixel edges are cut where they are arcs in another system."""
_PLACED = frozenset({"bbox", "crs"})
"""Members that say coordinates, and would be wrong in another system."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is written of an area.

    Args:
        geometry: that the reader fills with the row's pixels.
        vertices: whether it has its author's, or there are none.
        unsaid: names of what the source's geometry says beside its coordinates and this does not.
    """

    geometry: Mapping[str, Any]
    vertices: bool
    unsaid: tuple[str, ...] = ()


def geometry_of(rows: Rows, i: int, frame: Frame, systems: tuple[str, object], digits: int) -> Said:
    """What is written of a row.

    Args:
        rows: of an image.
        i: which of them.
        frame: its image.
        systems: the one that is written, and the one that was read.
        digits: decimals of coordinates of pixel edges.
    """
    crs, mask = systems[0], rows.masks[i]
    noted = source_of(rows, i).get(GEOMETRY)
    names = names_beyond(noted)
    own = _as_noted(noted, frame, systems)
    if own is not None and _reads_as(own, mask, frame, crs) and not _is_spoilt(own, noted):
        said = names_beyond(own)
        return Said(own, vertices=True, unsaid=tuple(n for n in names if n not in said))
    drawn = rows.geometry[i] if rows.geometry else None
    if drawn is not None:
        geometry = _parts(drawn.parts, mask, frame, crs)
        if geometry is not None and _reads_as(geometry, mask, frame, crs):
            return Said(geometry, vertices=True, unsaid=names)
    for places in (digits, None):
        areas = _exact(mask, frame, crs, places)
        exact = _many(areas)
        if _reads_as(exact, mask, frame, crs):
            break
    if len(areas) == 1:
        exact = {"type": "Polygon", "coordinates": areas[0]}
    none = drawn is None and not has_positions(noted)
    return Said(exact, vertices=none, unsaid=names)


def _as_noted(noted: object, frame: Frame, systems: tuple[str, object]) -> Mapping[str, Any] | None:
    """The source's geometry in the system that is written; None where there is none."""
    crs, read = systems
    if not isinstance(noted, Mapping) or not isinstance(read, str):
        return None
    try:
        list(rings_of(noted, "geometry"))
        return noted if read == crs else _moved(noted, frame, read, crs)
    except FormatError:  # of another program's fields, which only look like ours, or far away
        return None


def _moved(geometry: Mapping[str, Any], frame: Frame, read: str, crs: str) -> dict[str, Any]:
    """A geometry in another system: heights and members stay, but for those that say a place.

    Rings turn the way they did in the source's coordinates (RFC 7946, 3.1.6).
    """
    out = {name: value for name, value in geometry.items() if name not in _PLACED}
    if geometry["type"] == "GeometryCollection":
        return {**out, "geometries": [_moved(g, frame, read, crs) for g in geometry["geometries"]]}
    step = -1 if mirrors(frame, read, crs) else 1

    def moved(ring: list[Any]) -> list[Any]:
        flat = np.array([position[:2] for position in ring], np.float64)
        if read != PIXEL:
            flat = frame.unplaced(warped(flat, read, frame.crs))
        listed = _listed(frame.to_map(flat, crs), crs)
        listed[-1] = listed[0]
        return [[*xy, *position[2:]] for xy, position in zip(listed, ring, strict=True)][::step]

    many = geometry["type"] == "MultiPolygon"
    parts = geometry["coordinates"] if many else [geometry["coordinates"]]
    found = [[moved(ring) for ring in part] for part in parts]
    return {**out, "coordinates": found if many else found[0]}


def _is_spoilt(own: Mapping[str, Any], noted: Any) -> bool:
    """Whether valid polygons of the source are no longer valid in another system.

    A vertex of one ring that lay on a side of another may have come to lie beyond it, or a whole
    ring near a side, as sides between vertices stay straight.
    """
    if own is noted:
        return False
    if own["type"] == "GeometryCollection":
        return any(map(_is_spoilt, own["geometries"], noted["geometries"]))
    there, before = (list(rings_of(one, "geometry")) for one in (own, noted))
    ends = np.cumsum([0, *part_sizes(own)]).tolist()
    # Polygons of one area that overlap are none together, but each by itself.
    for one in (slice(None), *map(slice, ends[:-1], ends[1:])):
        if not there[one]:
            continue
        nested = nesting_of(before[one])
        if nested is not None and nesting_of(there[one]) != nested:
            return True
    # Valid polygons may meet in more points than rings whose nesting is told.
    return _is_valid(noted) and not _is_valid(own)


def _is_valid(geometry: Mapping[str, Any]) -> bool:
    """As OGC has it."""
    try:
        return bool(shapely.geometry.shape(geometry).is_valid)
    except (ValueError, TypeError, shapely.errors.ShapelyError):
        return False


def _exact(mask: Masks, frame: Frame, crs: str, digits: int | None) -> list[Any]:
    """Polygons of pixel-edge rings: the outer one first, then its holes."""
    parts, _ = mask.components(4)
    # Pixels of one part that meet in a corner share a ring there, so that no ring touches
    # itself: holes touch the outer ring instead, which is a valid polygon.
    rings = [
        [np.asarray(ring, np.float64) for ring in parts.rings(i, connectivity=8)]
        for i in range(len(parts))
    ]

    def placed(longest: int | None) -> list[Any]:
        out = []
        for own in rings:
            there = [frame.to_map(_divided(ring, longest), crs) for ring in own]
            if digits is not None:
                there = [np.round(ring, digits) + 0.0 for ring in there]
            out.append([_closed(directed(ring, left=n == 0), crs) for n, ring in enumerate(there)])
        return out

    plain = placed(None)
    if crs in (PIXEL, frame.crs) or _is_valid(_many(plain)):
        return plain
    # A long side is an arc in another system, and a hole near it may come to lie beyond.
    cut = map(placed, _SIDES_PX)
    return next((found for found in cut if _is_valid(_many(found))), plain)


def _many(areas: list[Any]) -> dict[str, Any]:
    return {"type": "MultiPolygon", "coordinates": areas}


def _divided(ring: Ring, longest: int | None) -> Ring:
    """A ring along pixel edges with no side longer than so many pixels."""
    if longest is None:
        return ring
    step = np.roll(ring, -1, axis=0) - ring
    pieces = np.maximum(1, -(-np.abs(step).max(axis=1).astype(np.int64) // longest))
    place = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    along = np.round(np.repeat(step / pieces[:, None], pieces, axis=0) * place[:, None])
    out: Ring = np.repeat(ring, pieces, axis=0) + along
    return out


def _parts(parts: Sequence[Ring], mask: Masks, frame: Frame, crs: str) -> dict[str, Any] | None:
    """The author's rings, which only together say what is inside, as valid polygons, if any."""
    if not parts or any(ring.ndim != 2 for ring in parts):
        return None
    try:
        placed = [frame.to_map(ring, crs) for ring in parts]
        # Most rings of another rule fill other pixels, which is sooner seen than how they nest.
        if frame.mask([frame.to_pixels(ring, crs) for ring in placed]) != mask:
            return None
    except (MaskError, FormatError):
        return None
    nested = nesting_of(placed)
    # A hole that has come to lie outside would be an area of its own.
    if nested is None or (crs != PIXEL and nesting_of(parts) not in (None, nested)):
        return None
    found = [[_closed(ring, crs) for ring in area] for area in nested_polygons(placed, nested)]
    if len(found) == 1:
        return {"type": "Polygon", "coordinates": found[0]}
    return _many(found)


def _closed(ring: Ring, crs: str) -> list[Any]:
    listed = _listed(ring, crs)
    return [*listed, listed[0]]


def _listed(found: Ring, crs: str) -> list[Any]:
    whole = crs == PIXEL and (found % 1 == 0).all()
    listed: list[Any] = (found.astype(np.int64) if whole else found).tolist()
    return listed


def _reads_as(geometry: Mapping[str, Any], mask: Masks, frame: Frame, crs: str) -> bool:
    """Whether the reader makes the same pixels of coordinates."""
    try:
        rings = [frame.to_pixels(ring, crs) for ring in rings_of(geometry, "geometry")]
        return frame.touches(rings) and burnt(geometry, rings, frame) == mask
    except (MaskError, FormatError):
        return False
