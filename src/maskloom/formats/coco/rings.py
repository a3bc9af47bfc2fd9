"""A mask as COCO polygons that unmodified pycocotools turns back into the very same mask."""

from __future__ import annotations

from maskloom.core.labels import Geometry
from maskloom.core.masks import Masks
from maskloom.errors import MaskError
from maskloom.formats.shared.reader_rings import changed_pixels, rings_for


def polygon_of(mask: Masks, geometry: Geometry | None) -> list[list[float]] | None:
    """The author's vertices if they make this mask, else its pixel-edge rings, else None.

    Rings stand apart where the mask has no holes (COCO unites them); otherwise all are joined
    into one ring by bridges of no width, which cancel by parity.

    Args:
        mask: one row.
        geometry: what the author drew.
    """
    if (vertices := vertices_of(mask, geometry)) is not None:
        return vertices
    if int(mask.areas[0]) == 0:
        return None
    rings = rings_for(mask, "coco").exact
    return None if rings is None else [ring.ravel().tolist() for ring in rings]


def vertices_of(mask: Masks, geometry: Geometry | None) -> list[list[float]] | None:
    """The author's vertices as COCO lists them, if pycocotools makes this mask of them.

    Args:
        mask: one row.
        geometry: what the author drew, under any rule.
    """
    if geometry is None or geometry.rule != "coco" or not geometry.parts:
        return None
    if not _makes(geometry, mask):
        return None
    return [ring.ravel().tolist() for ring in geometry.parts]


def _makes(geometry: Geometry, mask: Masks) -> bool:
    try:
        return changed_pixels(mask, geometry.parts, "coco") == 0
    except MaskError:
        return False
