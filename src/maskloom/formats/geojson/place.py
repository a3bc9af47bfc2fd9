"""Map coordinates to pixels of an image and back, to the bit as GDAL counts.

A polygon becomes a mask as rasterio.features.rasterize burns it under the image's transform:
the same rounding of vertices (`to_pixels`), the same direction of rings, the rule `gdal`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from maskloom.core.fill import MAX_COORDINATE
from maskloom.core.masks import Masks
from maskloom.errors import FormatError, MissingExtra
from maskloom.formats.geojson.features import PIXEL, Ring

RULE = "gdal"
_SAME_PLACE = 1e-5  # OGR's, in units of the map
_PLACES = ((0.5, 0.5), (0.31, 0.42), (0.67, 0.35), (0.24, 0.79), (0.83, 0.74))
"""Shares of width and height, no three of them in a line."""
_UNIT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Frame:
    """An image in the world.

    Args:
        size: (H, W).
        affine: 3×3 pixel edge → map; empty is pixels.
        crs: EPSG code or WKT of the map; None is unknown.
    """

    size: tuple[int, int]
    affine: tuple[tuple[float, ...], ...] = ()
    crs: str | None = None

    @property
    def system(self) -> str:
        """The system in which areas of this image are written unless another is asked for."""
        return self.crs if self.affine and self.crs else PIXEL

    def to_map(self, ring: Ring, crs: str) -> Ring:
        """Pixel-edge vertices as coordinates of a system.

        Args:
            ring: (n, 2).
            crs: EPSG code or WKT, or "pixel".

        Raises:
            FormatError: the system is unknown, or has no such place.
        """
        if crs == PIXEL:
            return ring
        (a, b, c), (d, e, f) = (self.affine or _UNIT)[:2]
        x, y = ring.T
        found: Ring = np.stack([c + x * a + y * b, f + x * d + y * e], axis=1)
        return warped(found, self.crs, crs)

    def to_pixels(self, ring: Ring, crs: str) -> Ring:
        """Coordinates of a system as pixel-edge vertices, directed as GDAL directs rings.

        Args:
            ring: (n, 2), without the last vertex, which is the first.
            crs: EPSG code or WKT, or "pixel".

        Raises:
            FormatError: the system is unknown, or the place cannot be told in the image's.

        Source: GDALInvGeoTransform and GDALApplyGeoTransform of GDAL 3.10.
        """
        if crs == PIXEL:
            return _clockwise(ring)
        there = _clockwise(warped(ring, crs, self.crs))
        # What lies beyond all numbers comes out infinite and is refused as a ring.
        with np.errstate(over="ignore", invalid="ignore"):
            return self.unplaced(there)

    @property
    def is_turned(self) -> bool:
        """Whether rows or columns of the image run along no axis of the map."""
        (_, b, _), (d, _, _) = (self.affine or _UNIT)[:2]
        return b != 0 or d != 0

    def unplaced(self, there: Ring) -> Ring:
        """Coordinates in the image's own system as pixel edges."""
        (a, b, c), (d, e, f) = (self.affine or _UNIT)[:2]
        x, y = there.T
        if not self.is_turned:
            return np.stack(
                [-c / a + x * (1 / a) + y * 0.0, -f / e + x * 0.0 + y * (1 / e)], axis=1
            )
        over = 1 / (a * e - b * d)
        return np.stack(
            [
                (b * f - c * e) * over + x * (e * over) + y * (-b * over),
                (-a * f + c * d) * over + x * (-d * over) + y * (a * over),
            ],
            axis=1,
        )

    def mask(self, rings: Sequence[Ring]) -> Masks:
        """One row: the pixels of rings that `to_pixels` gave."""
        return Masks.from_polygons([list(rings)], self.size, rule=RULE)

    def touches(self, rings: Sequence[Ring]) -> bool:
        """Whether the bounds of some rings meet the frame; rings without extent do."""
        if not rings:
            return True
        low = np.min([ring.min(axis=0) for ring in rings], axis=0)
        high = np.max([ring.max(axis=0) for ring in rings], axis=0)
        height, width = self.size
        return bool(low[0] < width and low[1] < height and high[0] > 0 and high[1] > 0)

    def digits(self, crs: str) -> int:
        """How many decimals of a system tell a thousandth of a pixel."""
        height, width = self.size
        middle = np.array([[width / 2, height / 2]])
        steps = np.array([[1.0, 0.0], [0.0, 1.0]])
        pixel = np.abs(self.to_map(middle + steps, crs) - self.to_map(middle, crs)).max(axis=1)
        return min(15, max(0, math.ceil(-math.log10(max(float(pixel.min()), 1e-12) / 1000))))


