"""PNG of 16 bit with more than one channel, which Pillow would cut to 8 bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError

_COLOR = (b"\x10\x02", b"\x10\x06", b"\x10\x04")


def is_color(path: Path) -> bool:
    """Whether a file is such a PNG, by its header."""
    with path.open("rb") as file:
        head = file.read(26)
    return head[:8] == b"\x89PNG\r\n\x1a\n" and head[24:26] in _COLOR


def read(path: Path) -> NDArray[Any]:
    """(H, W, C) uint16, without alpha.

    Args:
        path: of a file that `is_color`.

    Raises:
        ImageError: truncated or damaged.
    """
    import cv2

    data = path.read_bytes()
    if b"IEND" not in data[-12:]:  # libpng would give back a partly grey picture
        raise ImageError("the image is damaged or truncated", where=path, hint="copy it again")
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None:
        raise ImageError("the image is damaged or truncated", where=path, hint="copy it again")
    if array.ndim == 2 or array.shape[2] == 2:
        return np.ascontiguousarray(array.reshape(*array.shape[:2], -1)[:, :, :1])
    return np.ascontiguousarray(array[:, :, 2::-1])
