"""PNG files of any depth, written by their specification and by no library."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(path: Path, values: np.ndarray, depth: int, color: int, *, tail: bytes = b"") -> Path:
    """A PNG of numbers (H, W) or (H, W, C), packed as the specification says."""
    rows = values.reshape(len(values), -1)
    bits = ["".join(f"{int(v):0{depth}b}" for v in row) for row in rows]
    bits = [row + "0" * (-len(row) % 8) for row in bits]
    data = b"".join(b"\0" + int(row, 2).to_bytes(len(row) // 8) for row in bits)
    head = struct.pack(">IIBBBBB", values.shape[1], len(values), depth, color, 0, 0, 0)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks + tail)
    return path
