"""What the network is asked for: class indexes with an ignored value, and rim distances."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from maskloom.core.labels import codes
from maskloom.inference.decode import Channels

IGNORED = 255


def class_lookup(channels: Channels, dtype: np.dtype[Any]) -> NDArray[np.uint8]:
    """Class-map value → output channel, or `IGNORED` for void and whatever has no channel.

    Raises nothing: more than 254 class channels are refused when the run is prepared.
    """
    table = np.full(np.iinfo(dtype).max + 1, IGNORED, np.uint8)
    for channel, value in enumerate(channels.values().tolist()):
        background = channels.background and channel == 0
        table[codes(dtype)[1] if background else value] = channel
    return table


def rim_distance(objects: NDArray[np.int32]) -> NDArray[np.float32]:
    """Distance of each object pixel to the rim of its object, 1 at the farthest.

    An object that the crop cuts is treated as if it ended there only for the maximum; its cut
    side is no rim.

    Args:
        objects: (H, W) int32, 0 background.

    Returns:
        (H, W) float32 in [0, 1]; 0 on background and on rims between touching objects.
    """
    if not objects.any():
        return np.zeros(objects.shape, np.float32)
    padded = np.pad(objects, 1, mode="edge")
    centre = padded[1:-1, 1:-1]
    inside = centre > 0
    for neighbour in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        inside &= neighbour == centre
    if inside.all():
        return np.ones(objects.shape, np.float32)
    # scipy's, because OpenCV's precise transform changes with its threads and from run to run
    distance = ndimage.distance_transform_edt(inside).astype(np.float32)
    distance[objects == 0] = 0
    farthest = np.full(int(objects.max()) + 1, 1e-6, np.float32)
    np.maximum.at(farthest, objects.ravel(), distance.ravel())
    scaled: NDArray[np.float32] = (distance / farthest[objects]).astype(np.float32)
    return scaled
