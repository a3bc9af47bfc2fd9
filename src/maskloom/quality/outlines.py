"""How far the outlines of two masks lie apart, and over how much of their length.

Measured on the crop that holds both, from contour pixel to nearest contour pixel. Scores over
a data set (boundary IoU, surface distances) are another matter; this serves `regions_rows.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.mask_pixels import crop_pixels
from maskloom.core.masks import Masks
from maskloom.quality.queue import circle_radius

Pixels = NDArray[np.bool_]

FINEST_PX = 0.5
"""Outlines that differ by less than this are equal: on whole pixels that is equality."""
SHARE_OF_RADIUS = 0.1
"""A tenth of the radius of an object off is a fifth of its area."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Where two outlines are off.

    Args:
        share: of both contours, the share farther from the other than tolerated, in (0, 1].
        offset: how far these lie off on average, in px.
        area: pixels in one mask only.
    """

    share: float
    offset: float
    area: int


def tolerance(area: float, scale: float) -> float:
    """How far an outline may be off in px: a tenth of the object's radius, at most `scale`."""
    return min(max(SHARE_OF_RADIUS * circle_radius(area), FINEST_PX), scale)


def outline_gap(a: Masks, i: int, b: Masks, j: int, scale: float) -> Gap | None:
    """The gap between mask i of `a`, whose size sets the tolerance, and mask j of `b`.

    Both hold pixels and lie in one frame. None where no contour pixel is farther off than
    tolerated.
    """
    if _equal(a, i, b, j):
        return None
    first, second = _both(a, i, b, j)
    outlines = _contour(first), _contour(second)
    far = np.concatenate(
        [_distances(outlines[0], outlines[1]), _distances(outlines[1], outlines[0])]
    )
    off = far > tolerance(int(first.sum()), scale)
    if not off.any():
        return None
    differing = int((first ^ second).sum())
    return Gap(float(off.mean()), float(far[off].mean(dtype=np.float64)), differing)


def _equal(a: Masks, i: int, b: Masks, j: int) -> bool:
    one = a.counts[a.offsets[i] : a.offsets[i + 1]]
    two = b.counts[b.offsets[j] : b.offsets[j + 1]]
    return np.array_equal(a.boxes[i], b.boxes[j]) and np.array_equal(one, two)


def _both(a: Masks, i: int, b: Masks, j: int) -> tuple[Pixels, Pixels]:
    """Both masks in the box around both."""
    boxes = np.stack([a.boxes[i], b.boxes[j]]).astype(np.int64)
    x0, y0 = boxes[:, :2].min(axis=0)
    x1, y1 = boxes[:, 2:].max(axis=0)
    out = []
    for masks, row in ((a, i), (b, j)):
        pixels = np.zeros((y1 - y0, x1 - x0), np.bool_)
        left, top, right, bottom = masks.boxes[row]
        pixels[top - y0 : bottom - y0, left - x0 : right - x0] = crop_pixels(masks, row)
        out.append(pixels)
    return out[0], out[1]


def _contour(pixels: Pixels) -> Pixels:
    """Pixels of the mask that share an edge with its outside; beyond the crop all is outside."""
    padded = np.pad(pixels, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    contour: Pixels = pixels & ~inner
    return contour


def _distances(contour: Pixels, other: Pixels) -> NDArray[np.float32]:
    """For each contour pixel the distance to the nearest pixel of the other contour."""
    import cv2

    field = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(field[contour], np.float32)
