"""Values of a map as stored, or of one band; fractions that are whole numbers become such.

Raster calculators and GIS store classes as float32 or float64. Where no pixel with data holds a
fraction, these are ids like any others; pixels without data are told by a mask of their own, as
their value (NaN, the least float) is no id.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import FormatError
from maskloom.formats.geotiff.place import Place
from maskloom.formats.shared.slabs import slabs
from maskloom.store import tiff
from maskloom.store.images import decoding, is_tiff, map_size, read_map
from maskloom.store.orientation import upright
from maskloom.store.rasters.gdal import GdalWindows
from maskloom.store.rasters.opening import open_raster
from maskloom.store.rasters.valid import data_mask


def map_values(
    path: Path, place: Place, band: int | None, *, void: bool
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The whole numbers of a map, whatever its codec, and where they are data.

    Args:
        path: of the map.
        place: what its header says.
        band: which, from 1; None is the only one.
        void: whether what the header calls no data is none.

    Returns:
        (H, W), or (H, W, 3) of a colour map; and (H, W), None where only the values tell.

    Raises:
        ImageError: the file is damaged or too large.
        FormatError: it has no such band, or a pixel holds no whole number.
    """
    values = _stored(path, band)
    valid = data_mask(path) if void and place.masked else None
    if values.dtype.kind != "f":
        return values, valid
    if void:
        valid = _with_data(values, place.nodata, valid)
    return _whole(values, valid, path), valid


def _with_data(
    values: NDArray[Any], nodata: float | None, shown: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    valid: NDArray[np.bool_] = ~np.isnan(values)
    if shown is not None:
        return valid & shown
    if nodata is not None:
        with np.errstate(over="ignore"):
            valid &= values != values.dtype.type(nodata)
    return valid


def _whole(values: NDArray[Any], valid: NDArray[np.bool_] | None, path: Path) -> NDArray[Any]:
    """The same numbers as int32, or uint32 where none is negative; 0 where there is no data."""
    out = np.zeros(values.shape, np.int32 if _has_negative(values, valid) else np.uint32)
    span = np.iinfo(out.dtype)
    for y, end in slabs(values.shape):
        part = values[y:end]
        good = (part >= span.min) & (part < span.max + 1.0) & (np.trunc(part) == part)
        own = np.ones(part.shape, bool) if valid is None else valid[y:end]
        if (own & ~good).any():
            row, column = np.argwhere(own & ~good)[0].tolist()
            sign = ", with sign where one is negative" if out.dtype == np.int32 else ""
            raise FormatError(
                f"a label map holds whole numbers of up to 32 bit{sign}",
                where=f"{path}: row {y + row}, column {column}",
                seen=part[row, column].item(),
                hint="if it is an image, leave it out; else round it to classes in a GIS",
            )
        out[y:end][own] = part[own].astype(out.dtype)
    return out


def _has_negative(values: NDArray[Any], valid: NDArray[np.bool_] | None) -> bool:
    return any(
        ((values[y:end] < 0) & (True if valid is None else valid[y:end])).any()
        for y, end in slabs(values.shape)
    )


def _stored(path: Path, band: int | None) -> NDArray[Any]:
    if not is_tiff(path):
        return read_map(path) if band is None else _band(path, band)
    height, width = map_size(path)
    single, turned = decoding(path, lambda: _head(path))
    if band is not None or single:
        return np.ascontiguousarray(upright(_band(path, band or 1), turned))
    with open_raster(path, kind="map") as raster:
        out = np.empty((height, width, raster.channels), raster.dtype)
        for y, end in slabs((height, width)):
            out[y:end] = raster.read(y, end, 0, width)
    return out[:, :, 0] if out.shape[2] == 1 else out


def _head(path: Path) -> tuple[bool, int]:
    """Whether a page has fractions of one channel, and how it lies."""
    with tiff.opened_page(path) as page:
        fractions = page.dtype is not None and np.dtype(page.dtype).kind == "f"
        return fractions and int(page.samplesperpixel) == 1, tiff.orientation(page)


def _band(path: Path, band: int) -> NDArray[Any]:
    """One band as it is stored, by GDAL."""
    windows = GdalWindows(path, "GTiff")
    try:
        file = windows.file
        if not 1 <= band <= file.count:
            raise FormatError(
                "the map has no such band",
                where=path,
                seen=f"band {band} of {file.count}",
                hint="correct --set from.band=",
            )
        kind = np.dtype(file.dtypes[band - 1])
        if kind.kind not in "iuf" or (kind.kind != "f" and kind.itemsize > 4):
            raise FormatError(
                "a label map holds whole numbers of up to 32 bit", where=path, seen=kind
            )
        height, width = int(file.height), int(file.width)
        out = np.empty((height, width), kind)
        for y, end in slabs((height, width)):
            out[y:end] = windows.read(y, end, 0, width)[..., band - 1]
        return out
    finally:
        windows.close()
