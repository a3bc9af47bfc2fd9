"""Which backend reads a path: by its suffix, without a look at the pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from maskloom.errors import ImageError
from maskloom.store.image_kinds import IMAGE_SUFFIXES, TIFF_SLIDES, is_slide, is_tiff
from maskloom.store.images import image_bytes, image_size
from maskloom.store.rasters.gdal import DRIVERS
from maskloom.store.rasters.raster import CACHE_BYTES, Chunks, Raster

Kind = Literal["image", "map"]


def open_raster(path: Path, *, kind: Kind = "image", cache_bytes: int = CACHE_BYTES) -> Raster:
    """Open an image of any size for reading by windows.

    Args:
        path: TIFF, a zarr array or OME-Zarr image (a folder `*.zarr`, level 0), JPEG 2000 or
            ERDAS .img by rasterio; a slide by OpenSlide; or a PNG or JPEG, which is held in
            memory as a whole.
        kind: "image" gives the pixels of `read_image`, "map" those of `read_map` (indexes of a
            palette stay indexes, whole numbers of up to 32 bit), as (h, w, C) in both.
        cache_bytes: decoded chunks are kept up to this many bytes; those that the last window
            touched also beyond it, up to 256 MiB.

    Returns:
        A raster, to be closed: `with open_raster(path) as raster: raster.read(0, 512, 0, 512)`.

    Raises:
        ImageError: missing, empty, truncated, of another kind, over 2^40 pixels, or not to be
            read by windows (one compressed strip of more than 256 MiB).
        MissingExtra: the package for this format or codec is not installed.
    """
    return Raster(path, _chunks(path, stored=kind == "map"), cache_bytes=cache_bytes)


def raster_size(path: Path) -> tuple[int, int]:
    """(H, W), upright, from the header alone of whatever `open_raster` opens.

    Raises:
        ImageError: missing, empty, or not an image.
        MissingExtra: the package for this format is not installed.
    """
    kind = _backend(path)
    if kind == "tiff":
        from maskloom.store.rasters.segments import tiff_size

        return tiff_size(path)
    if kind == "zarr":
        from maskloom.store.rasters.arrays import zarr_size

        return zarr_size(path)
    if kind == "gdal":
        from maskloom.store.rasters.gdal import gdal_size

        return gdal_size(path)
    if kind == "slide":
        from maskloom.store.rasters.slides import slide_size

        return slide_size(path)
    return image_size(path)


def held_bytes(path: Path) -> int:
    """What an open raster holds in memory whatever is read of it: a picture without windows.

    Raises:
        ImageError: missing, empty, or not an image.
    """
    return image_bytes(path) if _backend(path) == "whole" else 0


def _chunks(path: Path, *, stored: bool) -> Chunks:
    kind = _backend(path)
    if kind == "tiff":
        from maskloom.store.rasters.segments import TiffChunks

        return TiffChunks(path, stored=stored)
    if kind == "zarr":
        from maskloom.store.rasters.arrays import ZarrChunks

        return ZarrChunks(path, stored=stored)
    if kind == "gdal":
        from maskloom.store.rasters.gdal import GdalChunks

        return GdalChunks(path, stored=stored)
    if kind == "slide":
        from maskloom.store.rasters.slides import SlideChunks

        return SlideChunks(path, stored=stored)
    from maskloom.store.rasters.whole import WholePicture

    return WholePicture(path, stored=stored)


def _backend(path: Path) -> Literal["tiff", "slide", "zarr", "whole", "gdal"]:
    suffix = path.suffix.lower()
    if is_slide(path):
        return "slide"
    if is_tiff(path):
        from maskloom.store.rasters.segments import is_for_openslide

        return "slide" if suffix in TIFF_SLIDES and is_for_openslide(path) else "tiff"
    if suffix == ".zarr" or (path.is_dir() and _is_zarr(path)):
        return "zarr"
    if suffix in IMAGE_SUFFIXES:
        return "whole"
    if suffix in DRIVERS:
        return "gdal"
    raise ImageError(
        "not a kind of image that can be read by windows",
        where=path,
        seen=suffix or path.name,
        hint=f"give one of {', '.join(sorted((*IMAGE_SUFFIXES, '.zarr', *DRIVERS)))}",
    )


def _is_zarr(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))
