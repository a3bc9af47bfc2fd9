"""Colours of plain PNG files as numbers of 24 bit: what label maps are that keep ids in colours.

Only what such maps are written as is read here, and several times as fast as by a library of
images. All other files, and those with any fault, are left to `images.py`, which says what is
wrong with them.

Source: PNG specification, third edition (W3C 2025), sections 5, 10 and 11.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import deflate
import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PLAIN = b"\x08\x02\x00\x00\x00"  # 8 bit, colour, deflate, the five filters, not interlaced
_OTHERS = (b"eXIf", b"acTL")  # an orientation, a film
_MOST_PIXELS = 1 << 28
_GAIN = 1032  # bytes that deflate can make of one


def color_numbers(path: Path) -> NDArray[np.uint32] | None:
    """Red + 256 green + 65536 blue of each pixel.

    Args:
        path: of any file.

    Returns:
        (H, W), or None where the file is no PNG of three channels of 8 bit, interlaced, of several
        pictures, turned by its EXIF, or in any way damaged.
    """
    data = path.read_bytes()
    if data[:8] != _SIGNATURE or len(data) < 33 or data[24:29] != _PLAIN:
        return None
    width, height = struct.unpack(">II", data[16:24])
    packed = _packed(data)
    n = height * (1 + 3 * width)
    if packed is None or not 0 < width * height <= _MOST_PIXELS or n > _GAIN * len(packed):
        return None
    from maskloom.store.png_lines import unfilter

    try:
        lines = np.frombuffer(deflate.zlib_decompress(packed, n), np.uint8)
    except deflate.DeflateError:
        return None
    numbers = np.empty((height, width), np.uint32)
    return numbers if len(lines) == n and unfilter(lines, numbers) else None


def _packed(data: bytes) -> bytes | None:
    """The stream of all pixels, if every chunk is whole and there is an end."""
    parts: list[bytes] = []
    place = 8
    while place + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        end = place + 12 + length
        if end > len(data) or kind in _OTHERS:
            return None
        check = int.from_bytes(data[end - 4 : end], "big")
        if zlib.crc32(memoryview(data)[place + 4 : end - 4]) != check:
            return None
        if kind == b"IEND":
            return b"".join(parts)
        if kind == b"IDAT":
            parts.append(data[place + 8 : end - 4])
        place = end
    return None
