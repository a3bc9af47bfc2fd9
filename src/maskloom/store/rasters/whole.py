"""Small pictures (PNG, JPEG), whose formats have no windows: decoded once and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.store.images import read_image, read_map


class WholePicture:
    """A picture of up to `images.MAX_PIXELS` as one chunk, upright.

    Raises:
        ImageError: as for `read_image`.
    """

    orientation = 1
    georeference = None

    def __init__(self, path: Path, *, stored: bool) -> None:
        array = read_map(path) if stored else read_image(path)
        self._pixels = np.ascontiguousarray(array.reshape(*array.shape[:2], -1))

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self._pixels.shape[0], self._pixels.shape[1]

    @property
    def chunk(self) -> tuple[int, int]:
        """All of it."""
        return self.size

    @property
    def channels(self) -> int:
        """How many channels it has."""
        return int(self._pixels.shape[2])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its pixel type."""
        return self._pixels.dtype

    def decode(self, row: int, column: int) -> NDArray[Any]:
        """The picture, which is the chunk (0, 0)."""
        return self._pixels[row:, column:]

    def close(self) -> None:
        """Let go of the pixels."""
        self._pixels = np.empty((0, 0, 1), self.dtype)
