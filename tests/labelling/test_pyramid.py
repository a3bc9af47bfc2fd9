from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskloom.labelling import pyramid
from maskloom.labelling.pyramid import TILE_PX, Pyramid, Region, shrink

sides = st.integers(1, 5000)


def blockwise(array, factor):
    """The mean of every block, one by one."""
    height, width = array.shape[:2]
    rows = range(0, height, factor)
    columns = range(0, width, factor)
    means = [
        [array[y : y + factor, x : x + factor].reshape(-1, *array.shape[2:]).mean(0, np.float64)
         for x in columns]
        for y in rows
    ]  # fmt: skip
    return np.array(means)


@pytest.mark.parametrize(
    ("size", "levels"),
    [((1, 1), 1), ((512, 512), 1), ((513, 1), 2), ((1024, 1024), 2), ((1025, 8), 3),
     ((16384, 16384), 6), ((16385, 3), 7)],
)  # fmt: skip
def test_the_last_level_is_the_first_that_fits_into_one_tile(size, levels):
    levelled = Pyramid(*size)
    assert levelled.levels == levels
    assert levelled.grid(levels - 1) == (1, 1)
    if levels > 1:
        assert levelled.grid(levels - 2) != (1, 1)


@given(sides, sides)
def test_the_tiles_of_every_level_cover_each_pixel_once(height, width):
    whole = Pyramid(height, width)
    for level in range(whole.levels):
        rows, columns = whole.grid(level)
        regions = [whole.region(level, x, y) for y in range(rows) for x in range(columns)]
        assert sum((r.x1 - r.x0) * (r.y1 - r.y0) for r in regions) == height * width
        assert regions[0].x0 == regions[0].y0 == 0
        assert (regions[-1].x1, regions[-1].y1) == (width, height)
        for at, region in enumerate(regions):
            assert region.x0 == (at % columns) * (TILE_PX << level)
            assert region.y0 == (at // columns) * (TILE_PX << level)


@given(sides, sides)
def test_a_level_is_as_large_as_its_tiles_together(height, width):
    whole = Pyramid(height, width)
    for level in range(whole.levels):
        rows, columns = whole.grid(level)
        bottom, right = whole.size_hw(level)
        lowest = whole.region(level, columns - 1, rows - 1)
        factor = 1 << level
        assert bottom == (rows - 1) * TILE_PX + -(-(lowest.y1 - lowest.y0) // factor)
        assert right == (columns - 1) * TILE_PX + -(-(lowest.x1 - lowest.x0) // factor)


@pytest.mark.parametrize(
    "place", [(-1, 0, 0), (2, 0, 0), (0, -1, 0), (0, 0, -1), (0, 2, 0), (0, 0, 2), (1, 1, 0)]
)
def test_there_is_no_tile_outside_the_image(place):
    assert Pyramid(600, 700).region(*place) is None
    assert Pyramid(600, 700).region(0, 1, 1) == Region(512, 512, 700, 600)


@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from([2, 4, 8, 16, 64]),
    st.sampled_from([np.uint8, np.uint16, np.float32]), st.sampled_from([(), (1,), (3,)]),
    st.integers(0, 9),
)  # fmt: skip
def test_shrinking_is_the_mean_of_the_pixels_that_exist(height, width, factor, kind, rest, seed):
    rng = np.random.default_rng(seed)
    array = (rng.random((height, width, *rest)) * (255 if kind == np.uint8 else 60000)).astype(kind)
    small = shrink(array, factor)
    assert small.dtype == kind
    expected = blockwise(array, factor)
    assert small.shape == expected.shape
    room = 0.51 if np.issubdtype(kind, np.integer) else 60000 * 1e-5
    assert np.abs(small - expected).max() <= room


def test_shrinking_in_bands_changes_nothing(monkeypatch):
    array = np.random.default_rng(0).integers(0, 256, (61, 50, 3), np.uint8)
    whole = shrink(array, 4)
    monkeypatch.setattr(pyramid, "_BAND_BYTES", 1300)
    assert np.array_equal(shrink(array, 4), whole)


def test_shrinking_by_one_changes_nothing():
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert shrink(array, 1) is array
