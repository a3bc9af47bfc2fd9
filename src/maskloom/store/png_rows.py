"""PNG files written as their rows come, so that a map of any size costs the memory of a slab.

What comes in one piece has the bytes of `images.png_bytes`; of more, each piece becomes an IDAT
chunk, and every line is stored as its difference from the line above (filter 2).

Source: PNG specification, third edition (W3C 2025), sections 5 and 9.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import WriteError
from maskloom.store.files import atomic_file
from maskloom.store.images import png_bytes

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEVEL = 3
_UP = 2
_GRAY, _RGB, _INDEXED = 0, 2, 3

Bytes = NDArray[np.uint8]


@contextmanager
def png_rows(
    path: Path, size: tuple[int, ...], *, palette: Bytes | None = None
) -> Iterator[Callable[[Bytes], None]]:
    """Write a PNG by temp file and rename; call what this yields with all rows, in order.

    Args:
        path: of the file.
        size: (H, W) of the whole image.
        palette: (n, 3) colours shown for the values of a map.

    Yields:
        a function of uint8 rows (h, W), or (h, W, 3) for colour.

    Raises:
        WriteError: the target cannot be written, or rows are missing or too many.
    """
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        rows = _Rows(file, path, (size[0], size[1]), palette)
        yield rows.add
        rows.finish()
        file.flush()
        os.fsync(file.fileno())


class _Rows:
    """How far a file is written: its lines so far, the last of them, the open deflate stream."""

    def __init__(
        self, file: BinaryIO, path: Path, size: tuple[int, int], palette: Bytes | None
    ) -> None:
        self.file = file
        self.path = path
        self.height, self.width = size
        self.palette = palette
        self.done = 0
        self.above: NDArray[Any] = np.zeros(0, np.uint8)
        self.deflate: Any = None

    def add(self, rows: Bytes) -> None:
        if rows.shape[1] != self.width or self.done + len(rows) > self.height:
            raise WriteError(
                f"rows that do not fit into {self.width} × {self.height} px",
                where=self.path,
                seen=f"{rows.shape}, {self.done} rows are written",
            )
        if len(rows) == self.height:
            self.file.write(png_bytes(rows, palette=self.palette))
        else:
            self._append(rows)
        self.done += len(rows)

    def finish(self) -> None:
        if self.done != self.height:
            raise WriteError(
                f"rows are missing of {self.height}", where=self.path, seen=f"{self.done} rows"
            )
        if self.deflate is not None:
            self._chunk(b"IDAT", self.deflate.flush())
            self._chunk(b"IEND", b"")

    def _append(self, rows: Bytes) -> None:
        lines = np.ascontiguousarray(rows).reshape(len(rows), -1)
        if self.deflate is None:
            self._begin(color=rows.ndim == 3)
            self.above = np.zeros(lines.shape[1], np.uint8)
            self.deflate = zlib.compressobj(_LEVEL)
        stored = np.empty((len(lines), lines.shape[1] + 1), np.uint8)
        stored[:, 0] = _UP
        np.subtract(lines[:1], self.above, out=stored[:1, 1:])
        np.subtract(lines[1:], lines[:-1], out=stored[1:, 1:])
        self.above = lines[-1].copy()
        if data := self.deflate.compress(stored):  # deflate may hold back what a small piece gives
            self._chunk(b"IDAT", data)

    def _begin(self, *, color: bool) -> None:
        self.file.write(_SIGNATURE)
        kind = _RGB if color else _GRAY if self.palette is None else _INDEXED
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", self.width, self.height, 8, kind, 0, 0, 0))
        if self.palette is not None:
            self._chunk(b"PLTE", self.palette.astype(np.uint8).tobytes())

    def _chunk(self, name: bytes, data: bytes) -> None:
        self.file.write(struct.pack(">I", len(data)) + name)
        self.file.write(data)
        self.file.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(name))))
