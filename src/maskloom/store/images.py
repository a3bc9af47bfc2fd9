"""Still images and label maps: PNG, JPEG, TIFF, WebP, BMP and slides to arrays and back.

Images come out as (H, W, C) with EXIF orientation applied and colour as RGB; label maps keep
the stored values (palette indexes stay indexes). Sizes are checked from the header before any
pixel is decoded. Windows of large images are in `rasters/`, films in `video.py`, and what opens
a file in `decoding.py`. Volumes are not here.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError, MissingExtra
from maskloom.store import bmp, deep_png, tiff, webp
from maskloom.store.decoding import (
    MAX_PIXELS,
    by_strips,
    decoding,
    lost_ids,
    opened,
    orientation_of,
    refuse_absent,
)
from maskloom.store.files import atomic_write_bytes
from maskloom.store.image_bombs import refuse_hollow
from maskloom.store.image_kinds import IMAGE_SUFFIXES, is_slide, is_tiff, of_any_size
from maskloom.store.orientation import upright, upright_size
from maskloom.work.memory import free_bytes

__all__ = [
    "IMAGE_SUFFIXES", "MAX_PIXELS", "channel_names", "decoding", "image_bytes", "image_size",
    "is_color", "is_tiff", "map_size", "png_bytes", "read_image", "read_map", "refuse_absent",
    "write_png",
]  # fmt: skip

_GRAY = ("1", "L", "LA", "La")
_MAX_MAP_PIXELS = 1 << 33
_MAX_RASTER_PIXELS = 1 << 40
_MAP_BYTES = 8  # a pixel, while it is read and its numbers become classes
_SPREAD = {2: 85, 4: 17}  # by the bits of grey; what Pillow multiplies with
_CHANNELS = {1: ("gray",), 3: ("red", "green", "blue")}


def channel_names(count: int) -> tuple[str, ...]:
    """Names for so many channels: gray, red/green/blue, or channel-0, channel-1, ..."""
    return _CHANNELS.get(count, tuple(f"channel-{i}" for i in range(count)))


def read_image(path: Path) -> NDArray[Any]:
    """Read an image.

    Args:
        path: a PNG, JPEG, TIFF, WebP, BMP or slide of 8 or 16 bit (TIFF also float32).

    Returns:
        (H, W, C) uint8, uint16 or float32; C is 1 for grey, 3 for RGB, and as many as a TIFF
        has; alpha is dropped, a palette and EXIF orientation are applied, and grey that is
        stored with white as 0 is turned over.

    Raises:
        ImageError: missing, empty, truncated, of another kind, or over `MAX_PIXELS`.
        MissingExtra: the codec of a TIFF or slide is not installed.
    """
    image_size(path, most=MAX_PIXELS)
    if is_slide(path):
        return _by_windows(path, "image")
    if is_tiff(path):
        try:
            array, orientation = decoding(path, lambda: tiff.read_pixels(path))
        except MissingExtra:
            return _by_windows(path, "image")
        return np.ascontiguousarray(upright(array, orientation))
    if webp.is_webp(path):
        told = webp.header(path)
        return np.ascontiguousarray(upright(webp.read(path, told), told.orientation))
    refuse_hollow(path)
    with opened(path) as image:
        orientation = orientation_of(path, image)
        if deep_png.channels(path):
            return np.ascontiguousarray(upright(deep_png.read(path), orientation))
        head = bmp.head_of(path) if image.format == "BMP" else None
        if head is not None and head.indexed:
            array, palette = bmp.read_indexes(path, head)
            array = palette[:, 0][array] if image.mode in _GRAY else palette[array]
        else:
            decoding(path, image.load)
            array = _shown(path, image)
        array = array.reshape(*array.shape[:2], -1)
        return np.ascontiguousarray(upright(array, orientation))


def _shown(path: Path, image: Any) -> NDArray[Any]:
    """The pixels of a decoded picture, in grey or colour."""
    if image.mode in ("I;16", "I;16B", "I"):
        return np.asarray(image).astype(np.uint16)
    mode = "L" if image.mode in _GRAY else "RGB"
    shown = image if image.mode == mode else decoding(path, lambda: image.convert(mode))
    return by_strips(shown)


def _by_windows(path: Path, kind: Literal["image", "map"]) -> NDArray[Any]:
    """A slide, or a TIFF whose codec tifffile lacks, (H, W, C) and upright."""
    # Imported here: windows are built on this module.
    from maskloom.store.rasters import open_raster

    with open_raster(path, kind=kind) as raster:
        return raster.read(0, raster.size[0], 0, raster.size[1])


def read_map(path: Path, *, colors: bool = False) -> NDArray[Any]:
    """Read a label map: values as stored, EXIF orientation applied as to images.

    Args:
        path: of the map.
        colors: give the colours of a palette, for maps whose indexes mean nothing.

    Returns:
        (H, W) whole numbers as stored (uint8 or uint16; int32 of PNG; any up to 32 bit of TIFF)
        or palette indexes, 1-bit files as 0 and 255; or (H, W, 3) of colours, as WebP always is.

    Raises:
        ImageError: as for `read_image`, but that a TIFF may be as large as memory allows; or a
            TIFF of fractions or of other channels; or JPEG, lossy WebP or a slide, without ids.
    """
    map_size(path)
    if is_slide(path):
        return _by_windows(path, "map")
    if is_tiff(path):
        try:
            array, orientation = decoding(path, lambda: tiff.read_stored(path))
        except MissingExtra:
            array, orientation = _by_windows(path, "map"), 1
            array = array[:, :, 0] if array.shape[2] == 1 else array
        return np.ascontiguousarray(upright(array, orientation))
    if webp.is_webp(path):
        told = webp.header(path)
        if not told.lossless:
            raise lost_ids(path, "lossy WebP")
        return np.ascontiguousarray(upright(webp.read(path, told), told.orientation))
    refuse_hollow(path)
    with opened(path) as image:
        if image.format in ("JPEG", "MPO"):
            raise lost_ids(path, "JPEG")
        head = bmp.head_of(path) if image.format == "BMP" else None
        if head is not None and head.indexed:
            array, palette = bmp.read_indexes(path, head)
            if image.mode == "P" and colors:
                return np.asarray(palette[array])
            return array * np.uint8(255) if image.mode == "1" and head.bits == 1 else array
        orientation = orientation_of(path, image)
        return np.ascontiguousarray(upright(_stored(path, image, colors=colors), orientation))


def _stored(path: Path, image: Any, *, colors: bool) -> NDArray[Any]:
    if deep := deep_png.channels(path):
        return deep_png.read(path)[:, :, 0] if deep == 1 else deep_png.read(path)
    decoding(path, image.load)
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode == "P" and colors:
        return np.asarray(image.convert("RGB"))
    if image.mode in ("L", "P"):
        step = _SPREAD.get(deep_png.grey_bits(path))
        return np.asarray(image) if step is None else np.asarray(image) // np.uint8(step)
    if image.mode in ("I;16", "I;16B", "I"):
        return np.asarray(image).astype(np.int32 if image.mode == "I" else np.uint16)
    if image.mode in ("LA", "PA"):
        return np.asarray(image.getchannel(0))
    return np.asarray(image.convert("RGB"))


def is_color(path: Path) -> bool:
    """Whether a file stores colours rather than grey values or palette indexes, by its header.

    Raises:
        ImageError: missing, empty, not an image, or over `MAX_PIXELS`.
    """
    map_size(path)
    if is_tiff(path):
        return int(decoding(path, lambda: tiff.channels(path))) > 1
    if is_slide(path) or webp.is_webp(path):
        return True
    with opened(path) as image:
        return len(image.getbands()) > 2


def image_size(path: Path, *, most: int | None = None) -> tuple[int, int]:
    """(H, W) after EXIF orientation, from the header alone.

    Args:
        path: of the file.
        most: pixels that it may have; None is 2^40 of a TIFF or slide, which are read by
            windows, and `MAX_PIXELS` of all others.

    Raises:
        ImageError: missing, empty, not an image, or over `most`.
    """
    refuse_absent(path)
    if most is None:
        most = _MAX_RASTER_PIXELS if of_any_size(path) else MAX_PIXELS
    if is_slide(path):
        from maskloom.store.rasters import raster_size

        (height, width), orientation = raster_size(path), 1
    elif is_tiff(path):
        height, width, orientation = decoding(path, lambda: tiff.header(path))
    elif webp.is_webp(path):
        told = webp.header(path)
        (height, width), orientation = told.size_hw, told.orientation
    else:
        with opened(path) as image:
            width, height = image.size
            _refuse_huge(path, height, width, most)
            orientation = orientation_of(path, image)
    _refuse_huge(path, height, width, most)
    return upright_size((height, width), orientation)


def image_bytes(path: Path) -> int:
    """Bytes of what `read_image` gives of any file but a TIFF, from the header alone.

    Raises:
        ImageError: as for `image_size`.
    """
    height, width = image_size(path)
    if webp.is_webp(path):
        return height * width * 3
    with opened(path) as image:
        if image.mode in ("I;16", "I;16B", "I"):
            pixel = 2
        elif deep := deep_png.channels(path):
            pixel = 2 * deep
        else:
            pixel = 1 if image.mode in _GRAY else 3
    return height * width * pixel


def png_bytes(array: NDArray[Any], *, palette: NDArray[np.uint8] | None = None) -> bytes:
    """PNG of a (H, W) uint8, uint16 or bool map, or a (H, W, 3) uint8 image.

    Args:
        array: the pixels; bool becomes 0 and 255.
        palette: (n, 3) colours shown for the values of a uint8 map.
    """
    from PIL import Image

    if array.dtype == bool:
        array = array.astype(np.uint8) * np.uint8(255)
    image = Image.fromarray(np.ascontiguousarray(array))
    if palette is not None:
        image.putpalette(palette.astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def write_png(path: Path, array: NDArray[Any], *, palette: NDArray[np.uint8] | None = None) -> None:
    """Write `png_bytes` by temp file and rename.

    Raises:
        WriteError: the target cannot be written.
    """
    atomic_write_bytes(path, png_bytes(array, palette=palette))


def map_size(path: Path) -> tuple[int, int]:
    """(H, W) of a label map from its header; a TIFF may be as large as memory allows.

    Raises:
        ImageError: missing, empty, not an image, or too large to be read as a whole.
    """
    if not is_tiff(path):
        return image_size(path)
    height, width = image_size(path, most=_MAX_MAP_PIXELS)
    if height * width > MAX_PIXELS and height * width * _MAP_BYTES > free_bytes():
        raise ImageError(
            "the label map does not fit into memory",
            where=path,
            seen=f"{width} × {height}",
            hint="use a machine with more memory, or cut the map",
        )
    return height, width


def _refuse_huge(path: Path, height: int, width: int, most: int) -> None:
    if height * width > most:
        raise ImageError(
            f"the image claims more than {most} pixels",
            where=path,
            seen=f"{width} × {height}",
            hint="check the file, or cut it into tiles",
        )
