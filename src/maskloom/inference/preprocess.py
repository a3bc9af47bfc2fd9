"""Images to network input and back to frames: value range, normalisation, padding; numpy only."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.run import Preprocessing
from maskloom.errors import ImageError

Moments = tuple[NDArray[Any], NDArray[Any]]
ReadImage = Callable[[int, int, int, int], NDArray[Any]]
"""(y0, y1, x0, x1) within the image → (h, w, C) as stored."""

_SLAB = 1 << 22  # pixels
_WHITE = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}
_GREY = ("gray",)
_LUMA = np.array([19595, 38470, 7471], np.uint32)  # 0.299, 0.587 and 0.114 of 2^16
_FLAT = 0.02  # keeps the noise of an empty image from being blown up


def to_unit(image: NDArray[Any], pre: Preprocessing) -> NDArray[np.float32]:
    """An image of the network's channels, its values divided by their range.

    A grey image is repeated for a network of three channels, and a colour image becomes grey for
    a network of one.

    Args:
        image: (H, W, C) uint8, uint16 or float32.
        pre: of the network.

    Raises:
        ImageError: another number of channels, floats whose range is not known, or values that
            are not finite.
    """
    wanted = len(pre.channels)
    image = _grey(image, pre)
    if image.shape[2] == 1 and wanted == 3:
        image = np.repeat(image, 3, axis=2)
    if image.shape[2] != wanted:
        raise ImageError(
            "the image has other channels than the model was trained on",
            seen=f"{image.shape[2]}, model {wanted} ({', '.join(pre.channels)})",
            hint="choose or convert the bands of the image, or train on images like it",
        )
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ImageError("the image holds values that are not finite", hint="replace NaN and inf")
    return image.astype(np.float32) * np.float32(1 / unit_scale(image.dtype, pre))


def _grey(image: NDArray[Any], pre: Preprocessing) -> NDArray[Any]:
    """Colours as luma (ITU-R BT.601, in whole numbers, as Pillow has it) for a grey network.

    Anything but whole numbers in three channels stays as it is.
    """
    if image.shape[2] != 3 or pre.channels != _GREY or image.dtype not in _WHITE:
        return image
    wide = image.astype(np.uint32) @ _LUMA
    return ((wide + (1 << 15)) >> 16).astype(image.dtype)[..., None]


def unit_scale(dtype: np.dtype[Any], pre: Preprocessing) -> float:
    """What values of a type are divided by: what was said to be white, else the type's range.

    Floats have no range of their own, and one tile does not tell that of its image: it is
    guessed from neither the values nor the training data. 8 bit are always 0 to 255.

    Raises:
        ImageError: floats for a network of whole numbers, and nobody said what is white.
    """
    if dtype != np.uint8 and pre.white is not None:
        return pre.white
    if dtype.kind == "f" and pre.scale > 1:
        raise ImageError(
            f"the image holds floats, and the model was trained on whole numbers up to "
            f"{pre.scale:.0f}",
            seen=dtype,
            hint="say which value is white in the image: --set model.white=1, or 255 for floats "
            "that hold 0..255",
        )
    return _WHITE.get(dtype, pre.scale)


def normalize(
    unit: NDArray[np.float32], pre: Preprocessing, moments: Moments | None = None
) -> NDArray[np.float32]:
    """(value - mean) / deviation, of the training data or, with `per_image`, of this image.

    Args:
        unit: (H, W, C) of `to_unit`, or a crop of it.
        pre: of the network.
        moments: of the whole image that `unit` is (a crop) of, see `image_moments`; only models
            that use them need them.
    """
    if pre.per_image:
        assert moments is not None
        mean, std = moments
    else:
        mean, std = np.array(pre.mean), np.array(pre.std)
    gain = (1 / std).astype(np.float32)
    scaled = unit * gain
    scaled -= (mean * gain).astype(np.float32)
    return scaled


def pad_to_stride(array: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """Pad below and right by mirroring, so that height and width are multiples of `stride`."""
    height, width = array.shape[:2]
    if height % stride == 0 and width % stride == 0:
        return array
    rows = mirrored(0, -(-height // stride) * stride, height)
    columns = mirrored(0, -(-width // stride) * stride, width)
    return array[np.ix_(rows, columns)]


def mirrored(first: int, last: int, length: int) -> NDArray[np.int64]:
    """Where the pixels first..last of a line lie that is mirrored past its end.

    The border pixel is not repeated, unless the line is too short for that.
    """
    at = np.arange(first, last)
    if last - length < length:
        return np.where(at < length, at, 2 * length - 2 - at)
    folded = at % (2 * length)
    return np.where(folded < length, folded, 2 * length - 1 - folded)


def image_moments(read: ReadImage, size: tuple[int, int], pre: Preprocessing) -> Moments | None:
    """(C,) mean and deviation on the scale of `to_unit`; None if the model does not use them.

    The deviation has `flat` added.

    Read in slabs. Sums of whole numbers are exact, so that any way of reading gives the same
    bits; of floats the slabs are always the same.

    Args:
        read: windows of the image.
        size: (H, W).
        pre: of the network.

    Raises:
        ImageError: floats whose range is not known.
    """
    if not pre.per_image:
        return None
    first = second = np.zeros(1)
    scale, top = 1.0, 0.0
    dtype = np.dtype(np.uint8)
    for stored in _slabs(read, size):
        pixels = _grey(stored, pre)
        dtype, top = pixels.dtype, max(top, float(pixels.max(initial=0)))
        scale = unit_scale(dtype, pre)  # refuses before all is read
        values = pixels.reshape(-1, pixels.shape[2])
        # in double precision sums of 16-bit squares are exact up to 2^21 pixels and more
        wide = values.astype(np.float64)
        first = first + wide.sum(axis=0)
        second = second + np.einsum("pc,pc->c", wide, wide)
    pixels_all = math.prod(size)
    mean = first / pixels_all
    deviation = np.sqrt(np.maximum(second / pixels_all - mean**2, 0))
    channels = len(pre.channels)
    spread = deviation / scale + flat(dtype, top, scale)
    return _as_many(mean / scale, channels), _as_many(spread, channels)


def flat(dtype: np.dtype[Any], top: float, scale: float) -> float:
    """What is added to an image's deviation, so that the noise of an empty one stays small.

    16-bit files hold the values of cameras of 10, 12 or 14 bit as they are: by the least range of
    whole bits that holds its brightest value, a picture is the same in any of them.

    Args:
        dtype: of the image.
        top: its largest value.
        scale: what its values are divided by.
    """
    if dtype != np.uint16:
        return _FLAT
    return _FLAT * max(255, (1 << int(top).bit_length()) - 1) / scale


def _slabs(read: ReadImage, size: tuple[int, int]) -> Iterator[NDArray[Any]]:
    height, width = size
    rows = max(1, _SLAB // width)
    for y in range(0, height, rows):
        yield read(y, min(height, y + rows), 0, width)


def _as_many(values: NDArray[np.float64], channels: int) -> NDArray[np.float64]:
    """A grey image is repeated for a network of three channels, and so are its moments."""
    return np.repeat(values, channels) if len(values) == 1 else values
