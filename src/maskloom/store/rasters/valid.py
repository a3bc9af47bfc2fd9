"""Which pixels of a GeoTIFF have data by its own mask: one inside, a file .msk beside, or alpha.

As GDAL has it, such a mask goes before the value of no data: what it shows is data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import FormatError
from maskloom.store import tiff
from maskloom.store.images import decoding
from maskloom.store.orientation import upright
from maskloom.store.rasters.gdal import GdalWindows

_DRIVER = "GTiff"
_AT_ONCE = 1 << 22  # pixels


def has_mask(path: Path, file: Any) -> bool:
    """Whether a GeoTIFF, or a file beside it, says which of its pixels have data.

    Args:
        path: of the GeoTIFF.
        file: it, opened by rasterio.
    """
    inside = any(flag.name == "per_dataset" for flags in file.mask_flag_enums for flag in flags)
    return inside or _beside(path).is_file()


def data_mask(path: Path) -> NDArray[np.bool_]:
    """(H, W) of an upright GeoTIFF: False where its mask hides a pixel.

    Raises:
        MissingExtra: rasterio is not installed.
        ImageError: the file is damaged.
        FormatError: the mask beside it is of another size.
    """
    # GDAL looks first for the file beside, and it is told not to look for files by itself.
    beside = _beside(path)
    found = _shown(beside, own=True) if beside.is_file() else _shown(path, own=False)
    with tiff.opened_page(path) as page:
        size = int(page.imagelength), int(page.imagewidth)
        turned = decoding(path, lambda: tiff.orientation(page))
    if found.shape != size:
        raise FormatError(
            "the mask beside a GeoTIFF is of another size",
            where=beside,
            seen=f"{found.shape[1]} × {found.shape[0]}, not {size[1]} × {size[0]}",
            hint="remove it if it does not belong to the file",
        )
    return np.ascontiguousarray(upright(found[:, :, None], turned)[:, :, 0])


def _shown(path: Path, *, own: bool) -> NDArray[np.bool_]:
    """By the mask of a file, or by its own values where it is a mask."""
    windows = GdalWindows(path, _DRIVER)
    try:
        size = int(windows.file.height), int(windows.file.width)
        out = np.empty(size, np.bool_)
        step = max(1, _AT_ONCE // max(1, size[1]))
        for y0 in range(0, size[0], step):
            y1 = min(y0 + step, size[0])
            area = (y0, y1, 0, size[1])
            out[y0:y1] = windows.read(*area).any(axis=2) if own else windows.mask(*area)
        return out
    finally:
        windows.close()


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.msk")
