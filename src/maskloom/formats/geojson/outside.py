"""Areas of a file for several images that lie in none of them.

Each image leaves out what it does not show, so that only all of them together tell. Bounds are
compared at once, as many times cheaper than placing areas, which happens image by image.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import FormatError
from maskloom.formats.geojson.features import PIXEL, Feature, Ring
from maskloom.formats.geojson.place import Frame, warped

_CORNERS = ((0, 1), (2, 1), (2, 3), (0, 3))


def in_none(features: Sequence[Feature], crs: str, frames: Sequence[Frame]) -> list[Feature]:
    """Those that `Frame.touches` keeps out of every image.

    Args:
        features: of a file; those without extent are in every image.
        crs: of their coordinates.
        frames: the images.
    """
    rest = [feature for feature in features if feature.rings]
    if crs != PIXEL and not all(frame.affine for frame in frames):
        return []  # refused when its labels are read
    systems = dict.fromkeys(crs if crs == PIXEL else frame.crs for frame in frames)
    for system in systems:
        if not rest:
            break
        try:
            boxes = _boxes(rest, crs, system)
        except FormatError:  # likewise
            return []
        own = [frame for frame in frames if crs == PIXEL or frame.crs == system]
        met = _met(rest, boxes, crs, own)
        rest = [feature for feature, one in zip(rest, met.tolist(), strict=True) if not one]
    return rest


def _boxes(features: Sequence[Feature], crs: str, system: str | None) -> NDArray[np.float64]:
    """(n, 4) bounds in a system: least x and y, greatest x and y."""
    points: Ring = np.concatenate([ring for feature in features for ring in feature.rings])
    points = points if crs == PIXEL else warped(points, crs, system)
    counts = [sum(map(len, feature.rings)) for feature in features]
    starts = np.cumsum([0, *counts[:-1]])
    low = np.minimum.reduceat(points, starts, axis=0)
    return np.concatenate([low, np.maximum.reduceat(points, starts, axis=0)], axis=1)


def _met(
    features: Sequence[Feature], boxes: NDArray[np.float64], crs: str, frames: Sequence[Frame]
) -> NDArray[np.bool_]:
    """Which of some features meet any of some images of one system."""
    met = np.zeros(len(features), bool)
    for frame in frames:
        left = np.flatnonzero(~met)
        if not len(left):
            break
        corners: Ring = boxes[left][:, list(chain(*_CORNERS))].reshape(-1, 2)
        with np.errstate(over="ignore", invalid="ignore"):  # of what lies beyond all numbers
            placed = corners if crs == PIXEL else frame.unplaced(corners)
        of_each = placed.reshape(-1, 4, 2)
        low, high = of_each.min(axis=1), of_each.max(axis=1)
        height, width = frame.size
        near = left[((low < (width, height)) & (high > 0)).all(axis=1)]
        if crs != PIXEL and frame.is_turned:  # such a box is larger than what it holds
            near = near[[_touches(features[i], crs, frame) for i in near.tolist()]]
        met[near] = True
    return met


def _touches(feature: Feature, crs: str, frame: Frame) -> bool:
    return frame.touches([frame.to_pixels(ring, crs) for ring in feature.rings])
