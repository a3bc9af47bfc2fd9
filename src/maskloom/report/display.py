"""Any image as RGB uint8 for the eye, and pictures as data URIs.

For display only: values are stretched and pixels averaged. Nothing measured may come from here;
reading files is `store/images.py`.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError

RGB = NDArray[np.uint8]
MAX_WIDTH = 640
_FLAT_COLORS = 512


def to_rgb(image: NDArray[Any]) -> RGB:
    """An image of any type as RGB.

    Args:
        image: (H, W) or (H, W, C); bool, uint8, or any number type, which is stretched from its
            0.5 to its 99.5 percentile over all shown channels. Of four and more channels the
            first three are shown, of two the first.

    Returns:
        (H, W, 3) uint8; values that are not finite are black.

    Raises:
        ImageError: the array is not an image, or has no pixels.
    """
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ImageError("an image for display is (H, W) or (H, W, C)", seen=image.shape)
    planes = image[..., None] if image.ndim == 2 else image
    planes = planes[..., :3] if planes.shape[2] >= 3 else planes[..., :1]
    if planes.dtype == np.bool_:
        shown = planes.astype(np.uint8) * np.uint8(255)
    else:
        shown = planes if planes.dtype == np.uint8 else _stretch(planes)
    return np.ascontiguousarray(np.broadcast_to(shown, (*shown.shape[:2], 3)))


def fit(size_hw: tuple[int, int], max_width: int = MAX_WIDTH) -> tuple[int, int]:
    """(H, W) after shrinking to `max_width` and at most twice that height; never enlarged."""
    height, width = size_hw
    ratio = min(1.0, max_width / width, 2 * max_width / height)
    return max(1, round(height * ratio)), max(1, round(width * ratio))


def shrink(picture: RGB, size_hw: tuple[int, int]) -> RGB:
    """An RGB picture averaged down to (H, W)."""
    import cv2

    if picture.shape[:2] == size_hw:
        return picture
    height, width = size_hw
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def shrink_map(codes: NDArray[Any], size_hw: tuple[int, int]) -> NDArray[Any]:
    """A map of codes sampled down to (H, W) at the nearest pixel centres."""
    if codes.shape == size_hw:
        return codes
    rows, columns = (
        ((np.arange(n) + 0.5) * full / n).astype(np.intp)
        for n, full in zip(size_hw, codes.shape, strict=True)
    )
    return codes[np.ix_(rows, columns)]


def data_uri(picture: RGB) -> str:
    """A picture as a `data:` URI: lossless WebP where it has few colours, else lossy."""
    from PIL import Image

    buffer = io.BytesIO()
    image = Image.fromarray(picture)
    if image.getcolors(_FLAT_COLORS) is not None:
        image.save(buffer, "WEBP", lossless=True, quality=60)
    else:
        image.save(buffer, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _stretch(planes: NDArray[Any]) -> RGB:
    values = planes.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(planes.shape, np.uint8)
    low, high = np.percentile(values[finite], (0.5, 99.5))
    if high <= low:
        return np.where(finite, 128, 0).astype(np.uint8)
    scaled = np.clip((values - low) / (high - low), 0, 1) * 255
    return np.where(finite, np.rint(np.where(finite, scaled, 0)), 0).astype(np.uint8)
