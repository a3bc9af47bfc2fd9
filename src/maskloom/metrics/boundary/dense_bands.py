"""Boundary bands of arrays, as bit planes: Boundary IoU of two masks that fill a frame.

Bands of many small masks are in `bands.py`; which pixels are a band is said by `BoundaryRules`.
"""

from __future__ import annotations

import math
from typing import Any

from maskloom.core.report import Score
from maskloom.errors import DataError
from maskloom.metrics.boundary.bits import (
    Words,
    as_pixels,
    count_bits,
    count_common,
    mask_plane,
)
from maskloom.metrics.boundary.contours import contour_plane
from maskloom.metrics.boundary.planes import disk, gap_for, near, shrink
from maskloom.metrics.boundary.rules import BOUNDARY_RULES, BoundaryRules, ContourRules

_BORDER = ContourRules(frame_edge=True)


def boundary_iou(
    truth: Any,
    predicted: Any,
    rules: BoundaryRules = BOUNDARY_RULES["maskloom"],
    *,
    void: Any = None,
) -> Score:
    """Intersection over union of the bands of two masks.

    Args:
        truth: (H, W) bools or whole numbers, inside where not 0.
        predicted: likewise, of one shape with the truth.
        rules: of a convention; see `BOUNDARY_RULES`.
        void: (H, W) pixels that are not judged, where not 0.

    Returns:
        in [0, 1]; what the rules say, maybe None, where both masks are empty.

    Raises:
        DataError: no masks, or shapes that differ.

    Source: Cheng et al. 2021, equation 2; MetricsReloaded `boundary_iou`.

    >>> import numpy as np
    >>> a, b = np.zeros((2, 40, 40), bool)
    >>> a[5:25, 5:25] = b[6:26, 5:25] = True
    >>> round(boundary_iou(a, b), 3)
    0.333
    """
    arrays = [as_pixels(truth, what="truth"), as_pixels(predicted, what="prediction")]
    if void is not None:
        arrays.append(as_pixels(void, what="void area"))
    if len({one.shape for one in arrays}) > 1:
        raise DataError(
            "truth, prediction and void area differ in size",
            seen=" and ".join(str(one.shape) for one in arrays),
        )
    height, width = arrays[0].shape
    distance = rules.width(height, width)
    gap = gap_for(math.ceil(distance))
    planes = [mask_plane(one, gap) for one in arrays]
    shared, union = band_counts(
        planes[0], planes[1], planes[2] if len(planes) > 2 else None, width, distance, rules
    )
    return shared / union if union else rules.both_empty


def band_counts(
    truth: Words,
    predicted: Words,
    void: Words | None,
    width: int,
    distance: float,
    rules: BoundaryRules,
) -> tuple[int, int]:
    """Pixels in both bands and in either, of masks that are planes already.

    Args:
        truth: a plane; `predicted` and `void` are of the same layout, with a gap for `distance`.
        predicted: its prediction.
        void: pixels that are not judged.
        width: of the frame, in px.
        distance: width of the band, of `BoundaryRules.width` of the whole frame.
        rules: what is a band.
    """
    t = band_plane(truth, void, width, distance, rules)
    p = band_plane(predicted, void, width, distance, rules)
    shared = int(count_common(t, p))
    return shared, int(count_bits(t)) + int(count_bits(p)) - shared


def band_plane(
    mask: Words, void: Words | None, width: int, distance: float, rules: BoundaryRules
) -> Words:
    """The band of a mask; see `BoundaryRules` for which pixels it is."""
    if void is not None and rules.void == "removed":
        mask, void = mask & ~void, None
    solid = mask if void is None else mask | void
    inside = mask if void is None else mask & ~void
    if rules.metric == "chessboard":
        band: Words = inside & ~shrink(solid, int(distance))
        return band
    border = contour_plane(mask, void, width, _BORDER)
    height = mask.shape[0] - 2
    # Nearer than the distance, not as near: the greatest number below its square.
    halves = disk(math.nextafter(distance * distance, -math.inf), height, width)
    return near(inside, border, halves)[0]
