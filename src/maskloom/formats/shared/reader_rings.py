"""One mask as the polygon of which a given reader makes the very same mask, and a proof of it.

Readers fill polygons by different rules; no polygon suits them all. Each candidate is filled by
the model of its reader before it is given out; what the reader would see otherwise is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.contours import contours_of, one_ring, part_rings, straightened
from maskloom.core.masks import Masks
from maskloom.errors import MaskError

Ring = NDArray[np.float64]
HALF_PX = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class ReaderRings:
    """What a reader is given, and how far it sees the mask.

    Args:
        rings: (n, 2) arrays of (x, y) in the reader's own frame.
        changed: pixels that the reader would see otherwise.
    """

    rings: tuple[Ring, ...]
    changed: int

    @property
    def exact(self) -> tuple[Ring, ...] | None:
        """The rings, or None where the reader would not see the very same mask."""
        return None if self.changed else self.rings


def rings_for(mask: Masks, rule: str, *, single: bool = False) -> ReaderRings:
    """The rings of one mask for readers of a rule.

    Args:
        mask: one row, with at least one pixel.
        rule: of the reader, as in `Masks.from_polygons`: `coco` (rings are united), `centre` and
            `gdal` (one even-odd fill), `opencv` and `opencv-round` (one call of fillPoly),
            `pil`, `pil-outline` and `skimage` (rings one over the other).
        single: one ring for the whole mask. Parts that do not touch then stand in one ring only
            under `coco`, `centre` and `skimage`, whose bridges have no width; where outlines are
            painted the bridge is seen, and counted.

    Returns:
        the first candidate without changed pixels, else the one with the fewest.

    Raises:
        MaskError: an unknown rule, or a mask without a pixel.
    """
    if int(mask.areas[0]) == 0:
        raise MaskError("a mask without a pixel has no outline")
    if rule not in _CANDIDATES:
        known = ", ".join(_CANDIDATES)
        raise MaskError("no rings are known for the rule", seen=rule, hint=f"use one of {known}")
    best: ReaderRings | None = None
    for candidate in _CANDIDATES[rule]:
        rings = tuple(np.asarray(ring, np.float64) for ring in candidate(mask))
        if single and len(rings) > 1:
            continue
        found = ReaderRings(rings, changed_pixels(mask, rings, rule))
        if best is None or found.changed < best.changed:
            best = found
        if not found.changed:
            break
    assert best is not None, "the last candidate of every rule is one ring"
    return best


def changed_pixels(mask: Masks, rings: Sequence[Ring], rule: str) -> int:
    """How many pixels a reader of a rule sees otherwise than the mask has them."""
    seen = Masks.from_polygons([list(rings)], mask.sizes[0], rule=rule)
    if seen == mask:
        return 0
    shared = int(mask.intersections(seen)[0, 0])
    return int(mask.areas[0]) + int(seen.areas[0]) - 2 * shared


def _edges(mask: Masks) -> list[Ring]:
    return [ring.astype(np.float64) for ring in mask.rings(0)]


def _one_edge(mask: Masks) -> list[Ring]:
    """Bridges of no width, all to the start of the first ring: they cancel by parity."""
    rings = _edges(mask)
    start = rings[0][:1]
    parts = [rings[0], start]
    for ring in rings[1:]:
        parts += [ring, ring[:1], start]
    return [np.concatenate(parts)]


def _centred(mask: Masks) -> list[Ring]:
    return [ring - HALF_PX for ring in _edges(mask)]


def _one_centred(mask: Masks) -> list[Ring]:
    """Bridges along the edges of pixels: on a slope they would pass through pixels' centres."""
    rings = _centred(mask)
    start = rings[0][:1]
    parts = [rings[0], start]
    for ring in rings[1:]:
        corner = np.array([[ring[0, 0], start[0, 1]]])
        parts += [corner, ring, ring[:1], corner, start]
    return [np.concatenate(parts)]


def _contours(mask: Masks) -> list[Ring]:
    return [straightened(points).astype(np.float64) for points in contours_of(mask).points]


def _parts(mask: Masks) -> list[Ring]:
    return [ring.astype(np.float64) for ring in part_rings(mask)]


def _one_tour(mask: Masks) -> list[Ring]:
    return [one_ring(mask).astype(np.float64)]


_CANDIDATES: dict[str, tuple[Callable[[Masks], list[Ring]], ...]] = {
    "coco": (_edges, _one_edge),
    "centre": (_edges, _one_edge),
    "gdal": (_edges, _one_edge),
    "opencv": (_contours, _one_tour),
    "opencv-round": (_contours, _one_tour),
    "pil": (_parts, _one_tour),
    "pil-outline": (_parts, _one_tour),
    "skimage": (_centred, _one_centred),
}
"""Rule → candidates, the plainest first, one ring last."""
