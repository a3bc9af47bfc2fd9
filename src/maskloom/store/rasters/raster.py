"""A raster: windows put together from chunks, the last of which are kept.

What a chunk is (a tile, strip, zarr chunk or block) and how it is decoded is a backend's affair.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError, UsageError
from maskloom.store.images import MAX_PIXELS
from maskloom.store.orientation import stored_window, upright, upright_size

MAX_RASTER_PIXELS = 1 << 40
MAX_CHANNELS = 1 << 12
# A chunk is in memory as a whole. Of a file that could be read whole anyway it may be as large
# as that reading.
MAX_CHUNK_BYTES = 1 << 28
_MAX_WHOLE_BYTES = MAX_PIXELS * 16
CACHE_BYTES = 1 << 26
# Strips reach over the whole width: without those of its last window a raster would decode
# them again for each block of a row.
_WINDOW_BYTES = 1 << 28

# TIFF tags by code: (type, count, value).
Georeference = Mapping[int, tuple[int, int, Any]]


class Chunks(Protocol):
    """What a backend knows of an image as stored, and its way to decode a part of it."""

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) as stored."""

    @property
    def channels(self) -> int:
        """How many channels a chunk comes out with."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that a chunk comes out with."""

    @property
    def chunk(self) -> tuple[int, int]:
        """(h, w) of a chunk that no border cuts."""

    @property
    def orientation(self) -> int:
        """How to turn what is stored, 1..8."""

    @property
    def georeference(self) -> Georeference | None:
        """Where on earth the image lies."""

    def decode(self, row: int, column: int) -> NDArray[Any]:
        """(h, w, C) of the chunk at a place in the grid of chunks, cut at the borders.

        Raises:
            ImageError: it is damaged; the message names the chunk.
        """

    def close(self) -> None:
        """Let go of the file."""


class Raster:
    """An open image of any size, upright, to be closed after use (it is a context manager).

    Threads may share it; another process opens its own.

    Args:
        path: where it is.
        chunks: its backend.
        cache_bytes: decoded chunks are kept up to this many bytes; those that the last window
            touched also beyond it, up to 256 MiB.
    """

    def __init__(self, path: Path, chunks: Chunks, *, cache_bytes: int = CACHE_BYTES) -> None:
        self.path = path
        self._chunks = chunks
        self._cache_bytes = cache_bytes
        self._kept: OrderedDict[tuple[int, int], NDArray[Any]] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()
        self._closed = False

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the upright image."""
        return upright_size(self._chunks.size, self._chunks.orientation)

    @property
    def channels(self) -> int:
        """How many channels a window has."""
        return self._chunks.channels

    @property
    def dtype(self) -> np.dtype[Any]:
        """The pixel type of a window."""
        return self._chunks.dtype

    @property
    def chunk(self) -> tuple[int, int]:
        """(h, w) of what is decoded at once; windows that are aligned to it cost least."""
        return upright_size(self._chunks.chunk, self._chunks.orientation)

    @property
    def georeference(self) -> Georeference | None:
        """The GeoTIFF tags to write on a map of the same frame, if there are any.

        An image that is stored turned has none here: its tags speak of the stored frame.
        """
        return self._chunks.georeference if self._chunks.orientation == 1 else None

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """The pixels [y0, y1) × [x0, x1).

        Args:
            y0: the first row, 0 <= y0 < y1.
            y1: the row after the last, y1 <= H.
            x0: the first column, 0 <= x0 < x1.
            x1: the column after the last, x1 <= W.

        Returns:
            (y1 − y0, x1 − x0, C), C-contiguous and the caller's own.

        Raises:
            UsageError: the window is empty or leads out of the image, or the raster is closed.
            ImageError: a chunk is damaged or missing.
        """
        if self._closed:
            raise UsageError("the raster is closed", where=self.path, hint="open it again")
        height, width = self.size
        if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
            raise UsageError(
                "the window is empty or leads out of the image",
                where=self.path,
                seen=f"rows {y0}..{y1}, columns {x0}..{x1} of {height} × {width}",
                hint="cut it at the image's borders",
            )
        orientation = self._chunks.orientation
        stored = self._stored(*stored_window((y0, y1, x0, x1), (height, width), orientation))
        return np.ascontiguousarray(upright(stored, orientation))

    def close(self) -> None:
        """Let go of the file and of the kept chunks."""
        with self._lock:
            self._kept.clear()
            self._kept_bytes = 0
            self._closed = True
        self._chunks.close()

    def __enter__(self) -> Raster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stored(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        high, wide = self._chunks.chunk
        out = np.empty((y1 - y0, x1 - x0, self.channels), self.dtype)
        rows = range(y0 // high, -(-y1 // high))
        columns = range(x0 // wide, -(-x1 // wide))
        touched = len(rows) * high * len(columns) * wide * self.channels * self.dtype.itemsize
        room = max(self._cache_bytes, min(touched, _WINDOW_BYTES))
        for row in rows:
            for column in columns:
                top, left = row * high, column * wide
                a, b = max(y0, top), min(y1, top + high)
                c, d = max(x0, left), min(x1, left + wide)
                out[a - y0 : b - y0, c - x0 : d - x0] = self._decoded(row, column, room)[
                    a - top : b - top, c - left : d - left
                ]
        return out

    def _decoded(self, row: int, column: int, room: int) -> NDArray[Any]:
        place = (row, column)
        with self._lock:
            if place in self._kept:
                self._kept.move_to_end(place)
                return self._kept[place]
        # Outside the lock: two threads may decode the same chunk, none waits for another's.
        array = self._chunks.decode(row, column)
        with self._lock:
            if place not in self._kept:
                self._kept[place] = array
                self._kept_bytes += array.nbytes
            while self._kept_bytes > room and len(self._kept) > 1:
                self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes
        return array


def refuse_hostile(path: Path, chunks: Chunks) -> None:
    """Raise ImageError if a header claims what cannot be, or chunks that no memory should hold."""
    height, width = chunks.size
    if min(height, width, *chunks.chunk, chunks.channels) < 1:
        raise ImageError("the image has no pixels", where=path, seen=f"{width} × {height}")
    if height * width > MAX_RASTER_PIXELS:
        raise ImageError(
            f"the image claims more than {MAX_RASTER_PIXELS} pixels",
            where=path,
            seen=f"{width} × {height}",
            hint="check the file",
        )
    if chunks.channels > MAX_CHANNELS:
        raise ImageError(
            f"the image claims more than {MAX_CHANNELS} channels",
            where=path,
            seen=chunks.channels,
            hint="check the file",
        )
    high, wide = chunks.chunk
    size = high * wide * chunks.channels * chunks.dtype.itemsize
    if size > (_MAX_WHOLE_BYTES if height * width <= MAX_PIXELS else MAX_CHUNK_BYTES):
        raise ImageError(
            "the image is too large for chunks of this size to be read by windows",
            where=path,
            seen=f"{width} × {height} in chunks of {wide} × {high}",
            hint="rewrite it tiled, for example: gdal_translate -co TILED=YES",
        )
