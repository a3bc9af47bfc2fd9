from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.metrics import surface_cases as cases

from maskloom.errors import DataError, UsageError
from maskloom.metrics.surface import pair
from maskloom.metrics.surface.distances import reach
from maskloom.metrics.surface.pair import grid, packed, sides
from maskloom.metrics.surface.rules import SURFACE_RULES, SurfaceRules
from maskloom.metrics.surface.scores import surface_scores

FACES = SurfaceRules()


def both(truth, predicted, spacing, rules=FACES, threads=1):
    with grid(truth.shape, spacing, threads) as at:
        words = [packed(one, at, 0, others=True) for one in (truth, predicted)]
        return [side.distances for side in sides(*words, at, rules)]


def checked(truth, predicted, spacing, rules=FACES, find=cases.border):
    """The scipy transform rounds the same sums; it may meet another of equally near points."""
    forth, back = both(truth, predicted, spacing, rules)
    for mine, one, other in ((forth, truth, predicted), (back, predicted, truth)):
        if find(other).any():
            wanted = cases.distances(one, other, spacing, find)
            np.testing.assert_allclose(mine, wanted, rtol=1e-15, atol=0)
            if all(float(s).is_integer() for s in spacing):
                assert (mine == wanted).all()
        else:
            assert len(mine) == find(one).sum()
            assert np.isinf(mine).all()


def test_two_pixels_of_an_image_by_hand():
    a, b = np.zeros((2, 9, 9), bool)
    a[1, 2] = b[4, 6] = True
    assert both(a, b, (1, 1))[0].tolist() == [5.0]
    assert both(a, b, (4, 0.5))[0].tolist() == [np.sqrt(148)]


def test_the_axis_of_a_spacing_is_that_of_the_array():
    a, b = np.zeros((2, 3, 5, 7), bool)
    a[0, 0, 0] = b[2, 0, 0] = True
    assert both(a, b, (10, 1, 0.1))[0].tolist() == [20.0]
    assert both(a.T, b.T, (0.1, 1, 10))[1].tolist() == [20.0]


def test_distances_are_those_of_the_distance_transform():
    rng = np.random.default_rng(3)
    for _ in range(cases.FUZZ):
        truth, other, spacing = cases.pair(rng)
        checked(truth, other, spacing)
        full = dataclasses.replace(FACES, surface="full")
        checked(truth, other, spacing, full, lambda one: cases.border(one, full=True))
        checked(truth, other, spacing, SURFACE_RULES["deepmind"], cases.corners)


@pytest.mark.parametrize("rows", [1, 4, 30])
def test_far_points_are_as_near_as_the_transform_says(monkeypatch, rows):
    monkeypatch.setattr(pair, "_ROWS_NEAR", rows)
    rng = np.random.default_rng(4)
    for _ in range(cases.FUZZ // 3):
        checked(*cases.pair(rng, widest=40))


def test_outliers_far_away_in_every_direction():
    rng = np.random.default_rng(5)
    for shape in ((90, 80, 300), (3, 500, 40), (500, 3, 3), (700, 900), (3, 3000), (3000, 3)):
        a, b = np.zeros((2, *shape), bool)
        for one in (a, b):
            at = [rng.integers(0, s, 12) for s in shape]
            one[tuple(at)] = True
        b[tuple(slice(0, max(1, s // 9)) for s in shape)] = True
        checked(a, b, tuple(rng.choice(cases.SPACINGS, len(shape))))


def test_coarse_columns_are_out_of_reach_and_still_right():
    """Spacing of 10 along rows: the next column is farther than many rows."""
    rng = np.random.default_rng(6)
    for _ in range(30):
        checked(rng.random((9, 9, 12)) < 0.05, rng.random((9, 9, 12)) < 0.05, (0.5, 0.5, 10))


def test_threads_give_the_same_bits():
    rng = np.random.default_rng(7)
    for _ in range(20):
        truth, other, spacing = cases.pair(rng, widest=60)
        alone = both(truth, other, spacing, SURFACE_RULES["deepmind"])
        for threads in (2, 3):
            shared = both(truth, other, spacing, SURFACE_RULES["deepmind"], threads)
            assert [one.tobytes() for one in alone] == [one.tobytes() for one in shared]


def test_the_reach_holds_every_row_up_to_its_limit():
    for spacing in ((1.5, 1, 1), (10, 0.5, 0.5), (0.5, 0.5, 10), (0.1, 7, 1)):
        for deep in (True, False):
            found = reach(spacing, deep=deep, rows=64)
            z, y = np.mgrid[-60:61, -200:201]
            square = (z * spacing[0]) ** 2 + (y * spacing[1]) ** 2
            wanted = ((square < found.limit) & (deep | (z == 0))).sum()
            rows = {
                (a * z, b * y) for z, y in found.offsets.tolist() for a in (1, -1) for b in (1, -1)
            }
            assert len(rows) == wanted
            assert found.limit <= (29 * spacing[2]) ** 2
            assert (np.abs(found.offsets).max(axis=0) <= found.margin).all()


def test_memory_order_and_strides_do_not_matter():
    rng = np.random.default_rng(8)
    truth, other = rng.random((2, 9, 10, 70)) < 0.3
    wanted = surface_scores(truth, other)
    assert surface_scores(np.asfortranarray(truth), other) == wanted
    wide = np.zeros((9, 20, 70), bool)
    wide[:, ::2] = other
    assert surface_scores(truth, wide[:, ::2]) == wanted
    assert surface_scores(truth.view(np.uint8) * 7, other) == wanted


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0, 0), (3, 4, 0)])
def test_arrays_without_pixels_have_no_surface(shape):
    none = np.zeros(shape, bool)
    assert surface_scores(none, none).hd is None


def test_what_cannot_be_measured_is_refused():
    one = np.zeros((3, 4), bool)
    with pytest.raises(DataError, match="differ in size"):
        surface_scores(one, np.zeros((3, 5), bool))
    with pytest.raises(DataError, match="an image"):
        surface_scores(np.zeros(5, bool), np.zeros(5, bool))
    with pytest.raises(DataError, match="bool or uint8"):
        surface_scores(one, one.astype(float))
    for spacing in ((1,), (1, 1, 1), (0, 1), (-1, 1), (np.nan, 1), (np.inf, 1)):
        with pytest.raises(DataError, match="spacing"):
            surface_scores(one, one, spacing=spacing)
    for options in ({"tolerance": -1}, {"tolerance": np.nan}, {"percentile": 101}, {"threads": 0}):
        with pytest.raises(UsageError):
            surface_scores(one, one, **options)
