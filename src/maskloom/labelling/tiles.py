"""Tiles, overviews and thumbnails of an image as files that a browser shows.

A tile is an 8-bit PNG of at most 512 px a side, exact for 8-bit images at level 0. An overview
and a thumbnail are JPEGs, made of a photograph without decoding all of it. Geometry is
`pyramid.py`, memory `pictures.py`, brightness `windowing.py`.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskloom.errors import ImageError
from maskloom.labelling.pictures import Picture, Pictures
from maskloom.labelling.pyramid import TILE_PX, Pyramid, shrink
from maskloom.labelling.windowing import choose_window, shown_channels, to_bytes
from maskloom.store.images import image_size, png_bytes

THUMBNAIL_PX = 256
# The sides of an overview: the shorter one of a photograph is at least the first where the file
# has as much, the longer one at most the second.
_OVERVIEW_PX = (512, 2048)


@dataclass(frozen=True, slots=True)
class Source:
    """An image file as the project knows it.

    Args:
        path: the file.
        size_hw: (H, W) upright that the labels were made for.
    """

    path: Path
    size_hw: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """What a page needs to know before it asks for tiles.

    Args:
        size_hw: of level 0.
        levels: how many there are.
        tile: side of a tile in px.
        channels: of the file, of which at most three are shown.
        dtype: `uint8`, `uint16` or `float32`.
        minimum: of the shown values.
        maximum: of the shown values.
        low: default black.
        high: default white.
    """

    size_hw: tuple[int, int]
    levels: int
    tile: int
    channels: int
    dtype: str
    minimum: float
    maximum: float
    low: float
    high: float


def look_at(pictures: Pictures, source: Source) -> Look:
    """Describe an image.

    Raises:
        ImageError: it cannot be read, is too large, or is not of the size it had.
    """
    with pictures.open(source.path) as picture:
        _check_size(picture.array.shape[:2], source)
        values, (height, width, channels) = picture.values, picture.array.shape
        return Look(
            (height, width),
            Pyramid(height, width).levels,
            TILE_PX,
            channels,
            str(picture.array.dtype),
            values.minimum,
            values.maximum,
            values.window.low,
            values.window.high,
        )


def cut_tile(
    pictures: Pictures,
    source: Source,
    place: tuple[int, int, int],
    *,
    low: float | None = None,
    high: float | None = None,
) -> bytes | None:
    """One tile as PNG.

    Args:
        pictures: the cache to read through.
        source: the image.
        place: (level, x, y).
        low: value shown as black; None is the image's default.
        high: value shown as white; None is the image's default.

    Returns:
        (h, w) or (h, w, 3) uint8 as PNG; None where there is no such tile.

    Raises:
        ImageError: the image cannot be read, is too large, or is not of the size it had.
        UsageError: low and high are no window.
    """
    region = Pyramid(*source.size_hw).region(*place)
    if region is None:
        return None
    with pictures.open(source.path) as picture:
        _check_size(picture.array.shape[:2], source)
        window = choose_window(picture.values.window, low, high)
        shown = shown_channels(picture.array)
        block = shrink(shown[region.y0 : region.y1, region.x0 : region.x1], 1 << place[0])
        return png_bytes(to_bytes(block, window))


def make_overview(pictures: Pictures, source: Source) -> bytes:
    """The whole image as a JPEG of at most 2048 px a side, to be seen until its tiles are there.

    A photograph is decoded at an eighth to a half of its size, some ten times as fast as at full
    size; every other image is decoded as for its tiles, which then wait no more.

    Args:
        pictures: the cache to read through.
        source: the image.

    Raises:
        ImageError: the image cannot be read, is too large, or is not of the size it had.
    """
    least, most = _OVERVIEW_PX
    photograph = _reduced(source.path, least)
    if photograph is not None:
        _check_size(image_size(source.path), source)
        return _jpeg(photograph, most)
    with pictures.open(source.path) as picture:
        _check_size(picture.array.shape[:2], source)
        return _jpeg(_shown(picture, most // 2), most)


class Thumbnails:
    """Small pictures for lists, the latest ones kept.

    Args:
        pictures: the cache to read through.
        limit: bytes of JPEG that are kept.
    """

    def __init__(self, pictures: Pictures, limit: int = 32 << 20) -> None:
        self._pictures = pictures
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._used = 0

    def get(self, path: Path) -> bytes:
        """A JPEG of at most 256 px a side.

        Raises:
            ImageError: the image cannot be read, or is too large.
        """
        key = (str(path), path.stat().st_mtime_ns if path.exists() else 0)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        data = _jpeg(_reduced(path, 2 * THUMBNAIL_PX) or self._small(path), THUMBNAIL_PX)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = data
                self._used += len(data)
            while self._used > self._limit and len(self._kept) > 1:
                self._used -= len(self._kept.popitem(last=False)[1])
        return data

    def _small(self, path: Path) -> Any:
        # A list shows hundreds of images once; they must not push out the one being labelled.
        with self._pictures.open(path, keep=False) as picture:
            return _shown(picture, 2 * THUMBNAIL_PX)


def _shown(picture: Picture, least: int) -> Any:
    """The picture as a screen shows it, its longer side `least` px or up to twice as many."""
    from PIL import Image

    shown = shown_channels(picture.array)
    factor = max(1, max(shown.shape[:2]) // least)
    small = to_bytes(shrink(shown, factor), picture.values.window)
    return Image.fromarray(np.ascontiguousarray(small))


def _reduced(path: Path, least: int) -> Any:
    """A JPEG decoded at an eighth to a half of its size, upright; None for every other file.

    Args:
        path: of the file.
        least: px of the shorter side, where the file has as many.
    """
    from PIL import Image, ImageOps

    if path.suffix.lower() not in (".jpg", ".jpeg"):
        return None
    try:
        with Image.open(path) as image:
            if image.format != "JPEG":
                return None
            image.draft("RGB", (least, least))
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        # The full reader says what is wrong.
        return None


def _jpeg(image: Any, most: int) -> bytes:
    image.thumbnail((most, most))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _check_size(size_hw: tuple[int, ...], source: Source) -> None:
    if size_hw != source.size_hw:
        raise ImageError(
            "the image is not of the size that its labels were made for",
            where=source.path,
            seen=f"{size_hw[1]} × {size_hw[0]}, not {source.size_hw[1]} × {source.size_hw[0]}",
            hint="put the original file back",
        )
