"""Where the pixels of a raster lie in the world: affine and coordinate reference system.

Affines map pixel edges; files whose header counts from pixel centres (RasterPixelIsPoint) are
turned by GDAL. Pixels are read elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.sample import ImageRef, Sample
from maskloom.errors import FormatError, MissingExtra
from maskloom.store.images import is_tiff
from maskloom.store.rasters.gdal import DRIVERS, GdalWindows, tags_of
from maskloom.store.rasters.metadata import metadata_of
from maskloom.store.rasters.raster import Georeference
from maskloom.store.rasters.valid import has_mask

Affine = tuple[tuple[float, ...], ...]
# Headers are written with fewer digits than they were computed with.
_SAME_GRID_PX = 0.05
_GRID_TAGS, _POINT_TAGS = ("33550", "34264"), ("33922", "50844")
_WORLD_FILES = (".tfw", ".tifw", ".TFW", ".wld")
_WORLD_FILE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Placement:
    """What the header of a raster says beyond its pixels.

    Args:
        size: (H, W) as stored.
        affine: 3×3 pixel edge (x, y, 1) → map coordinates; empty where there is none.
        crs: EPSG code or WKT; None where there is none.
        nodata: the value of pixels without data.
        bands: how many there are.
        masked: a mask says which pixels have data, and `nodata` does not.
    """

    size: tuple[int, int]
    affine: Affine = ()
    crs: str | None = None
    nodata: float | None = None
    bands: int = 1
    masked: bool = False

    @property
    def placed(self) -> bool:
        """Whether it lies anywhere in the world."""
        return bool(self.affine) or self.crs is not None


def placement_of(path: Path) -> Placement | None:
    """Where a raster lies; None of a file that is none of GDAL's (PNG, JPEG).

    Raises:
        MissingExtra: rasterio is not installed.
        ImageError: the file is damaged.
        FormatError: the world file beside it is.
    """
    driver = "GTiff" if is_tiff(path) else DRIVERS.get(path.suffix.lower())
    if driver is None:
        return None
    windows = GdalWindows(path, driver)
    try:
        file = windows.file
        return Placement(
            (int(file.height), int(file.width)),
            _world_file(path) if file.transform.is_identity else _rows(file.transform),
            _crs(file),
            None if file.nodata is None else float(file.nodata),
            int(file.count),
            driver == "GTiff" and has_mask(path, file),
        )
    finally:
        windows.close()


def refuse_other_place(mask: Path, one: Placement, image: Path, other: Placement) -> None:
    """Refuse a map that lies elsewhere than its image; what says nothing agrees with anything.

    Raises:
        FormatError: another coordinate system, or another grid of pixels; names both.
    """
    if one.crs is not None and other.crs is not None and not same_crs(one.crs, other.crs):
        raise FormatError(
            "the mask and its image are in different coordinate systems",
            where=mask,
            seen=f"{_short(one.crs)}, image {image.name}: {_short(other.crs)}",
            hint="warp one to the other: gdalwarp -r near -t_srs",
        )
    if not one.affine or not other.affine:
        return
    apart = _offsets_px(one, other)
    if np.abs(apart).max() <= _SAME_GRID_PX:
        return
    x, y = apart[0] + 0.0
    half = np.allclose(np.abs(apart), 0.5, atol=_SAME_GRID_PX)
    raise FormatError(
        "the mask lies half a pixel beside its image"
        if half
        else "the mask and its image have different transforms",
        where=mask,
        seen=f"upper left corner {x:.4g}, {y:.4g} px off that of image {image.name}",
        hint="one of the two counts from pixel centres and the other from edges: correct its "
        "AREA_OR_POINT or transform"
        if half
        else "pair it with its own image, or warp it to the image's grid",
    )


def same_crs(one: str, other: str) -> bool:
    """Whether two coordinate reference systems are the same."""
    from rasterio.crs import CRS

    return one == other or bool(CRS.from_string(one) == CRS.from_string(other))


def lies_at(image: ImageRef, affine: Affine, size: tuple[int, int]) -> bool:
    """Whether what is known of an image, or else its own header, puts it at a place.

    Args:
        image: of a data set.
        affine: 3×3 pixel edge → map, where it should lie.
        size: (H, W).
    """
    found = image.affine
    if not found and image.path is not None and image.path.is_file():
        try:
            place = placement_of(image.path)
        except MissingExtra:  # the header was copied with its file, whoever can read it
            return True
        found = () if place is None else place.affine
    if len(found) != len(affine):
        return False
    apart = _offsets_px(Placement(size, affine), Placement(size, found))
    return bool(np.abs(apart).max() <= _SAME_GRID_PX)


def keeps_place(one: Sample, two: Sample, size: tuple[int, int]) -> bool:
    """Whether an image still lies where it lay: affine, system and ground control points.

    Args:
        one: as it was.
        two: as it was read again.
        size: (H, W).
    """
    image, other = one.image, two.image
    if image.affine and not lies_at(other, image.affine, size):
        return False
    points = control_points(one.extra)
    try:
        return _keeps_crs(image.crs, other) and (
            not points
            or points == control_points(two.extra)
            or points == control_points({"geotiff": _header(other)})
        )
    except MissingExtra:  # the header was copied with its file, whoever can read it
        return True


def control_points(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ground control points or a camera model that a map's header alone says, in what is kept."""
    said = extra.get("geotiff")
    tags = said.get("tags") if isinstance(said, Mapping) else None
    if not isinstance(tags, Mapping) or any(code in tags for code in _GRID_TAGS):
        return {}
    return {code: list(tags[code]) for code in _POINT_TAGS if code in tags}


