"""Pictures as nnU-Net opens them: which PNG it reads as it is, and the pixels of all others.

Source: nnU-Net, imageio/natural_image_reader_writer.py (skimage.io.imread, which applies a palette
and no orientation; colours are 3 or 4 values).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.store.decoding import decoding, opened, orientation_of
from maskloom.store.images import read_image
from maskloom.store.orientation import upright

_CHANNELS = {"1": 1, "L": 1, "I;16": 1, "I;16B": 1, "I": 1, "RGB": 3, "RGBA": 4}
_WITH_ALPHA = ("LA", "RGBA")
_DEPTH = 24  # where a PNG says how many bits a value has


def plain_channels(path: Path) -> int:
    """Channels of a PNG that can be copied; 0 of what must be written anew.

    Raises:
        ImageError: damaged.
    """
    if path.suffix.lower() != ".png":
        return 0
    with opened(path) as image:
        if image.format != "PNG" or orientation_of(path, image) > 1:
            return 0
        if image.mode == "P":
            return 4 if "transparency" in image.info else 3
        return _CHANNELS.get(image.mode, 0)


def read_upright(path: Path) -> NDArray[Any]:
    """(H, W, C) pixels, with the alpha that a PNG of 8 bit has.

    Raises:
        ImageError: damaged, or of another kind.
    """
    if path.suffix.lower() == ".png" and _is_8_bit(path):
        with opened(path) as image:
            if image.format == "PNG" and image.mode in _WITH_ALPHA:
                orientation = orientation_of(path, image)
                decoding(path, image.load)
                return np.ascontiguousarray(upright(np.asarray(image), orientation))
    return read_image(path)


def _is_8_bit(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(_DEPTH + 1)[_DEPTH:] == b"\x08"
