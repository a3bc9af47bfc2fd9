"""Still images and label maps: PNG, JPEG, TIFF to arrays and back.

Images come out as (H, W, C) with EXIF orientation applied and colour as RGB; label maps keep
the stored values (palette indexes stay indexes). Sizes are checked from the header before any
pixel is decoded. Volumes and video are not here; windows of large images are in `rasters/`.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError, MaskloomError
from maskloom.store import deep_png, tiff
from maskloom.store.files import atomic_write_bytes, is_file
from maskloom.store.image_bombs import refuse_hollow_png
from maskloom.store.orientation import upright, upright_size
from maskloom.work.memory import free_bytes

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
MAX_PIXELS = 1 << 28
_GRAY = ("1", "L", "LA", "La")
_STRIP_BYTES = 1 << 22
_MAX_MAP_PIXELS = 1 << 33
_MAP_BYTES = 8  # a pixel, while it is read and its numbers become classes
_ORIENTATION_TAG = 274
_CHANNELS = {1: ("gray",), 3: ("red", "green", "blue")}


def channel_names(count: int) -> tuple[str, ...]:
    """Names for so many channels: gray, red/green/blue, or channel-0, channel-1, ..."""
    return _CHANNELS.get(count, tuple(f"channel-{i}" for i in range(count)))


def read_image(path: Path) -> NDArray[Any]:
    """Read an image.

    Args:
        path: a PNG, JPEG or TIFF file of 8 or 16 bit (TIFF also float32).

    Returns:
        (H, W, C) uint8, uint16 or float32; C is 1 for grey, 3 for RGB, and as many as a TIFF
        has; alpha is dropped, a palette and EXIF orientation are applied, and grey that is
        stored with white as 0 is turned over.

    Raises:
        ImageError: missing, empty, truncated, of another kind, or over `MAX_PIXELS`.
    """
    image_size(path)
    if is_tiff(path):
        array, orientation = decoding(path, lambda: tiff.read_pixels(path))
        return np.ascontiguousarray(upright(array, orientation))
    refuse_hollow_png(path)
    if deep_png.is_color(path):
        return deep_png.read(path)
    with _opened(path) as image:
        orientation = _orientation(path, image)
        decoding(path, image.load)
        if image.mode in ("I;16", "I;16B", "I"):
            array = np.asarray(image).astype(np.uint16)
        else:
            mode = "L" if image.mode in _GRAY else "RGB"
            shown = image if image.mode == mode else decoding(path, lambda: image.convert(mode))
            array = _by_strips(shown)
        array = array.reshape(*array.shape[:2], -1)
        return np.ascontiguousarray(upright(array, orientation))


def read_map(path: Path, *, colors: bool = False) -> NDArray[Any]:
    """Read a label map as stored.

    Args:
        path: of the map.
        colors: give the colours of a palette, for maps whose indexes mean nothing.

    Returns:
        (H, W) whole numbers as stored (uint8 or uint16; int32 of PNG; any up to 32 bit of
        TIFF) or palette indexes, 1-bit files as 0 and 255; or (H, W, 3) uint8 of a colour map.

    Raises:
        ImageError: as for `read_image`, but that a TIFF may be as large as memory allows; or a
            TIFF of fractions or of other channels.
    """
    map_size(path)
    if is_tiff(path):
        array, orientation = decoding(path, lambda: tiff.read_stored(path))
        return np.ascontiguousarray(upright(array, orientation))
    refuse_hollow_png(path)
    with _opened(path) as image:
        decoding(path, image.load)
        if image.mode == "1":
            return np.asarray(image.convert("L"))
        if image.mode == "P" and colors:
            return np.asarray(image.convert("RGB"))
        if image.mode in ("L", "P"):
            return np.asarray(image)
        if image.mode in ("I;16", "I;16B"):
            return np.asarray(image).astype(np.uint16)
        if image.mode == "I":
            return np.asarray(image).astype(np.int32)
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
    with _opened(path) as image:
        return len(image.getbands()) > 2


def image_size(path: Path, *, most: int = MAX_PIXELS) -> tuple[int, int]:
    """(H, W) after EXIF orientation, from the header alone.

    Args:
        path: of the file.
        most: pixels that it may have.

    Raises:
        ImageError: missing, empty, not an image, or over `most`.
    """
    refuse_absent(path)
    if is_tiff(path):
        height, width, orientation = decoding(path, lambda: tiff.header(path))
    else:
        with _opened(path) as image:
            width, height = image.size
            _refuse_huge(path, height, width, most)
            orientation = _orientation(path, image)
    _refuse_huge(path, height, width, most)
    return upright_size((height, width), orientation)


def image_bytes(path: Path) -> int:
    """Bytes of what `read_image` gives of a PNG or JPEG, from the header alone.

    Raises:
        ImageError: as for `image_size`.
    """
    height, width = image_size(path)
    with _opened(path) as image:
        if image.mode in ("I;16", "I;16B", "I"):
            pixel = 2
        elif deep_png.is_color(path):
            pixel = 6
        else:
            pixel = 1 if image.mode in _GRAY else 3
    return height * width * pixel


def refuse_absent(path: Path) -> None:
    """Raise ImageError if there is no such file, or nothing in it."""
    if not is_file(path):
        raise ImageError("no such image file", where=path, hint="check the path")
    if path.stat().st_size == 0:
        raise ImageError(
            "the image file is empty", where=path, seen="0 bytes", hint="copy it again"
        )


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


def is_tiff(path: Path) -> bool:
    """Whether a file calls itself a TIFF."""
    return path.suffix.lower() in (".tif", ".tiff")


def _opened(path: Path) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path)
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"the image claims more than {MAX_PIXELS} pixels",
            where=path,
            seen=error,
            hint="check the file, or cut it into tiles",
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            "not a PNG, JPEG or TIFF image, or its header is damaged",
            where=path,
            hint="copy it again or convert it",
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError("the image cannot be opened", where=path, seen=error) from error


def _by_strips(image: Any) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) of a picture; all at once, Pillow would hold it two times more."""
    width, height = image.size
    bands = len(image.getbands())
    out = np.empty((height, width) if bands == 1 else (height, width, bands), np.uint8)
    rows = max(1, _STRIP_BYTES // (width * bands))
    for y in range(0, height, rows):
        end = min(height, y + rows)
        out[y:end] = np.asarray(image.crop((0, y, width, end)))
    return out


def _orientation(path: Path, image: Any) -> int:
    """EXIF orientation 1..8; a PNG without EXIF before its pixels is not decoded for it."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    value = decoding(path, lambda: image.getexif().get(_ORIENTATION_TAG, 1))
    return int(value) if value in range(1, 9) else 1


def decoding(path: Path, work: Callable[[], Any]) -> Any:
    """Run a decoder, whose errors of many kinds become one ImageError about the file."""
    try:
        return work()
    except MaskloomError:
        raise
    except MemoryError as error:
        raise ImageError("not enough memory for the image", where=path) from error
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise ImageError(
            "the image is damaged or truncated", where=path, seen=error, hint="copy it again"
        ) from error


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