def _keeps_crs(crs: str | None, other: ImageRef) -> bool:
    if crs is None:
        return True
    found = other.crs
    if found is None and other.path is not None and other.path.is_file():
        place = placement_of(other.path)
        found = None if place is None else place.crs
    return found is not None and same_crs(crs, found)


def _header(image: ImageRef) -> Mapping[str, Any]:
    path = image.path
    return metadata_of(path) if path is not None and path.is_file() and is_tiff(path) else {}


def geo_tags(affine: Affine, crs: str | None) -> Georeference | None:
    """GeoTIFF tags of a place; None of no place.

    Args:
        affine: 3×3 pixel edge → map, or empty.
        crs: EPSG code or WKT.
    """
    if not affine and crs is None:
        return None
    try:
        from rasterio.transform import Affine as Transform
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "GeoTIFF tags need the package 'rasterio'",
            hint="install it with: pip install 'maskloom[geo]'",
        ) from error

    return tags_of(crs, Transform(*affine[0], *affine[1]) if affine else Transform.identity())


def _world_file(path: Path) -> Affine:
    """The affine of a world file beside an image without one of its own, or nothing.

    Source: Esri's world files: A, D, B, E and the centre C, F of the upper left pixel, a line each.
    """
    names = [path.with_suffix(suffix) for suffix in _WORLD_FILES]
    found = next((name for name in names if name.is_file()), None)
    if found is None:
        return ()
    with found.open("rb") as file:
        words = file.read(_WORLD_FILE_BYTES).split()
    try:
        a, d, b, e, x, y = (float(word) for word in words)
        good = all(map(isfinite, (a, d, b, e, x, y))) and a * e - b * d != 0
    except ValueError:
        good = False
    if not good:
        raise FormatError(
            "a world file has six numbers, one a line",
            where=found,
            seen=words[:7],
            hint="remove it if it does not belong to the image",
        )
    return ((a, b, x - a / 2 - b / 2), (d, e, y - d / 2 - e / 2), (0.0, 0.0, 1.0))


def _rows(transform: Any) -> Affine:
    return (
        (float(transform.a), float(transform.b), float(transform.c)),
        (float(transform.d), float(transform.e), float(transform.f)),
        (0.0, 0.0, 1.0),
    )


def _crs(file: Any) -> str | None:
    """The system of a file, or that of its ground control points."""
    crs = file.crs if file.crs is not None else file.gcps[1]
    return None if crs is None else str(crs.to_string()) or None


def _offsets_px(one: Placement, other: Placement) -> NDArray[np.float64]:
    """(4, 2): how far the corners of one frame lie from the same pixels of the other, in px."""
    height, width = one.size
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
    mine, yours = np.array(one.affine), np.array(other.affine)
    try:
        pixels: NDArray[np.float64] = np.linalg.solve(yours, mine @ corners.T).T
    except np.linalg.LinAlgError:
        return np.full((4, 2), np.inf)
    apart: NDArray[np.float64] = pixels[:, :2] - corners[:, :2]
    return apart


def _short(crs: str) -> str:
    return crs if len(crs) <= 40 else f"{crs[:40]}..."
