"""Where a row's author drew it: vertices, corners of boxes, and how far a drawing reaches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Geometry, RowKind, Rows

Box = tuple[float, float, float, float]
Place = tuple[int, str, tuple[int, ...], tuple[float, ...]]
"""Kind, rule, number of vertices of each part, and all of their coordinates."""


def geometry_of(rows: Rows, i: int) -> Geometry | None:
    """The author's vertices of a row, if it has any."""
    return rows.geometry[i] if rows.geometry else None


def source_of(rows: Rows, i: int) -> Mapping[str, Any]:
    """What the file said of a row beyond its columns."""
    return (rows.source[i] if rows.source else None) or {}


def box_of(rows: Rows, i: int) -> Box | None:
    """Edges x0, y0, x1, y1 of a box that was drawn, or that its file told."""
    if rows.kind[i] != RowKind.BOX:
        return None
    geometry = geometry_of(rows, i)
    if geometry is not None:
        if geometry.rule != "box" or not len(geometry.parts):
            return None
        (x0, y0), (x1, y1) = geometry.parts[0][0].tolist(), geometry.parts[0][-1].tolist()
        return x0, y0, x1, y1
    told = source_of(rows, i).get("bbox")
    if not isinstance(told, list) or len(told) != 4:
        return None
    x, y, width, height = map(float, told)
    return x, y, x + width, y + height


def points_of(rows: Rows, i: int, rule: str) -> NDArray[np.float64] | None:
    """(n, 2) vertices of a drawing of this rule (`point`, `line`, `ellipse`) in one part."""
    geometry = geometry_of(rows, i)
    if geometry is None or geometry.rule != rule or len(geometry.parts) != 1:
        return None
    return geometry.parts[0] if rows.kind[i] != RowKind.MASK else None


def place_of(rows: Rows, i: int) -> Place:
    """What a drawing is and where; a box is the same whichever of its corners come first."""
    kind = int(rows.kind[i])
    if (box := box_of(rows, i)) is not None:
        x0, y0, x1, y1 = box
        return kind, "box", (2,), (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    geometry = geometry_of(rows, i)
    if geometry is None:
        return kind, "", (), ()
    numbers = tuple(v for part in geometry.parts for v in part.ravel().tolist())
    return kind, geometry.rule, tuple(map(len, geometry.parts)), numbers


def reach_of(rows: Rows, i: int) -> Box | None:
    """Edges x0, y0, x1, y1 that a drawing does not leave, None where it lies nowhere.

    A side is at least a pixel long, as tools draw points and lines that wide.
    """
    _, rule, _, numbers = place_of(rows, i)
    if not numbers:
        return None
    x, y = numbers[0::2], numbers[1::2]
    low, high = [min(x), min(y)], [max(x), max(y)]
    figure = rule.rpartition("-")[2]
    # Datumaro alone tells an ellipse by its corners; others by its centre and its radii.
    if figure == "ellipse" and not rule.startswith("datumaro") and len(x) == 2:
        low, high = [x[0] - x[1], y[0] - y[1]], [x[0] + x[1], y[0] + y[1]]
    if "-rotated-" in rule:
        half = math.hypot(high[0] - low[0], high[1] - low[1]) / 2
        middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
        low, high = [v - half for v in middle], [v + half for v in middle]
    for axis in (0, 1):
        short = max(0.0, 1 - (high[axis] - low[axis])) / 2
        low[axis], high[axis] = low[axis] - short, high[axis] + short
    return low[0], low[1], high[0], high[1]
