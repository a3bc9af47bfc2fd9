"""Pillow's door: a file opened by its content, with errors of many kinds made one.

Only kinds that are meant are tried, whatever a file is called. What pixels become: `images.py`.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError, MaskloomError
from maskloom.store.files import is_file
from maskloom.store.image_kinds import KINDS

MAX_PIXELS = 1 << 28
# MPO, which is JPEG with further views, opens as JPEG; GIF and TIFF come with other names, too.
_FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF")
_LIMIT = threading.Lock()
_STRIP_BYTES = 1 << 22
_ORIENTATION_TAG = 274


def refuse_absent(path: Path) -> None:
    """Raise ImageError if there is no such file, or nothing in it."""
    if not is_file(path):
        raise ImageError("no such image file", where=path, hint="check the path")
    if path.stat().st_size == 0:
        raise ImageError("the image file is empty", where=path, hint="copy it again")


def opened(path: Path) -> Any:
    """The picture of a file, of which only the header was read.

    Raises:
        ImageError: not an image, or of more frames than one. Its size is not judged.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        try:
            image = _opened(path)
        except Image.DecompressionBombError:
            # Pillow's limit, of the whole process, is below ours, which its callers apply.
            with _LIMIT:
                limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
                try:
                    image = _opened(path)
                finally:
                    Image.MAX_IMAGE_PIXELS = limit
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    except UnidentifiedImageError as error:
        raise ImageError(
            f"not a {KINDS} image, or its header is damaged",
            where=path,
            hint="copy it again or convert it",
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError("the image cannot be opened", where=path, seen=error) from error
    if frames > 1:
        image.close()
        raise ImageError(
            "a file of several pictures is a film, not an image",
            where=path,
            seen=f"{image.format} of {frames}",
            hint="save the frames that are to be labelled as images of their own",
        )
    return image


def _opened(path: Path) -> Any:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path, formats=_FORMATS)


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


def by_strips(image: Any) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) of a picture; all at once, Pillow would hold it two times more."""
    width, height = image.size
    bands = len(image.getbands())
    out = np.empty((height, width) if bands == 1 else (height, width, bands), np.uint8)
    rows = max(1, _STRIP_BYTES // (width * bands))
    for y in range(0, height, rows):
        end = min(height, y + rows)
        out[y:end] = np.asarray(image.crop((0, y, width, end)))
    return out


def orientation_of(path: Path, image: Any) -> int:
    """EXIF orientation 1..8; a PNG without EXIF before its pixels is not decoded for it.

    Raises:
        ImageError: damaged EXIF; or a TIFF by another name that lies on its side.
    """
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    value = decoding(path, lambda: image.getexif().get(_ORIENTATION_TAG, 1))
    value = int(value) if value in range(1, 9) else 1
    # Pillow turns the pixels of a TIFF itself, and those of plain strips wrongly.
    if image.format == "TIFF" and value > 1:
        raise ImageError(
            "a TIFF by another name, with an orientation",
            where=path,
            seen=f"orientation {value}",
            hint="name it .tif",
        )
    return value


def lost_ids(path: Path, kind: str) -> ImageError:
    """What is said of a label map in a file of a kind that changes values."""
    return ImageError(
        f"a label map stored as {kind} has lost its ids",
        where=path,
        hint="save it as PNG from its source",
    )
