"""Masks as files of tools carry them: a small PNG as text, and where it lies in the image.

Headers are looked at before pixels are decoded, and compressed bytes are unpacked no further
than an image may be large: a short text cannot fill the memory.
"""

from __future__ import annotations

import base64
import binascii
import io
import warnings
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.masks import Masks
from maskloom.errors import FormatError
from maskloom.store.images import MAX_PIXELS

_MAX_BYTES = 1 << 28
_PNG = b"\x89PNG\r\n\x1a\n"


def text_bytes(text: object, where: str) -> bytes:
    """The bytes of a base64 text.

    Raises:
        FormatError: it is none.
    """
    if not isinstance(text, str):
        raise FormatError("not a base64 text", where=where, seen=text)
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError(
            "not a base64 text", where=where, seen=error, hint="export it again"
        ) from error


def unpacked(data: bytes, where: str) -> bytes:
    """What zlib packed; data that is not packed, as some tools leave it, is returned as it is.

    Raises:
        FormatError: it is damaged, cut off or unpacks to more than 256 MiB.
    """
    if data.startswith(_PNG):
        return data
    packer = zlib.decompressobj()
    try:
        # What begins otherwise is no mask, and need not be unpacked to the end.
        begin = packer.decompress(data, len(_PNG))
        if not _PNG.startswith(begin):
            raise FormatError(
                "the PNG of a mask is damaged", where=where, seen=begin, hint="export it again"
            )
        out = begin + packer.decompress(packer.unconsumed_tail, _MAX_BYTES)
    except zlib.error as error:
        raise FormatError(
            "the packed mask is damaged", where=where, seen=error, hint="export it again"
        ) from error
    if packer.unconsumed_tail:
        raise FormatError(f"a mask that unpacks to more than {_MAX_BYTES} bytes", where=where)
    if not packer.eof:
        raise FormatError("the packed mask is cut off", where=where, hint="export it again")
    return out


def pixels_of(data: bytes, where: str) -> NDArray[np.bool_]:
    """(h, w) of a PNG: where it has transparency what is opaque, else what is not 0.

    Raises:
        FormatError: not a PNG, damaged, or of more pixels than an image may have.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=("PNG",))
        with image:
            if image.size[0] * image.size[1] > MAX_PIXELS:
                raise Image.DecompressionBombError(f"{image.size[0]} × {image.size[1]}")
            image.load()
            if "transparency" in image.info or "A" in image.mode:
                values: NDArray[Any] = np.asarray(image.convert("RGBA"))[..., 3]
            else:
                values = np.asarray(image)
    except Image.DecompressionBombError as error:
        raise FormatError(
            "a mask that claims more pixels than an image may have", where=where, seen=error
        ) from error
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise FormatError(
            "the PNG of a mask is damaged", where=where, seen=error, hint="export it again"
        ) from error
    return np.asarray(values.any(axis=2) if values.ndim == 3 else values != 0, np.bool_)


def crop_of(mask: Masks) -> tuple[int, int, NDArray[np.bool_]]:
    """x, y and the pixels (h, w) of a mask's box; of one without pixels a single empty one."""
    x0, y0, x1, y1 = (int(side) for side in mask.boxes[0])
    if x1 <= x0:
        return 0, 0, np.zeros((1, 1), np.bool_)
    return x0, y0, mask.crop((x0, y0, x1, y1)).dense(0)


def png_of(pixels: NDArray[np.bool_], *, opaque: bool = False) -> bytes:
    """A PNG of 1 bit; `opaque` gives it a palette whose background is transparent."""
    from PIL import Image

    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    if opaque:
        image = Image.fromarray(pixels.astype(np.uint8), "P")
        image.putpalette([0, 0, 0, 255, 255, 255])
        image.save(buffer, "PNG", bits=1, transparency=0)
    else:
        image.save(buffer, "PNG")
    return buffer.getvalue()


def text_of(data: bytes) -> str:
    """Base64 text of bytes."""
    return base64.b64encode(data).decode("ascii")
