"""WebP: size, orientation and kind from the chunks of a file, and the pixels of a still picture.

Headers are walked here, as Pillow and OpenCV read a file as a whole to tell its size. Films are
refused: a label is of one picture.

Source: RFC 9649 (container), sections 2.3 to 2.7; bit streams of VP8 (RFC 6386, 9.1) and VP8L.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError

_MOST_CHUNKS = 1000
_ORIENTATION_TAG = 274
_EXIF_BYTES = 1 << 16
_FIRST = 10  # bytes of a chunk that tell a size
_ANIMATED = 0x02
_LOSSLESS_MARK = 0x2F


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself.

    Args:
        size_hw: (H, W) as stored.
        orientation: 1..8 of EXIF.
        lossless: whether pixels are those that were stored.
    """

    size_hw: tuple[int, int]
    orientation: int
    lossless: bool


def is_webp(path: Path) -> bool:
    """Whether a file begins as WebP does.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return _begins(file)


def header(path: Path) -> Header:
    """Read what the chunks of a file tell.

    Raises:
        ImageError: a film, or no picture is found.
    """
    size: tuple[int, int] | None = None
    orientation, lossless = 1, False
    with path.open("rb") as file:
        if _begins(file):
            for name, length, head in _chunks(file):
                if name == b"VP8X":
                    if head[0] & _ANIMATED:
                        raise _film(path)
                    size = _u24(head, 7) + 1, _u24(head, 4) + 1
                elif name in (b"VP8 ", b"VP8L"):
                    lossless = name == b"VP8L"
                    size = size or (_lossless_size if lossless else _lossy_size)(head)
                elif name == b"EXIF":
                    orientation = _orientation(file.read(min(length, _EXIF_BYTES)))
    if size is None or min(size) < 1:
        raise ImageError("not a WebP image, or its header is damaged", where=path)
    return Header(size, orientation, lossless)


def has_end(file: BinaryIO) -> bool:
    """Whether the file is as long as it says.

    Args:
        file: at its start.
    """
    head = file.read(8)
    whole = 8 + int.from_bytes(head[4:8], "little")
    return len(head) == 8 and os.fstat(file.fileno()).st_size >= whole


def read(path: Path, told: Header) -> NDArray[Any]:
    """(H, W, 3) uint8 as stored, alpha dropped.

    Args:
        path: of the file.
        told: its header.

    Raises:
        ImageError: truncated or damaged.
    """
    import cv2

    data = np.fromfile(path, np.uint8)
    try:
        array = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        array = None
    if array is None or array.shape[:2] != told.size_hw:
        raise ImageError("the image is damaged or truncated", where=path, hint="copy it again")
    return np.asarray(cv2.cvtColor(array, cv2.COLOR_BGR2RGB, dst=array))


def _begins(file: BinaryIO) -> bool:
    head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def _chunks(file: BinaryIO) -> Any:
    """(name, length, first bytes) of each chunk; the file then stands where its data begin."""
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return
        start, length = file.tell(), int.from_bytes(head[4:], "little")
        first = file.read(min(_FIRST, length)).ljust(_FIRST, b"\0")
        file.seek(start)
        yield head[:4], length, first
        file.seek(start + length + length % 2)


def _lossy_size(head: bytes) -> tuple[int, int] | None:
    if head[3:6] != b"\x9d\x01\x2a":
        return None
    width, height = (int.from_bytes(head[i : i + 2], "little") & 0x3FFF for i in (6, 8))
    return height, width


def _lossless_size(head: bytes) -> tuple[int, int] | None:
    if head[0] != _LOSSLESS_MARK:
        return None
    bits = int.from_bytes(head[1:5], "little")
    return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1


def _u24(head: bytes, at: int) -> int:
    return int.from_bytes(head[at : at + 3], "little")


def _orientation(data: bytes) -> int:
    from PIL import Image

    exif = Image.Exif()
    try:
        exif.load(data)
        value = exif.get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - notes that nobody can read turn no picture
        return 1
    return int(value) if value in range(1, 9) else 1


def _film(path: Path) -> ImageError:
    return ImageError(
        "an animated WebP is a film, not an image",
        where=path,
        hint="save the frames that are to be labelled as images of their own",
    )