@lru_cache(maxsize=16)
def mirrors(frame: Frame, one: str, other: str) -> bool:
    """Whether what turns left in one system turns right in another, where the image lies.

    Raises:
        FormatError: a system is unknown, or has no such place.
    """
    height, width = frame.size
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found, error = [], None
    # Most of some places decide: longitudes jump in a pixel over the 180th meridian, which may
    # run through any two of them, and corners may lie beyond the Earth.
    for place in _PLACES:
        left = []
        try:
            for crs in (one, other):
                at = corners + np.array([width, height]) * place
                middle, right, down = frame.to_map(at, crs)
                (a, b), (c, d) = right - middle, down - middle
                left.append(a * d > b * c)
        except FormatError as no_place:
            error = no_place
        else:
            found.append(bool(left[0] != left[1]))
    if error is not None and not found:
        raise error
    return 2 * sum(found) > len(found)


def warped(points: Ring, crs: str | None, to: str | None) -> Ring:
    """Coordinates of one system in another, x (or lon) before y (or lat) in both.

    Raises:
        FormatError: a system is not known, or a point lies outside of one.
        MissingExtra: pyproj is not installed.
    """
    if crs is None or to is None or crs == to or not len(points):
        return points
    way = _way(crs, to)
    if way is None:
        return points
    x, y = way.transform(points[:, 0], points[:, 1])
    found: Ring = np.stack([x, y], axis=1)
    if not np.isfinite(found).all():
        bad = points[~np.isfinite(found).all(axis=1)][0].tolist()
        raise FormatError(
            "a position lies outside of the coordinate system of the image",
            seen=bad,
            hint="say the system of the file with --set from.crs=EPSG:CODE",
        )
    return found


@lru_cache(maxsize=32)
def _way(crs: str, to: str) -> Any:
    """A transformer from one system to another; None where both are the same."""
    try:
        import pyproj
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "map coordinates need the package 'pyproj'",
            hint="install it with: pip install 'maskloom[geo]'",
        ) from error
    try:
        one, other = (pyproj.CRS.from_user_input(name) for name in (crs, to))
        if one.equals(other, ignore_axis_order=True):
            return None
        return pyproj.Transformer.from_crs(one, other, always_xy=True)
    except pyproj.exceptions.ProjError as error:
        raise FormatError(
            "a coordinate system that PROJ does not know, or no way between two",
            seen=f"{crs[:40]} to {to[:40]}: {error}",
            hint="say which it is with --set from.crs=EPSG:CODE",
        ) from error


def far(rings: Sequence[Ring]) -> bool:
    """Whether a vertex is farther from the image than any polygon that is filled may reach."""
    return any(bool((np.abs(ring) > MAX_COORDINATE).any()) for ring in rings)


def _clockwise(ring: Ring) -> Ring:
    """A ring in the direction in which GDAL burns it: clockwise with y up."""
    return ring if _is_clockwise(ring) else ring[::-1]


def _is_clockwise(ring: Ring) -> bool:
    """How OGR answers, which for a ring that crosses itself is not the sign of its area.

    Source: GDAL 3.10 ogr/ogrcurve.cpp, OGRCurve::isClockwise: the turn at the rightmost of the
    lowest vertices; by area where that vertex is there twice or has a neighbour in its place.
    """
    if len(ring) < 3:
        return True
    low = ring[:, 1] == ring[:, 1].min()
    right = low & (ring[:, 0] == ring[low, 0].max())
    at = int(np.argmax(right))
    before, after = ring[at - 1] - ring[at], ring[(at + 1) % len(ring)] - ring[at]
    turn = float(after[0] * before[1] - before[0] * after[1])
    near = any(bool((np.abs(side) < _SAME_PLACE).all()) for side in (before, after))
    if int(right.sum()) == 1 and not near and turn != 0:
        return turn < 0
    x, y = (ring - ring[:1]).T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) < 0
