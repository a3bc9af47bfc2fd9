"""Which rows of an image stand in a relation that a target may not hold: depth, parts, overlap.

What is found here is only which rows; whether it is a loss is for `loss.py` to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.core.places import reach_of
from maskloom.formats.fields import beside_places

_MASK = int(RowKind.MASK)


def ordered(rows: Rows) -> NDArray[np.int64]:
    """Rows of another depth than a row over which they lie, or under which; the rest has none.

    Masks lie over each other where they share pixels, drawings where the boxes around them do.
    """
    if len(np.unique(rows.z_order)) < 2:
        return np.zeros(0, np.int64)
    deep = np.zeros(len(rows), np.bool_)
    for i, j in chain([rows.masks.overlapping(rows.masks)[:2]], _reaching(rows)):
        apart = (rows.z_order[i] != rows.z_order[j]) & (rows.plane[i] == rows.plane[j])
        deep[i[apart]] = deep[j[apart]] = True
    return np.flatnonzero(deep)


def _reaching(rows: Rows) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of a drawing and the rows that its box meets."""
    drawn = np.flatnonzero(rows.kind != _MASK)
    if not len(drawn):
        return
    edges = rows.masks.boxes.astype(np.float64)
    there = rows.masks.areas > 0
    for i in drawn.tolist():
        reach = reach_of(rows, i)
        there[i] = reach is not None
        edges[i] = edges[i] if reach is None else reach
    for i in drawn[there[drawn]].tolist():
        x0, y0, x1, y1 = edges[i]
        meets = (edges[:, 0] < x1) & (edges[:, 2] > x0) & (edges[:, 1] < y1) & (edges[:, 3] > y0)
        others = np.flatnonzero(meets & there)
        own = np.full(len(others), i, np.int64)
        yield own, others


def torn(rows: Rows) -> NDArray[np.int64]:
    """Drawings that are not all there is of their object.

    Masks of one object can be united; drawings cannot, neither with masks nor with each other.
    """
    drawn = rows.kind != _MASK
    if not drawn.any():
        return np.zeros(0, np.int64)
    _, object_of, sizes = np.unique(rows.instance, return_inverse=True, return_counts=True)
    return np.flatnonzero(drawn & (sizes[object_of] > 1))


def unlike_first(rows: Rows) -> dict[str, NDArray[np.bool_]]:
    """Rows that say otherwise than the first of their object, by kind of loss."""
    _, first, object_of = np.unique(rows.instance, return_index=True, return_inverse=True)
    speaker = first[object_of].tolist()
    said: dict[str, list[Any]] = {
        "attributes": [dict(value or {}) for value in rows.attributes],
        "fields": [dict(value or {}) for value in beside_places(rows)],
        "score": np.nan_to_num(rows.score, nan=-1.0).tolist(),
        "crowd": rows.crowd.tolist(),
    }
    return {
        kind: np.array([one != own[at] for one, at in zip(own, speaker, strict=True)], np.bool_)
        for kind, own in said.items()
        if own
    }


def touching(rows: Rows) -> tuple[int, NDArray[np.int64]]:
    """How many pixels masks claim beyond the first of each pixel, and which rows do."""
    shared = int(rows.masks.areas.sum()) - int(rows.masks.merge().areas[0])
    if not shared:
        return 0, np.zeros(0, np.int64)
    meet = (rows.masks.intersections(rows.masks) > 0) & ~np.eye(len(rows), dtype=np.bool_)
    return shared, np.flatnonzero(meet.any(axis=1))
