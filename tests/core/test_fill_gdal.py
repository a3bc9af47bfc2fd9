from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.masks import Masks
from maskloom.errors import MaskError

FRAME = (24, 31)


def closed(ring):
    return [*map(tuple, ring.tolist()), tuple(ring[0].tolist())]


def clockwise(ring):
    """Turned as GDAL turns rings before it burns them: clockwise with y up."""
    x, y = ring.T
    area = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum()
    return ring[::-1] if area > 0 else ring


def burnt(rings, frame=FRAME):
    features = pytest.importorskip("rasterio.features", reason="needs the extra geo")
    shape = {"type": "Polygon", "coordinates": [closed(ring) for ring in rings]}
    return features.rasterize([(shape, 1)], out_shape=frame).astype(bool)


def filled(rings, frame=FRAME):
    turned = [clockwise(ring) for ring in rings]
    return Masks.from_polygons([turned], frame, rule="gdal").validate().decode()[0]


def star(rng, n, *, scale=1.0):
    """A ring around a centre, which does not cross itself."""
    angles = np.sort(rng.random(n)) * 2 * np.pi
    radius = rng.uniform(1, 14, n) * scale
    centre = rng.uniform(-2, 28, 2)
    return centre + np.stack([np.cos(angles), np.sin(angles)], 1) * radius[:, None]


@pytest.mark.parametrize("step", [None, 1.0, 0.5, 0.25])
def test_polygons_are_filled_as_rasterio_fills_them_ties_included(step):
    rng = np.random.default_rng(5)
    for _ in range(400):
        ring = star(rng, int(rng.integers(3, 12)))
        if step is not None:
            ring = np.round(ring / step) * step
        np.testing.assert_array_equal(filled([ring]), burnt([ring]))


def test_holes_and_sides_at_the_height_of_centres_are_those_of_rasterio():
    square = np.array([[0, 0], [6, 0], [6, 6], [0, 6]], float)
    for corner in (1.0, 1.25, 1.5, 1.75):
        for size in (1.0, 1.5, 2.0, 3.0):
            hole = corner + square / 6 * size
            for outer in (square, square + 0.5, square[::-1]):
                for inner in (hole, hole[::-1]):
                    np.testing.assert_array_equal(filled([outer, inner]), burnt([outer, inner]))


def test_rings_that_cross_themselves_are_filled_by_parity_as_rasterio_does():
    rng = np.random.default_rng(6)
    for _ in range(300):
        rings = [rng.uniform(-3, 30, (int(rng.integers(3, 9)), 2)) for _ in range(2)]
        np.testing.assert_array_equal(filled(rings), burnt(rings))


def test_the_centre_rule_differs_from_gdal_in_ties_alone():
    ring = np.array([[0.5, 0.5], [3.5, 0.5], [3.5, 3.5], [0.5, 3.5]])
    ours = Masks.from_polygons([[ring]], (5, 5), rule="centre").decode()[0]
    assert not np.array_equal(ours, filled([ring], (5, 5)))
    rng = np.random.default_rng(7)
    for _ in range(100):
        ring = star(rng, 7)
        ours = Masks.from_polygons([[ring]], FRAME, rule="centre").decode()[0]
        np.testing.assert_array_equal(ours, filled([ring]))


def test_pixel_edge_rings_come_back_exact():
    rng = np.random.default_rng(8)
    dense = rng.random((50, 17, 23)) < rng.random((50, 1, 1))
    masks = Masks.from_dense(dense)
    rings = [masks.rings(i) for i in range(len(masks))]
    assert Masks.from_polygons(rings, (17, 23), rule="gdal") == masks


def test_no_vertex_that_is_not_finite_is_filled():
    with pytest.raises(MaskError, match="not finite"):
        Masks.from_polygons([[[(0, 0), (1, np.nan), (2, 2)]]], (4, 4), rule="gdal")


def test_empty_frames_and_rings_beyond_the_frame_have_no_pixels():
    ring = np.array([[0, 0], [3, 0], [3, 3]], float)
    assert Masks.from_polygons([[ring]], (0, 0), rule="gdal").areas.tolist() == [0]
    assert Masks.from_polygons([[ring + 100]], (4, 4), rule="gdal").areas.tolist() == [0]
    assert Masks.from_polygons([[ring - 100]], (4, 4), rule="gdal").areas.tolist() == [0]
