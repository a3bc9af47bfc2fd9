"""Whether an image file has its end: a copy that was cut off is noticed without decoding.

The structure of PNG and JPEG is walked to the mark that ends it, so that what programs append
behind it (films, notes) raises no alarm, nor does a thumbnail's own end pass for the picture's.
WebP and BMP tell their length, a TIFF where its pixels lie. Whether those are sound only decoding
tells (`images.py`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from maskloom.store import bmp, webp
from maskloom.store.image_kinds import is_tiff

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_SCAN = 0xDA
_BLOCK = 1 << 20


def has_end(path: Path) -> bool:
    """Whether the end of the picture is there; files of other kinds are not judged.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(8)
        if head == _PNG:
            return _png_ends(file)
        if head.startswith(_JPEG):
            file.seek(2)
            return _jpeg_ends(file)
        if webp.is_webp(path):
            file.seek(0)
            return webp.has_end(file)
        if head[:2] in (b"II", b"MM") and is_tiff(path):
            return _tiff_ends(path)
        head += file.read(bmp.HEAD - len(head))
        told = bmp.parse(head)
        return told is None or told.needed <= os.fstat(file.fileno()).st_size


def _tiff_ends(path: Path) -> bool:
    """Whether all segments of the first page lie in the file; other damage is told by readers."""
    import tifffile

    try:
        with tifffile.TiffFile(path, _multifile=False) as file:
            page = file.pages[0]
            size = file.filehandle.size
            places = zip(page.dataoffsets, page.databytecounts, strict=False)
            return all(offset + count <= size for offset, count in places if count)
    except Exception:  # noqa: BLE001 - tifffile raises many kinds for damaged files
        return True


def _png_ends(file: BinaryIO) -> bool:
    """Chunks of length, type, data and check sum, up to IEND."""
    size = os.fstat(file.fileno()).st_size
    while len(head := file.read(8)) == 8:
        after = file.tell() + int.from_bytes(head[:4], "big") + 4
        if after > size:
            return False
        if head[4:] == b"IEND":
            return True
        file.seek(after)
    return False


def _jpeg_ends(file: BinaryIO) -> bool:
    """Segments up to the first scan, and behind it the end mark, which pixels never contain."""
    while len(head := file.read(4)) == 4 and head[0] == 0xFF:
        if head[1] == 0xFF:  # a filling byte
            file.seek(-3, os.SEEK_CUR)
            continue
        if head[1] == _SCAN:
            return _finds(file, b"\xff\xd9")
        file.seek(int.from_bytes(head[2:], "big") - 2, os.SEEK_CUR)
    return False


def _finds(file: BinaryIO, mark: bytes) -> bool:
    last = b""
    while block := file.read(_BLOCK):
        if mark in last + block:
            return True
        last = block[-1:]
    return False
