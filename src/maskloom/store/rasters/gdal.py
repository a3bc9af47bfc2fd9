"""What rasterio (GDAL) reads: codecs that tifffile lacks, and formats of which it is the reader.

GDAL only decodes: it is told the driver, so that no file can name another place to read from
(.vrt is left out for the same reason).
"""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import ImageError, MissingExtra
from maskloom.store.images import decoding, refuse_absent
from maskloom.store.rasters.raster import Georeference, refuse_hostile
from maskloom.store.rasters.samples import refuse_short_table

DRIVERS = {".jp2": "JP2OpenJPEG", ".img": "HFA"}
_PIXELS = (np.uint8, np.uint16, np.float32)
_WHOLE = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32)
# GDAL's own cache would take a share of the machine; a raster keeps what it needs.
_CACHE_BYTES = 1 << 25


class GdalWindows:
    """An open file of GDAL.

    Raises:
        MissingExtra: rasterio is not installed.
        ImageError: GDAL cannot open the file by this driver.
    """

    def __init__(self, path: Path, driver: str) -> None:
        try:
            import rasterio
            from rasterio.errors import NotGeoreferencedWarning
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"{path.suffix} needs the package 'rasterio'",
                where=path,
                hint="install it with: pip install 'maskloom[geo]'",
            ) from error
        self._path, self._lock = path, threading.Lock()
        self._options: dict[str, Any] = {
            "GDAL_CACHEMAX": _CACHE_BYTES,
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        }
        with warnings.catch_warnings(), rasterio.Env(**self._options):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            self.file: Any = decoding(path, lambda: rasterio.open(path, driver=driver))

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """(h, w, bands) of a window as stored.

        Raises:
            ImageError: a block is damaged.
        """
        return np.moveaxis(self._window(self.file.read, (y0, y1, x0, x1)), 0, -1)

    def mask(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[np.bool_]:
        """(h, w) of a window: whether a pixel has data, by what GDAL says of the whole file.

        Raises:
            ImageError: a block is damaged.
        """
        found: NDArray[np.bool_] = self._window(self.file.dataset_mask, (y0, y1, x0, x1)) > 0
        return found

    def _window(self, read: Any, area: tuple[int, int, int, int]) -> NDArray[Any]:
        import rasterio
        from rasterio.windows import Window

        y0, y1, x0, x1 = area
        try:
            with self._lock, rasterio.Env(**self._options):
                array: NDArray[Any] = read(window=Window(x0, y0, x1 - x0, y1 - y0))
        except rasterio.errors.RasterioError as error:
            raise ImageError(
                f"the image is damaged or truncated at row {y0}, column {x0}",
                where=self._path,
                seen=error.__cause__ or error,
                hint="copy it again",
            ) from error
        return array

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()


class GdalSamples:
    """Samples of a TIFF page whose codec tifffile lacks, by the page's own tiles or strips."""

    def __init__(self, page: Any, path: Path) -> None:
        height, width = int(page.imagelength), int(page.imagewidth)
        self._size = height, width
        self._dtype = np.dtype(page.dtype)
        tiled = bool(page.is_tiled)
        self.chunk = (
            (int(page.tilelength), int(page.tilewidth))
            if tiled
            else (int(page.rowsperstrip), width)
        )
        grid = -(-height // self.chunk[0]) * -(-width // self.chunk[1])
        planes = int(page.samplesperpixel) if page.planarconfig == 2 else 1
        refuse_short_table(page, path, planes * grid, "tile" if tiled else "strip")
        self._windows = GdalWindows(path, "GTiff")
        if self._windows.file.count != page.samplesperpixel:
            raise ImageError(
                "GDAL and tifffile see different channels in this TIFF",
                where=path,
                seen=f"{self._windows.file.count} and {page.samplesperpixel}",
                hint="rewrite it with deflate compression",
            )

    def read(self, row: int, column: int) -> NDArray[Any]:
        """Decode the chunk by GDAL."""
        (high, wide), (height, width) = self.chunk, self._size
        y0, x0 = row * high, column * wide
        array = self._windows.read(y0, min(y0 + high, height), x0, min(x0 + wide, width))
        return array.astype(self._dtype, copy=False)

    def __enter__(self) -> GdalSamples:
        return self

    def __exit__(self, *_: object) -> None:
        self._windows.close()


class GdalChunks:
    """An image of another format of GDAL, by its blocks.

    Raises:
        MissingExtra: rasterio is not installed.
        ImageError: missing, empty, damaged, hostile, or of another pixel type.
    """

    orientation = 1

    def __init__(self, path: Path, *, stored: bool) -> None:
        refuse_absent(path)
        self._windows = GdalWindows(path, DRIVERS[path.suffix.lower()])
        try:
            file = self._windows.file
            self.size = int(file.height), int(file.width)
            self.chunk = (
                min(file.block_shapes[0][0], file.height),
                min(file.block_shapes[0][1], file.width),
            )
            alpha = [kind.name == "alpha" for kind in file.colorinterp]
            self._bands = [i for i, masked in enumerate(alpha) if not masked]
            self.channels, self.dtype = len(self._bands), np.dtype(file.dtypes[0])
            if self.dtype not in (_WHOLE if stored else _PIXELS):
                raise ImageError(
                    "an image of an unsupported pixel type",
                    where=path,
                    seen=self.dtype,
                    hint="store it as uint8, uint16 or float32",
                )
            refuse_hostile(path, self)
            self.georeference = _tags_of(file)
        except BaseException:
            self._windows.close()
            raise

    def decode(self, row: int, column: int) -> NDArray[Any]:
        """Read the block."""
        (high, wide), (height, width) = self.chunk, self.size
        y0, x0 = row * high, column * wide
        array = self._windows.read(y0, min(y0 + high, height), x0, min(x0 + wide, width))
        return array[:, :, self._bands]

    def close(self) -> None:
        """Let go of the file."""
        self._windows.close()


def gdal_size(path: Path) -> tuple[int, int]:
    """(H, W) by GDAL, from the header, whatever the pixels are.

    Raises:
        MissingExtra: rasterio is not installed.
        ImageError: missing, empty or damaged.
    """
    refuse_absent(path)
    windows = GdalWindows(path, DRIVERS[path.suffix.lower()])
    try:
        return int(windows.file.height), int(windows.file.width)
    finally:
        windows.close()


def _tags_of(file: Any) -> Georeference | None:
    """The GeoTIFF tags that GDAL writes for the frame of a file."""
    if file.crs is None and file.transform.is_identity:
        return None
    return tags_of(file.crs, file.transform)


def tags_of(crs: Any, transform: Any) -> Georeference | None:
    """The GeoTIFF tags that GDAL writes.

    Args:
        crs: of rasterio, or what it makes one of; None is none.
        transform: affine, pixel edge → map.
    """
    import tifffile
    from rasterio.io import MemoryFile

    from maskloom.store.rasters.segments import page_georeference

    with MemoryFile() as memory:
        profile = {"driver": "GTiff", "width": 1, "height": 1, "count": 1, "dtype": "uint8"}
        with memory.open(**profile, crs=crs, transform=transform):
            pass
        memory.seek(0)
        with tifffile.TiffFile(memory) as copy:
            return page_georeference(copy.pages[0])
