"""The hand-drawn truth of the built-in photographs, and how they are loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from maskloom.errors import ImageError
from maskloom.store.builtin import BuiltinImage, fill_even_odd, real_images


@pytest.fixture(scope="module")
def coins() -> BuiltinImage:
    (image,) = real_images()
    return image


def test_a_square_between_pixel_edges_fills_exactly_its_pixels() -> None:
    square = np.array([[1, 1], [3, 1], [3, 4], [1, 4]], np.float64)
    expected = np.zeros((5, 4), bool)
    expected[1:4, 1:3] = True
    np.testing.assert_array_equal(fill_even_odd(square, (5, 4)), expected)


def test_a_square_through_pixel_centres_owns_its_left_and_top_centres_only() -> None:
    square = np.array([[0.5, 0.5], [2.5, 0.5], [2.5, 2.5], [0.5, 2.5]])
    expected = np.zeros((3, 3), bool)
    expected[:2, :2] = True
    np.testing.assert_array_equal(fill_even_odd(square, (3, 3)), expected)


def test_a_ring_that_crosses_itself_has_an_even_odd_hole() -> None:
    twice = np.array(
        [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0], [1, 1], [3, 1], [3, 3], [1, 3], [1, 1]],
        np.float64,
    )
    filled = fill_even_odd(twice, (4, 4))
    assert filled.sum() == 12
    assert not filled[1:3, 1:3].any()


def test_polygon_outside_the_frame_fills_nothing_and_does_not_wrap() -> None:
    outside = np.array([[-5, -5], [-1, -5], [-1, -1], [-5, -1]], np.float64)
    assert not fill_even_odd(outside, (4, 4)).any()


@given(
    st.lists(st.tuples(st.floats(-3, 11), st.floats(-3, 11)), min_size=3, max_size=9),
    st.integers(0, 8),
)
def test_fill_does_not_depend_on_the_starting_vertex(
    points: list[tuple[float, float]], start: int
) -> None:
    ring = np.array(points, np.float64)
    turned = np.roll(ring, start, axis=0)
    np.testing.assert_array_equal(fill_even_odd(ring, (8, 8)), fill_even_odd(turned, (8, 8)))


def test_coins_have_the_pixels_that_scikit_image_shows(coins: BuiltinImage) -> None:
    np.testing.assert_array_equal(coins.pixels, skimage.data.coins())
    assert coins.name == "coins"


def test_coins_have_24_outlines_inside_the_frame(coins: BuiltinImage) -> None:
    assert len(coins.polygons) == 24
    assert set(coins.categories) == {"coin"}
    for polygon in coins.polygons:
        assert polygon.shape[0] >= 32
        assert (polygon > 0).all()
        assert (polygon < (384, 303)).all()


def test_no_pixel_belongs_to_two_coins_and_each_coin_is_one_piece(coins: BuiltinImage) -> None:
    masks = [fill_even_odd(p, (303, 384)) for p in coins.polygons]
    assert np.sum(masks, axis=0).max() == 1
    for mask in masks:
        assert ndimage.label(mask)[1] == 1
        np.testing.assert_array_equal(ndimage.binary_fill_holes(mask), mask)


def test_coin_areas_are_those_of_discs_of_18_to_33_px_radius(coins: BuiltinImage) -> None:
    ids = coins.instance_map()
    areas = np.bincount(ids.ravel(), minlength=25)
    assert ids.dtype == np.int32
    assert areas[1:].min() > np.pi * 17.5**2
    assert areas[1:].max() < np.pi * 33**2
    shoelace = [_area(p) for p in coins.polygons]
    np.testing.assert_allclose(areas[1:], shoelace, rtol=0.02)


def test_outlines_lie_on_rims(coins: BuiltinImage) -> None:
    """Just inside, nearly every coin is clearly brighter than just outside (this picture)."""
    ids = coins.instance_map()
    for number in range(1, 25):
        mask = ids == number
        inner = mask & ~ndimage.binary_erosion(mask, iterations=3)
        outer = ndimage.binary_dilation(mask, iterations=4) & ~ndimage.binary_dilation(mask)
        assert coins.pixels[inner].mean() > coins.pixels[outer & (ids == 0)].mean() + 20


def test_rows_hold_six_coins_each_and_join_to_the_whole(coins: BuiltinImage) -> None:
    rows = coins.rows()
    assert [len(r.polygons) for r in rows] == [6, 6, 6, 6]
    assert [r.name for r in rows] == [f"coins-row{i}" for i in (1, 2, 3, 4)]
    np.testing.assert_array_equal(np.vstack([r.pixels for r in rows]), coins.pixels)
    joined = np.vstack([r.instance_map() > 0 for r in rows])
    np.testing.assert_array_equal(joined, coins.instance_map() > 0)


def test_a_picture_with_other_pixels_is_refused(tmp_path: Path) -> None:
    source = Path(skimage.data.__file__).parent
    shutil.copy(source / "cell.png", tmp_path / "coins.png")
    with pytest.raises(ImageError, match="not the picture that the built-in truth was drawn on"):
        real_images(data_dir=tmp_path)


def test_a_missing_or_damaged_picture_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"coins\.png.*cannot read"):
        real_images(data_dir=tmp_path)
    (tmp_path / "coins.png").write_bytes(b"not a picture")
    with pytest.raises(ImageError, match="not an 8-bit picture"):
        real_images(data_dir=tmp_path)


def _area(polygon: np.ndarray) -> float:
    x, y = polygon.T
    return abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))) / 2
