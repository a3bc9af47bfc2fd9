"""Samples of a TIFF page as stored, a chunk at a time: segments that are decoded, or plain rows.

What the samples mean (alpha, palettes, orientation) is `segments.py`, by the rules of `tiff.py`.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError, MaskloomError
from maskloom.store.image_bombs import DEFLATE, refuse_bomb, segment_room
from maskloom.store.tiff import has_codec
from maskloom.store.volume_header import DEFLATE_RATIO

# Of uncompressed rows any part can be read; this much is one reading.
_ROWS_CHUNK = (256, 4096)
_UNCOUNTED_BYTES = 1 << 30
_NONE, _LZMA, _ZSTD = 1, 34925, 50000
# TIFF 6.0 numbers of codecs that tifffile decodes by itself, and those of them of JPEG kind
_JPEG = (6, 7, 34892, 33007)


class Samples(Protocol):
    """A way to get at the samples of a page."""

    @property
    def chunk(self) -> tuple[int, int]:
        """(h, w) that is read at once."""

    def read(self, row: int, column: int) -> NDArray[Any]:
        """(h, w, S) of one chunk, cut at the borders."""


class Rows:
    """Rows of an uncompressed page in one piece: of any part only its own bytes are read.

    Raises:
        ImageError: the file ends before its last row.
    """

    def __init__(self, page: Any, path: Path) -> None:
        self._page, self._path = page, path
        self._lock = threading.Lock()
        self._planes, _, self._height, self._width, self._samples = page.shaped
        self._type = np.dtype(page.parent.byteorder + page.dtype.char)
        self.chunk = min(_ROWS_CHUNK[0], self._height), min(_ROWS_CHUNK[1], self._width)
        start = int(page.dataoffsets[0])
        self._row_bytes = self._width * self._samples * self._type.itemsize
        end = start + self._planes * self._height * self._row_bytes
        if end > page.parent.filehandle.size:
            whole = (page.parent.filehandle.size - start) // max(self._row_bytes, 1)
            raise _truncated(path, f"row {max(whole, 0) % max(self._height, 1)}", end, page)

    @staticmethod
    def suit(page: Any) -> bool:
        """Whether a page is stored so."""
        plain = page.compression == _NONE and page.predictor == 1 and page.fillorder == 1
        whole = page.bitspersample in (8, 16, 32, 64) and page.dtype is not None
        return bool(plain and whole and not page.is_tiled and page.is_contiguous)

    def read(self, row: int, column: int) -> NDArray[Any]:
        """Read the chunk, row by row."""
        y0, x0 = row * self.chunk[0], column * self.chunk[1]
        y1, x1 = min(y0 + self.chunk[0], self._height), min(x0 + self.chunk[1], self._width)
        pixel = self._samples * self._type.itemsize
        out = np.empty((self._planes, y1 - y0, (x1 - x0) * self._samples), self._type)
        for plane in range(self._planes):
            for y in range(y0, y1):
                at = int(self._page.dataoffsets[0])
                at += (plane * self._height + y) * self._row_bytes + x0 * pixel
                data = _bytes(self._page, at, (x1 - x0) * pixel, self._lock)
                if len(data) < (x1 - x0) * pixel:
                    raise _truncated(self._path, f"row {y}", at, self._page)
                out[plane, y - y0] = np.frombuffer(data, self._type)
        native = out.astype(self._type.newbyteorder("="), copy=False)
        return _last(native.reshape(self._planes, y1 - y0, x1 - x0, self._samples))


class Segments:
    """Tiles or strips, each decoded by tifffile.

    Raises:
        ImageError: the table of segments is too short, or leads out of the file.
    """

    def __init__(self, page: Any, path: Path) -> None:
        self._page, self._path = page, path
        self._lock = threading.Lock()
        self._planes, _, self._height, self._width, self._samples = page.shaped
        tiled = bool(page.is_tiled)
        self._kind = "tile" if tiled else "strip"
        self.chunk = (
            (int(page.tilelength), int(page.tilewidth))
            if tiled
            else (int(page.rowsperstrip), self._width)
        )
        high, wide = self.chunk
        self._grid = -(-self._height // high), -(-self._width // wide)
        refuse_short_table(page, path, self._planes * self._grid[0] * self._grid[1], self._kind)
        self._options: dict[str, Any] = {}
        if page.compression in _JPEG:
            self._options = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
        # The property builds the decoder: here, not in two threads at once.
        self._decode = page.decode

    @staticmethod
    def suit(page: Any) -> bool:
        """Whether tifffile can decode a page with what is installed, and within bounds."""
        if importlib.util.find_spec("imagecodecs") is None and (
            (page.compression == _ZSTD and sys.version_info < (3, 14))
            or page.compression == _LZMA  # without bounds in memory
        ):
            return False
        return has_codec(page)

    def read(self, row: int, column: int) -> NDArray[Any]:
        """Decode the segment, or of separate planes all that lie there."""
        high, wide = self.chunk
        h = min(high, self._height - row * high)
        w = min(wide, self._width - column * wide)
        dtype = np.dtype(self._page.dtype)
        out = np.empty((self._planes, h, w, self._samples), dtype)
        for plane in range(self._planes):
            index = (plane * self._grid[0] + row) * self._grid[1] + column
            name = f"{self._kind} at row {row * high}, column {column * wide}"
            try:
                segment = self._segment(index, name)
            except MaskloomError:
                raise
            except Exception as error:  # codecs raise many kinds
                raise _damaged(self._path, name, error) from error
            out[plane] = self._page.nodata if segment is None else segment[0, :h, :w]
        return _last(out)

    def _segment(self, index: int, name: str) -> NDArray[Any] | None:
        offset, count = int(self._page.dataoffsets[index]), int(self._page.databytecounts[index])
        data = None
        if offset > 0 and count > 0:
            data = _bytes(self._page, offset, count, self._lock)
            if len(data) < count:
                raise _truncated(self._path, name, offset, self._page)
            small = len(data) * DEFLATE_RATIO <= _UNCOUNTED_BYTES
            if not small and self._page.compression in DEFLATE:
                refuse_bomb(data, segment_room(self._page), self._path, name)
        array: NDArray[Any] | None = self._decode(data, index, **self._options)[0]
        return array


def refuse_short_table(page: Any, path: Path, count: int, kind: str) -> None:
    """Raise ImageError if a page lists fewer segments than it has, or some beyond the file's end.

    Args:
        page: the page.
        path: its file, named in errors.
        count: how many segments its size asks for.
        kind: "tile" or "strip".
    """
    offsets, counts = page.dataoffsets, page.databytecounts
    if min(len(offsets), len(counts)) < count:
        raise ImageError(
            f"the image lists fewer {kind}s than its size asks for",
            where=path,
            seen=f"{min(len(offsets), len(counts))} of {count}",
            hint="copy it again",
        )
    size = page.parent.filehandle.size
    for index in range(count):
        if counts[index] > 0 and offsets[index] + counts[index] > size:
            end = offsets[index] + counts[index]
            raise _truncated(path, f"{kind} {index} of {count}", end, page)


def _truncated(path: Path, name: str, position: int, page: Any) -> ImageError:
    return ImageError(
        f"the image is truncated: {name} is not whole",
        where=path,
        seen=f"{page.parent.filehandle.size} bytes, and data up to byte {position}",
        hint="copy it again",
    )


def _damaged(path: Path, name: str, seen: object) -> ImageError:
    return ImageError(
        f"the image is damaged: the {name} cannot be decoded",
        where=path,
        seen=seen,
        hint="copy it again",
    )


def _bytes(page: Any, offset: int, count: int, lock: threading.Lock) -> bytes:
    handle = page.parent.filehandle
    with lock:
        handle.seek(offset)
        data: bytes = handle.read(count)
    return data


def _last(planes: NDArray[Any]) -> NDArray[Any]:
    """(P, h, w, S) as (h, w, P · S), one of P and S being 1."""
    return np.moveaxis(planes, 0, 2).reshape(*planes.shape[1:3], -1)
