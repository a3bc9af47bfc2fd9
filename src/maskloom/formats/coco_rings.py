"""A mask as COCO polygons that unmodified pycocotools turns back into the very same mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Geometry
from maskloom.core.masks import Masks
from maskloom.errors import MaskError


def polygon_of(mask: Masks, geometry: Geometry | None) -> list[list[float]] | None:
    """The author's vertices if they make this mask, else its pixel-edge rings, else None.

    Rings stand apart where the mask has no holes (COCO unites them); otherwise all are joined
    into one ring by bridges of no width, which cancel by parity.

    Args:
        mask: one row.
        geometry: what the author drew.
    """
    if int(mask.areas[0]) == 0:
        return None
    candidates: list[Sequence[NDArray[np.float64]]] = []
    if geometry is not None and geometry.rule == "coco":
        candidates.append(geometry.parts)
    rings = [ring.astype(np.float64) for ring in mask.rings(0)]
    candidates.append(rings)
    if len(rings) > 1:
        candidates.append([keyholed(rings)])
    for rings_xy in candidates:
        if _makes(rings_xy, mask):
            return [ring.ravel().tolist() for ring in rings_xy]
    return None


def keyholed(rings: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """One ring (n, 2) that visits all rings and returns to the first one's start in between."""
    start = rings[0][:1]
    parts = [rings[0], start]
    for ring in rings[1:]:
        parts += [ring, ring[:1], start]
    return np.concatenate(parts)


def _makes(rings: Sequence[NDArray[np.float64]], mask: Masks) -> bool:
    try:
        return Masks.from_polygons([list(rings)], mask.sizes[0], rule="coco") == mask
    except MaskError:
        return False
