"""TIFF by windows: samples of a chunk, seen by the rules by which `images.py` sees whole pages."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError, MissingExtra
from maskloom.store import tiff
from maskloom.store.images import decoding, refuse_absent
from maskloom.store.orientation import upright_size
from maskloom.store.rasters.raster import MAX_CHANNELS, Georeference, refuse_hostile
from maskloom.store.rasters.samples import Rows, Samples, Segments
from maskloom.store.rasters.slides import has_openslide

# GeoTIFF 1.1, annex G, and the rational polynomials of camera models (tag 50844)
GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 50844)


# TIFF tag 259: JPEG; JPEG 2000 as Aperio and as others number it
_JPEG, _JPEG_2000 = 7, (33003, 33005, 34712)


class TiffChunks:
    """The first page of a TIFF, or the pages that are its channels, chunk by chunk.

    Args:
        path: the file.
        stored: give a label map as `read_map` does, not a picture as `read_image` does.

    Raises:
        ImageError: missing, empty, truncated, hostile, a volume, CMYK or of another pixel type.
        MissingExtra: a codec that only rasterio decodes, which is not installed.
    """

    def __init__(self, path: Path, *, stored: bool) -> None:
        refuse_absent(path)
        self._path, self._stored = path, stored
        self._close = ExitStack()
        try:
            self._pages = decoding(path, self._opened)
            decoding(path, self._begin)
        except BaseException:
            self._close.close()
            raise

    def _opened(self) -> tuple[Any, ...]:
        if self._stored:
            return (self._close.enter_context(tiff.opened_page(self._path)),)
        return self._close.enter_context(tiff.opened_planes(self._path))

    def _begin(self) -> None:
        page = self._pages[0]
        tiff.refuse_cmyk(page, self._path)
        if page.dtype is None or page.samplesperpixel > MAX_CHANNELS:
            raise ImageError(
                "a TIFF of an unsupported pixel type",
                where=self._path,
                seen=f"{page.samplesperpixel} samples of {page.bitspersample} bit",
            )
        self.size = int(page.imagelength), int(page.imagewidth)
        self.orientation = tiff.orientation(page)
        self.georeference = page_georeference(page)
        shown = self._shown(page, np.zeros((1, 1, page.samplesperpixel), page.dtype))
        self.dtype, self.channels = shown.dtype, int(shown.shape[2]) * len(self._pages)
        self._samples = [self._way(page) for page in self._pages]
        self.chunk = self._samples[0].chunk
        if any(samples.chunk != self.chunk for samples in self._samples):
            raise ImageError("channels in tiles of different sizes", where=self._path)
        refuse_hostile(self._path, self)

    def decode(self, row: int, column: int) -> NDArray[Any]:
        """Read the chunk as a picture or map."""
        planes = zip(self._pages, self._samples, strict=True)
        shown = [self._shown(page, samples.read(row, column)) for page, samples in planes]
        return shown[0] if len(shown) == 1 else np.concatenate(shown, axis=2)

    def close(self) -> None:
        """Let go of the file."""
        self._close.close()

    def _shown(self, page: Any, samples: NDArray[Any]) -> NDArray[Any]:
        show = tiff.as_map if self._stored else tiff.as_pixels
        return show(page, samples, self._path)

    def _way(self, page: Any) -> Samples:
        if Rows.suit(page):
            return Rows(page, self._path)
        if Segments.suit(page):
            return Segments(page, self._path)
        if len(self._pages) > 1:  # GDAL would read the first page for each of them
            raise MissingExtra(
                "the codec of this TIFF is not installed",
                where=self._path,
                seen=getattr(page.compression, "name", page.compression),
                hint="install it with: pip install imagecodecs, or rewrite the file with deflate "
                "compression",
            )
        from maskloom.store.rasters.gdal import GdalSamples

        try:
            return self._close.enter_context(GdalSamples(page, self._path))
        except MissingExtra as error:
            raise MissingExtra(
                "the codec of this TIFF is not installed",
                where=self._path,
                seen=getattr(page.compression, "name", page.compression),
                hint="install it with: pip install 'maskloom[geo]', or rewrite the file "
                "with deflate compression",
            ) from error


def is_for_openslide(path: Path) -> bool:
    """Whether a slide in TIFF has a codec that OpenSlide alone decodes, with what is installed.

    Raises:
        ImageError: missing, empty, or no TIFF.
    """
    refuse_absent(path)

    def first_page() -> tuple[int, bool]:
        with tiff.opened_planes(path) as (page, *_):
            return int(page.compression), Segments.suit(page)

    codec, decodes = decoding(path, first_page)
    if decodes:
        return False
    # Hamamatsu's JPEG is one strip of any size, in which only marks lead to parts.
    one_strip = codec == _JPEG and path.suffix.lower() == ".ndpi" and has_openslide()
    return one_strip or codec in _JPEG_2000


def tiff_size(path: Path) -> tuple[int, int]:
    """(H, W) of a TIFF of any size, upright, from its header.

    Raises:
        ImageError: missing, empty, or no TIFF.
    """
    refuse_absent(path)
    height, width, orientation = decoding(path, lambda: tiff.header(path))
    return upright_size((height, width), orientation)


def page_georeference(page: Any) -> Georeference | None:
    """The GeoTIFF tags of a page, or None."""
    found = {
        code: (int(tag.dtype), int(tag.count), tag.value)
        for code in GEO_TAGS
        if (tag := page.tags.get(code)) is not None
    }
    return found or None
