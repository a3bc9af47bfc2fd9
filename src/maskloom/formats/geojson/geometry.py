"""Coordinates of areas that are written: read back by the reader's own arithmetic before taken.

The source's coordinates verbatim, else the author's vertices, else rings along pixel edges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.errors import FormatError, MaskError
from maskloom.formats.geojson.features import PIXEL, Ring, rings_of
from maskloom.formats.geojson.place import Frame
from maskloom.formats.geojson.rows import source_of


def geometry_of(
    rows: Rows, i: int, frame: Frame, systems: tuple[str, object], digits: int
) -> tuple[Mapping[str, Any], bool]:
    """A geometry that the reader fills with the row's pixels, and whether vertices are kept.

    Args:
        rows: of an image.
        i: which of them.
        frame: its image.
        systems: the one that is written, and the one that was read.
        digits: decimals of coordinates of pixel edges.
    """
    crs, read = systems
    mask = rows.masks[i]
    verbatim = source_of(rows, i).get("_geometry")
    if verbatim is not None and read == crs:
        try:
            if _reads_as(list(rings_of(verbatim, "geometry")), mask, frame, crs):
                return verbatim, True
        except FormatError:  # of another program's fields, which only look like ours
            pass
    drawn = rows.geometry[i] if rows.geometry else None
    if drawn is not None:
        geometry = _parts(drawn.parts, frame, crs, None)
        if geometry is not None and _reads_as(_plain(geometry), mask, frame, crs):
            return geometry, True
    for places in (digits, None):
        areas = _exact(mask, frame, crs, places)
        exact = {"type": "MultiPolygon", "coordinates": areas}
        if _reads_as(_plain(exact), mask, frame, crs):
            break
    if len(areas) == 1:
        exact = {"type": "Polygon", "coordinates": areas[0]}
    return exact, drawn is None


def _exact(mask: Masks, frame: Frame, crs: str, digits: int | None) -> list[Any]:
    """Polygons of pixel-edge rings: the outer one first, then its holes."""
    parts, _ = mask.components(4)
    out = []
    for i in range(len(parts)):
        # Pixels of one part that meet in a corner share a ring there, so that no ring touches
        # itself: holes touch the outer ring instead, which is a valid polygon.
        rings = [np.asarray(ring, np.float64) for ring in parts.rings(i, connectivity=8)]
        out.append([_coordinates(ring, frame, crs, digits) for ring in rings])
    return out


def _parts(
    parts: Sequence[Ring], frame: Frame, crs: str, digits: int | None
) -> dict[str, Any] | None:
    """The author's rings, which only together say what is inside, as one polygon."""
    rings = [ring for ring in parts if ring.ndim == 2 and len(ring) >= 3]
    if len(rings) != len(parts) or not rings:
        return None
    coordinates = [_coordinates(ring, frame, crs, digits) for ring in rings]
    return {"type": "Polygon", "coordinates": coordinates}


def _coordinates(ring: Ring, frame: Frame, crs: str, digits: int | None) -> list[Any]:
    found = frame.to_map(ring, crs)
    if digits is not None:
        found = np.round(found, digits) + 0.0
    whole = crs == PIXEL and (found % 1 == 0).all()
    listed: list[Any] = (found.astype(np.int64) if whole else found).tolist()
    return [*listed, listed[0]]


def _plain(geometry: Mapping[str, Any]) -> list[Ring]:
    return list(rings_of(geometry, "geometry"))


def _reads_as(rings: Sequence[Ring], mask: Masks, frame: Frame, crs: str) -> bool:
    """Whether the reader makes the same pixels of coordinates."""
    try:
        return frame.mask([frame.to_pixels(ring, crs) for ring in rings]) == mask
    except (MaskError, FormatError):
        return False
