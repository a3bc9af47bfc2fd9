"""A mask as COCO polygons that unmodified pycocotools turns back into the very same mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.core.mask_rows import same
from maskloom.core.masks import Masks
from maskloom.errors import MaskError
from maskloom.formats.shared.reader_rings import rings_for

Polygon = list[list[float]]


def edges_of(mask: Masks) -> Polygon | None:
    """Pixel-edge rings of a mask, or None where COCO's polygons cannot say it.

    Rings stand apart where the mask has no holes (COCO unites them); otherwise all are joined
    into one ring by bridges of no width, which cancel by parity.

    Args:
        mask: one row.
    """
    if int(mask.areas[0]) == 0:
        return None
    rings = rings_for(mask, "coco").exact
    return None if rings is None else [ring.ravel().tolist() for ring in rings]


def vertices_of(rows: Rows) -> list[Polygon | None]:
    """The author's vertices of each row as COCO lists them, or None.

    Only those of which pycocotools makes the row's very mask, and of no crowd, which COCO tells
    as runs.
    """
    found: list[Polygon | None] = [None] * len(rows)
    plain = (~rows.crowd & (rows.kind == int(RowKind.MASK))).tolist()
    asked = [
        (i, geometry.parts)
        for i, geometry in enumerate(rows.geometry)
        if geometry is not None and geometry.rule == "coco" and geometry.parts and plain[i]
    ]
    if asked:
        places, parts = zip(*asked, strict=True)
        for i, own, made in zip(places, parts, _made(rows.masks[list(places)], parts), strict=True):
            if made:
                found[i] = [ring.ravel().tolist() for ring in own]
    return found


def _made(masks: Masks, parts: Sequence[Sequence[NDArray[np.float64]]]) -> list[bool]:
    """Which masks are what pycocotools makes of vertices; those it refuses are none."""
    try:
        drawn = Masks.from_polygons(parts, masks.sizes[0], rule="coco")
    except MaskError:
        if len(masks) == 1:
            return [False]
        return [_made(masks[i], parts[i : i + 1])[0] for i in range(len(masks))]
    one, two = ((m.sizes, m.boxes, m.counts, m.offsets) for m in (masks, drawn))
    return list(map(bool, same(one, two)))
