"""BMP: how long a file must be, and the pixels of plain palette pictures.

Pillow (13.0) takes 4 and 8 bit with a palette of black and white alone for 1 bit, and fails at 4
bit with a grey one. All other kinds are Pillow's: `images.py`.

Source: Microsoft, BITMAPFILEHEADER, BITMAPCOREHEADER and BITMAPINFOHEADER.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError

HEAD = 50  # bytes that `parse` reads
_CORE = 12  # bytes of the header of OS/2
_RUN_LENGTHS = (1, 2)
_PLAIN = (0, 3, 6)  # pixels as they are, with or without masks that tell their bits
_COLORS = 256


@dataclass(frozen=True, slots=True)
class Head:
    """What the header of a file says.

    Args:
        size_hw: (H, W).
        upward: rows begin at the lower edge.
        bits: of a pixel.
        packing: 0 is none.
        offset: of the pixels in the file.
        palette: (position, number of colours, bytes of one).
        data: bytes of the pixels, where they are packed.
    """

    size_hw: tuple[int, int]
    upward: bool
    bits: int
    packing: int
    offset: int
    palette: tuple[int, int, int]
    data: int

    @property
    def row(self) -> int:
        """Bytes of a row that is not packed."""
        return -(-self.size_hw[1] * self.bits // 32) * 4

    @property
    def needed(self) -> int:
        """Bytes that a whole file has at least; 0 where that is not known."""
        if self.packing in _RUN_LENGTHS:
            return self.offset + self.data
        return self.offset + self.row * self.size_hw[0] if self.packing in _PLAIN else 0

    @property
    def indexed(self) -> bool:
        """Whether `read_indexes` reads it."""
        return self.packing == 0 and self.bits in (1, 4, 8)


def parse(head: bytes) -> Head | None:
    """The header in the first `HEAD` bytes of a file; None where it is no BMP, or cut off."""
    if head[:2] != b"BM" or len(head) < HEAD:
        return None
    offset, size = _u32(head, 10), _u32(head, 14)
    if size == _CORE:
        width, height, _, bits = (
            int.from_bytes(head[i : i + 2], "little") for i in range(18, 26, 2)
        )
        packing, data, colors, each = 0, 0, 0, 3
    else:
        width, height = (int.from_bytes(head[i : i + 4], "little", signed=True) for i in (18, 22))
        bits, packing, data, colors, each = (
            head[28],
            _u32(head, 30),
            _u32(head, 34),
            _u32(head, 46),
            4,
        )
    colors = min(colors or 1 << min(bits, 8), 1 << min(bits, 8))
    palette = 14 + size, colors, each
    return Head((abs(height), abs(width)), height > 0, bits, packing, offset, palette, data)


def head_of(path: Path) -> Head | None:
    """The header of a file; None where it is no BMP.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return parse(file.read(HEAD))


def read_indexes(path: Path, head: Head) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Indexes of a palette, and the palette.

    Args:
        path: of the file.
        head: its header, which is `indexed`.

    Returns:
        (H, W) uint8, and (256, 3) RGB; colours that the file does not have are black.

    Raises:
        ImageError: the file is cut off.
    """
    height, width = head.size_hw
    start, colors, each = head.palette
    with path.open("rb") as file:
        file.seek(start)
        table = np.frombuffer(file.read(colors * each), np.uint8)
        file.seek(head.offset or start + colors * each)
        stored = np.fromfile(file, np.uint8, height * head.row)
    if len(stored) < height * head.row or len(table) < colors * each:
        raise ImageError("the image is damaged or truncated", where=path, hint="copy it again")
    palette = np.zeros((_COLORS, 3), np.uint8)
    palette[:colors] = table.reshape(colors, each)[:, 2::-1]
    rows = stored.reshape(height, head.row)
    if head.bits == 1:
        rows = np.unpackbits(rows, axis=1, count=width)
    elif head.bits == 4:
        rows = np.stack([rows >> 4, rows & 15], axis=2).reshape(height, -1)
    rows = rows[:, :width]
    return np.ascontiguousarray(rows[::-1] if head.upward else rows), palette


def _u32(head: bytes, at: int) -> int:
    return int.from_bytes(head[at : at + 4], "little")
