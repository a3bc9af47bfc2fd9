"""Pictures that promise more than their bytes can hold, or hold more than they promise.

Deflate makes at most 1,032 bytes of one. PNG and BMP are judged by their headers; segments of
a TIFF are counted while they are inflated, as not every decoder stops at the size of a segment.
"""

from __future__ import annotations

import importlib.util
import math
import zlib
from pathlib import Path
from typing import Any

from maskloom.errors import ImageError
from maskloom.store import bmp
from maskloom.store.volume_header import DEFLATE_RATIO

DEFLATE = (8, 32946)  # TIFF 6.0, tag 259
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_SMALL = 1 << 22  # bytes: what is cheap to try
_UNCOUNTED = 1 << 30  # bytes that cannot hurt
_PIECE = 1 << 20
_SHARED = 64


def refuse_hollow(path: Path) -> None:
    """Raise ImageError for a PNG or BMP whose pixels cannot be in a file of its length.

    Args:
        path: of any picture.
    """
    with path.open("rb") as file:
        head = file.read(bmp.HEAD)
    packed = path.stat().st_size
    if (told := bmp.parse(head)) is not None:
        if told.needed > packed:
            raise _hollow(path, f"{packed:,} of {told.needed:,} bytes")
        return
    if head[:8] != b"\x89PNG\r\n\x1a\n" or len(head) < 29:
        return
    width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    line = 1 + -(-width * head[24] * _PNG_CHANNELS.get(head[25], 1) // 8)
    if height * line > max(_SMALL, packed * DEFLATE_RATIO):
        raise _hollow(path, f"{width} × {height} in {packed:,} bytes")


def refuse_bombs(page: Any, path: Path) -> None:
    """Raise ImageError for a TIFF page whose deflated segments inflate to more than they hold.

    Args:
        page: of tifffile.
        path: named in errors.
    """
    if page.compression == 1:
        return
    counts = [int(n) for n in page.databytecounts]
    size = int(page.parent.filehandle.size)
    if sum(counts) > _SHARED * size:
        raise _damaged(path, "segments that lie over one another", f"{sum(counts):,} bytes")
    small = sum(counts) * DEFLATE_RATIO <= _UNCOUNTED
    # imagecodecs stops at the size that it is given
    if small or page.compression not in DEFLATE or importlib.util.find_spec("imagecodecs"):
        return
    room = segment_room(page)
    handle = page.parent.filehandle
    for index, (offset, count) in enumerate(zip(page.dataoffsets, counts, strict=False)):
        handle.seek(int(offset))
        refuse_bomb(handle.read(count), room, path, f"segment {index}")


def segment_room(page: Any) -> int:
    """Bytes that a tile or strip may inflate to: twice what it holds."""
    shape = (math.prod(page.chunks), math.prod(page.shaped))
    return 2 * int(min(shape)) * int(page.dtype.itemsize)


def refuse_bomb(data: bytes, room: int, path: Path, name: str) -> None:
    """Raise ImageError if deflated bytes inflate to more than `room`; nothing is kept of them.

    Args:
        data: a zlib stream; a damaged one is left to its decoder.
        room: most bytes.
        path: named in errors.
        name: of the segment.
    """
    unpacker, found = zlib.decompressobj(), 0
    try:
        while data and found <= room and not unpacker.eof:
            found += len(unpacker.decompress(data, _PIECE))
            data = unpacker.unconsumed_tail
    except zlib.error:
        return
    if found > room:
        raise _damaged(
            path, f"the {name} cannot be decoded", f"more than {room} bytes when inflated"
        )


def _hollow(path: Path, seen: str) -> ImageError:
    return ImageError(
        "the file is too short for the pixels its header declares",
        where=path,
        seen=seen,
        hint="copy it again",
    )


def _damaged(path: Path, what: str, seen: str) -> ImageError:
    return ImageError(f"the image is damaged: {what}", where=path, seen=seen, hint="copy it again")
