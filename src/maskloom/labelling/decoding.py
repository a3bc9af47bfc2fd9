"""How much memory an image takes once decoded, and while it is decoded, from its header.

`pictures.py` asks before it decodes, so that its limit holds. Reading itself is
`maskloom.store.images`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maskloom.errors import ImageError
from maskloom.store.decoding import opened
from maskloom.store.image_kinds import is_slide
from maskloom.store.images import image_size, is_tiff
from maskloom.store.tiff import opened_planes
from maskloom.store.webp import is_webp

# Bytes per pixel: what Pillow holds, its converted copy included, and what our array holds. A
# mode that is not listed becomes RGB.
_PILLOW = {
    "1": (2, 1), "L": (2, 1), "LA": (5, 1), "La": (5, 1), "P": (5, 3), "PA": (8, 3),
    "I;16": (2, 2), "I;16B": (4, 2), "I": (10, 2),
}  # fmt: skip
_RGB = (8, 3)
# A PNG of 16-bit colour shows as RGB to Pillow and is read by OpenCV, with alpha.
_DEEP_PNG = (2, 6)


@dataclass(frozen=True, slots=True)
class Weight:
    """Bytes of a decoded image, and the most that decoding holds at one time."""

    kept: int
    peak: int


def weigh(path: Path) -> Weight:
    """The weight of an image file.

    Raises:
        ImageError: missing, empty, damaged header, not an image, or over `MAX_PIXELS`.
    """
    height, width = image_size(path)
    foreign, own = _bytes_per_pixel(path)
    pixels = height * width
    # Beside the decoder's own, the pixels are there twice on their way into an upright array.
    return Weight(pixels * own, pixels * (foreign + 2 * own) + path.stat().st_size)


def _bytes_per_pixel(path: Path) -> tuple[int, int]:
    try:
        if is_tiff(path):
            return _tiff(path)
        if is_slide(path) or is_webp(path):
            return _RGB
        with opened(path) as image:
            deep = image.format == "PNG" and image.mode not in _PILLOW and _png_depth(path) == 16
            return _DEEP_PNG if deep else _PILLOW.get(image.mode, _RGB)
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError("the image cannot be opened", where=path, seen=error) from error


def _tiff(path: Path) -> tuple[int, int]:
    import tifffile

    with opened_planes(path) as planes:
        page = planes[0]
        stored = int(page.samplesperpixel) * max(1, -(-int(page.bitspersample) // 8)) * len(planes)
        return stored, 3 if page.photometric == tifffile.PHOTOMETRIC.PALETTE else stored


def _png_depth(path: Path) -> int:
    with path.open("rb") as file:
        head = file.read(26)
    return head[24] if len(head) == 26 else 0
