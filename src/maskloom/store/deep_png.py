"""PNG whose stored numbers Pillow does not give: 16 bit in several channels, 2 and 4 bit grey.

Of the first Pillow keeps the upper 8 bit; the second it spreads over 0..255.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_CHANNELS = {2: 3, 4: 1, 6: 3}  # by colour type, without alpha


def channels(path: Path) -> int:
    """Channels of a PNG of 16 bit with more than one, alpha not counted; 0 of all other files."""
    depth, kind = _header(path)
    return _CHANNELS.get(kind, 0) if depth == 16 else 0


def grey_bits(path: Path) -> int:
    """Bits of a number of a grey PNG without alpha; 0 of all other files."""
    depth, kind = _header(path)
    return depth if kind == 0 else 0


def read(path: Path) -> NDArray[Any]:
    """(H, W, C) uint16, without alpha.

    Args:
        path: of a file that has `channels`.

    Raises:
        ImageError: truncated or damaged.
    """
    import cv2

    data = path.read_bytes()
    # Without its end libpng would give back a partly grey picture.
    whole = np.frombuffer(data, np.uint8) if _END in data else np.zeros(1, np.uint8)
    array = cv2.imdecode(whole, cv2.IMREAD_UNCHANGED)
    if array is None or array.dtype != np.uint16:
        raise ImageError("the image is damaged or truncated", where=path, hint="copy it again")
    # Grey with alpha comes as colours that are equal.
    return np.ascontiguousarray(np.atleast_3d(array)[:, :, 2::-1][:, :, : channels(path)])


def _header(path: Path) -> tuple[int, int]:
    """(bits of a number, colour type); (0, 0) of what is no PNG."""
    with path.open("rb") as file:
        head = file.read(26)
    return (head[24], head[25]) if len(head) == 26 and head[:8] == _SIGNATURE else (0, 0)
