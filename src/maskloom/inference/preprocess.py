"""Images to network input and back to frames: value range, normalisation, padding; numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.run import Preprocessing
from maskloom.errors import ImageError

Moments = tuple[NDArray[Any], NDArray[Any]]
_FLAT = 0.02  # keeps the noise of an empty image from being blown up


def to_unit(image: NDArray[Any], pre: Preprocessing) -> NDArray[np.float32]:
    """An image of the network's channels, its values divided by their range.

    A grey image is repeated for a network of three channels.

    Args:
        image: (H, W, C) uint8, uint16 or float32.
        pre: of the network.

    Raises:
        ImageError: another number of channels, or values that are not finite.
    """
    wanted = len(pre.channels)
    if image.shape[2] == 1 and wanted == 3:
        image = np.repeat(image, 3, axis=2)
    if image.shape[2] != wanted:
        raise ImageError(
            "the image has other channels than the model was trained on",
            seen=f"{image.shape[2]}, model {wanted} ({', '.join(pre.channels)})",
        )
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ImageError("the image holds values that are not finite", hint="replace NaN and inf")
    return image.astype(np.float32) * np.float32(1 / unit_scale(image.dtype, pre))


def unit_scale(dtype: np.dtype[Any], pre: Preprocessing) -> float:
    """What values of a type are divided by: the type's range, or the network's for floats."""
    return {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(dtype, pre.scale)


def normalize(
    unit: NDArray[np.float32], pre: Preprocessing, moments: Moments | None = None
) -> NDArray[np.float32]:
    """(value - mean) / deviation, of the training data or, with `per_image`, of this image.

    Args:
        unit: (H, W, C) of `to_unit`, or a crop of it.
        pre: of the network.
        moments: (C,) mean and deviation of the whole image that a crop is of, on the scale of
            `unit`; None takes them from `unit`.
    """
    if not pre.per_image:
        mean, std = np.array(pre.mean), np.array(pre.std)
    else:
        mean, std = moments or (unit.mean(axis=(0, 1)), unit.std(axis=(0, 1)))
        std = std + _FLAT
    gain = (1 / std).astype(np.float32)
    return unit * gain - (mean * gain).astype(np.float32)


def pad_to_stride(array: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """Pad below and right by mirroring, so that height and width are multiples of `stride`."""
    height, width = array.shape[:2]
    below, right = -height % stride, -width % stride
    if not below and not right:
        return array
    mode = "reflect" if below < height and right < width else "symmetric"
    return np.pad(array, ((0, below), (0, right), (0, 0)), mode=mode)  # type: ignore[call-overload, no-any-return]
