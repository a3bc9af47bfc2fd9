"""Geometry moved between systems: rings keep their shells, and turn as they did."""

from __future__ import annotations

import json

import numpy as np
import pytest
import shapely

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.geojson.features import rings_of
from maskloom.formats.geojson.geometry import geometry_of
from maskloom.formats.geojson.place import Frame, mirrors
from maskloom.formats.transfer import transfer

rasterio = pytest.importorskip("rasterio", reason="needs the extra geo")
pyproj = pytest.importorskip("pyproj", reason="needs the extra geo")


def box(x0, y0, x1, y1):
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


def moved(root, epsg, transform, geometry):
    """The geometry of one area as it is written in longitude and latitude, and the losses."""
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)
    said = {"driver": "GTiff", "width": 100, "height": 100, "count": 1, "dtype": "uint8"}
    with rasterio.open(
        root / "images/a.tif", "w", crs=f"EPSG:{epsg}", transform=transform, **said
    ) as file:
        file.write(np.ones((1, 100, 100), np.uint8))
    crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{epsg}"}}
    area = {"type": "Feature", "properties": {"class": "c"}, "geometry": geometry}
    text = json.dumps({"type": "FeatureCollection", "crs": crs, "features": [area]})
    (root / "labels/a.geojson").write_text(text)
    fmt = load_format("geojson")
    done = transfer(read_dataset(root), root / "out", fmt, options=fmt.WriteOptions(crs="lonlat"))
    (file,) = (root / "out").rglob("*.geojson")
    (found,) = json.loads(file.read_text())["features"]
    return shapely.geometry.shape(found["geometry"]), {loss.kind for loss in done.losses}


X, Y = 500_000.0, 6_000_000.0
GRID = rasterio.Affine(100, 0, X, 0, -100, Y)
SHELL = box(X + 1020, Y - 9020, X + 9020, Y - 1020)


@pytest.mark.parametrize(
    "geometry",
    [
        # Straight in UTM, its upper and lower sides are arcs in longitude and latitude.
        {"type": "Polygon", "coordinates": [
            SHELL, box(X + 5000, Y - 1020.5, X + 5001, Y - 1020.2)[::-1]
        ]},
        {"type": "MultiPolygon", "coordinates": [
            [SHELL], [box(X + 5000, Y - 9020.5, X + 5001, Y - 9020.2)]
        ]},
        # A part beside it that meets the first in two points.
        {"type": "MultiPolygon", "coordinates": [
            [SHELL], [box(X + 5000, Y - 9020.5, X + 5001, Y - 9020.2)], [[
                [X + 9020, Y - 9020], [X + 9520, Y - 9020], [X + 9520, Y - 1020],
                [X + 9020, Y - 1020], [X + 9220, Y - 5000], [X + 9020, Y - 9020],
            ]],
        ]},
        # An island in a hole that leaves both.
        {"type": "MultiPolygon", "coordinates": [
            [SHELL, box(X + 1020.1, Y - 9019.9, X + 9019.9, Y - 1020.05)[::-1]],
            [box(X + 5000, Y - 1020.2, X + 5001, Y - 1020.1)],
        ]},
    ],
)  # fmt: skip
def test_a_ring_that_comes_to_lie_beyond_a_side_is_told(tmp_path, geometry):
    assert shapely.geometry.shape(geometry).is_valid
    found, losses = moved(tmp_path, 32632, GRID, geometry)
    assert found.is_valid
    assert losses == {"vertices"}


def test_a_pixel_over_the_180th_meridian_mirrors_nothing(tmp_path):
    to_utm = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32660", always_xy=True)
    x, y = to_utm.transform(180.0, 10.0)
    area = {"type": "Polygon", "coordinates": [box(x - 402, y - 303, x - 102, y + 303)]}
    transform = rasterio.Affine(10, 0, x - 505, 0, -10, y + 500)
    found, losses = moved(tmp_path, 32660, transform, area)
    assert losses == set()
    assert found.exterior.is_ccw
    assert found.is_valid


def test_the_180th_meridian_along_the_diagonal_of_an_image_mirrors_nothing(tmp_path):
    x, y = -1e6, 1e6
    area = {"type": "Polygon", "coordinates": [box(x + 6000, y - 3000, x + 9000, y - 1000)]}
    found, losses = moved(tmp_path, 3413, rasterio.Affine(100, 0, x, 0, -100, y), area)
    assert losses == set()
    assert found.exterior.is_ccw


def test_places_beyond_the_earth_do_not_say_which_way_rings_turn():
    disk = "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80"
    frame = Frame((100, 100), ((108_000.0, 0, -5.4e6), (0, -108_000.0, 5.4e6), (0, 0, 1)), disk)
    assert not mirrors(frame, disk, "EPSG:4326")
    assert mirrors(frame, "pixel", "EPSG:4326")


@pytest.mark.parametrize("row", [1, 5, 40])
def test_a_hole_near_a_long_side_of_pixel_edges_stays_in_its_shell(row):
    frame = Frame((1098, 1098), ((100, 0, 399_960), (0, -100, 6_000_000), (0, 0, 1)), "EPSG:32632")
    dense = np.ones(frame.size, bool)
    dense[row, 549] = False
    mask = Masks.from_dense(dense)
    rows = Rows.make(mask, [0])
    said = geometry_of(rows, 0, frame, ("EPSG:4326", None), 7)
    assert shapely.geometry.shape(said.geometry).is_valid
    assert said.vertices
    read = [frame.to_pixels(ring, "EPSG:4326") for ring in rings_of(said.geometry, "geometry")]
    assert frame.mask(read) == mask
