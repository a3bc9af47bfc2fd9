from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
import shapely

from maskloom.formats.geojson.nesting import polygons_of


def square(x, y, side):
    return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]], float)


def shape_of(polygons):
    return shapely.MultiPolygon([(shell, holes) for shell, *holes in polygons])


def parity(rings):
    area = shapely.Polygon()
    for ring in rings:
        area = area.symmetric_difference(shapely.Polygon(ring))
    return area


def test_a_hole_goes_with_the_ring_around_it_and_an_island_in_it_is_a_polygon_again():
    rings = [square(4, 4, 2), square(20, 0, 5), square(0, 0, 10), square(3, 3, 4)]
    found = polygons_of(rings)
    assert [[ring[0].tolist() for ring in area] for area in found] == [
        [[4, 4]],
        [[20, 0]],
        [[0, 0], [3, 3]],
    ]
    assert (shape_of(found).is_valid, shape_of(found).area) == (True, 4 + 25 + 100 - 16)


def test_shells_turn_left_and_holes_right_from_the_same_vertex_on():
    for step in (1, -1):
        rings = [square(0, 0, 9)[::step], square(2, 2, 3)[::step]]
        ((shell, hole),) = polygons_of(rings)
        assert shapely.LinearRing(shell).is_ccw
        assert not shapely.LinearRing(hole).is_ccw
        assert (shell[0] == rings[0][0]).all()


@pytest.mark.parametrize(
    "rings",
    [
        [square(0, 0, 4), square(2, 2, 4)],
        [square(0, 0, 4), square(0, 0, 4)],
        [square(0, 0, 4), square(4, 0, 4)],
        [square(0, 0, 4), square(1, 0, 2)],
        [np.array([[0, 0], [4, 4], [4, 0], [0, 4]], float)],
        [np.array([[0, 0], [4, 0], [8, 0]], float)],
        [np.array([[0, 0], [4, 0], [4, 4], [6, 4], [4, 4], [0, 4]], float)],
        [np.array([[0, 0], [0, 0], [1, 1]], float)],
        [square(0, 0, 4), np.array([[2, 0], [4, 2], [2, 4], [0, 2]], float)],
    ],
)
def test_rings_that_cross_or_share_a_side_make_no_polygons(rings):
    assert polygons_of(rings) is None


def test_an_inside_that_holes_cut_in_two_makes_no_polygon():
    left = np.array([[0, 0], [5, 2], [5, 8]], float)
    right = np.array([[5, 8], [5, 2], [10, 10]], float)
    shell = np.array([[-1, -1], [12, -1], [12, 12], [-1, 12]], float)
    assert polygons_of([shell, left, right]) is None
    row = [np.array(c, float) for c in (
        [[0, 5], [3, 3], [5, 5]], [[5, 5], [7, 3], [10, 5]]
    )]  # fmt: skip
    assert polygons_of([square(0, 0, 10), *row]) is None
    one = polygons_of([square(0, 0, 10), row[0]])
    assert shape_of(one).is_valid


def test_corners_may_meet_and_a_vertex_may_stand_twice():
    found = polygons_of([square(0, 0, 2), square(2, 2, 2), np.repeat(square(9, 9, 2), 2, axis=0)])
    assert len(found) == 3
    assert shape_of(found).is_valid


@pytest.mark.parametrize("grid", [None, 6, 12])
@pytest.mark.parametrize("offset", [0.0, 4.9e6])
def test_random_rings_agree_with_shapely(grid, offset):
    rng = np.random.default_rng(5)
    kept = 0
    for _ in range(1500):
        rings = []
        for _ in range(int(rng.integers(1, 4))):
            ring = rng.uniform(0, 12, 2) + rng.uniform(0, 12, (int(rng.integers(3, 6)), 2))
            rings.append((np.round(ring * grid / 12) if grid else ring) + offset)
        found = polygons_of(rings)
        lines = [shapely.LinearRing(ring) for ring in rings]
        apart = all(not a.intersects(b) for i, a in enumerate(lines) for b in lines[:i])
        if found is None:
            assert not (apart and all(line.is_simple and line.is_valid for line in lines))
            continue
        kept += 1
        shape = shape_of(found)
        assert shape.is_valid, shapely.is_valid_reason(shape)
        assert np.isclose(shape.area, parity(rings).area, rtol=1e-6)
    assert kept > 100


def test_a_long_ring_with_many_holes_is_nested():
    turn = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    shell = 1000 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    holes = [square(x, y, 8) for x in range(-300, 300, 30) for y in range(-300, 300, 30)]
    (area,) = polygons_of([*holes, shell])
    assert len(area) == 401
    assert shape_of([area]).is_valid


def test_rings_around_one_another_are_not_compared_each_with_each():
    rings = [square(-i, -i, 2 * i) for i in range(1, 2001)]
    found = polygons_of(rings)
    assert [len(area) for area in found] == [2] * 1000
    assert shape_of(found).is_valid


def test_many_holes_that_meet_the_shell_cut_nothing_in_two():
    teeth = [[[2 * i, 0], [2 * i + 1, 2], [2 * i - 0.5, 1]] for i in range(1, 2001)]
    holes = [np.array(tooth, float) for tooth in teeth]
    (area,) = polygons_of([*holes, square(0, 0, 8000)])
    assert len(area) == 2001
    assert shape_of([area]).is_valid
    closing = np.array([[5, 2], [7, 2], [6, 4]], float)
    assert polygons_of([*holes, square(0, 0, 8000), closing]) is None


@pytest.mark.parametrize("step", [1, -1])
def test_sides_of_a_comb_are_compared_across_its_teeth(step):
    n = 20_000
    teeth = [[[1, 2 * i], [100, 2 * i], [100, 2 * i + 1], [1, 2 * i + 1]] for i in range(n)]
    ring = np.array([*chain.from_iterable(teeth), [0, 2 * n - 1], [0, 0]], float)[:, ::step]
    ((shell,),) = polygons_of([ring])
    assert shapely.Polygon(shell).is_valid
