"""Polygons on the 1/64 px grid, as documents hold them: their pixels, and where rows have one.

A geometry is {"rule": "grid", "rings": [[x0, y0, x1, y1, ...], ...]} in whole steps of 1/64 px,
filled by even-odd parity over all rings. The rule itself is in `fill`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.fill import GRID_STEPS, MAX_COORDINATE
from maskloom.core.labels import Geometry, Rows
from maskloom.core.masks import Masks
from maskloom.edits.tiles import Tile, mask_to_tiles
from maskloom.errors import DataError

MAX_CROSSINGS = 2**22
"""Most column centres that the edges of one polygon may cross."""


def fill_geometry(
    geometry: Mapping[str, Any], size_hw: Sequence[int], where: object = None
) -> dict[Tile, bytes]:
    """The tiles of a polygon.

    Raises:
        DataError: it crosses more than 2**22 column centres of the frame.
    """
    rings = [np.array(ring, np.int64).reshape(-1, 2) for ring in geometry["rings"]]
    if _crossings(rings, size_hw[1]) > MAX_CROSSINGS:
        raise DataError(f"a polygon crosses more than {MAX_CROSSINGS} column centres", where=where)
    points = [ring / GRID_STEPS for ring in rings]
    return mask_to_tiles(Masks.from_polygons([points], size_hw, rule="grid"))


def geometry_to_parts(geometry: Mapping[str, Any]) -> Geometry:
    """The author's vertices as rows keep them."""
    rings = (np.array(ring, np.float64).reshape(-1, 2) for ring in geometry["rings"])
    return Geometry(tuple(ring / GRID_STEPS for ring in rings), "grid")


def grid_geometries(rows: Rows) -> list[dict[str, Any] | None]:
    """For each row the polygon of which its mask is exactly the filling, or None.

    Any vertices on the grid serve, whatever rule they were drawn under: pixels decide.
    """
    out: list[dict[str, Any] | None] = [None] * len(rows)
    found: dict[int, list[NDArray[np.int64]]] = {}
    for i, drawn in enumerate(rows.geometry):
        rings = _on_grid(drawn) if drawn is not None else None
        if rings and _crossings(rings, int(rows.masks.sizes[i, 1])) <= MAX_CROSSINGS:
            found[i] = rings
    if not found:
        return out
    size = rows.masks.sizes[0]
    filled = Masks.from_polygons(
        [[ring / GRID_STEPS for ring in rings] for rings in found.values()], size, rule="grid"
    )
    for k, (i, rings) in enumerate(found.items()):
        if filled[k] == rows.masks[i]:
            out[i] = {"rule": "grid", "rings": [ring.ravel().tolist() for ring in rings]}
    return out


def _on_grid(drawn: Geometry) -> list[NDArray[np.int64]] | None:
    """Rings in steps of the grid, or None where a vertex lies off it or too far out."""
    rings = []
    for part in drawn.parts:
        steps = part * GRID_STEPS
        # One comparison refuses NaN and infinity too.
        near = (np.abs(part) <= MAX_COORDINATE).all()
        if part.ndim != 2 or len(part) < 3 or not near or (steps != np.round(steps)).any():
            return None
        rings.append(steps.astype(np.int64))
    return rings


def _crossings(rings: Sequence[NDArray[np.int64]], width: int) -> int:
    """How many column centres of the frame the edges cross."""
    total = 0
    for ring in rings:
        # The first column whose centre is not left of a vertex.
        columns = np.clip(-((GRID_STEPS // 2 - ring[:, 0]) // GRID_STEPS), 0, width)
        total += int(np.abs(columns - np.roll(columns, 1)).sum())
    return total
