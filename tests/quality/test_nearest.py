from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from maskloom.quality.nearest import nearest

SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=24)


def brute(codes_map, yx, wanted, reach):
    """The definition: look at every pixel of the code."""
    out = np.full(len(yx), np.inf)
    for i, (place, code) in enumerate(zip(yx, wanted, strict=True)):
        steps = np.argwhere(codes_map == code) - place
        far = np.sqrt((steps**2).sum(axis=1)).min(initial=np.inf)
        out[i] = far if far <= reach else np.inf
    return out


@st.composite
def questions(draw):
    """A map of blobs or noise with holes (-1), and places that want codes they do not have."""
    shape = draw(SHAPES)
    n_codes = draw(st.sampled_from([1, 2, 5, 40]))
    cell = draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    coarse = rng.integers(-1, n_codes, [side // cell + 1 for side in shape])
    codes_map = np.kron(coarse, np.ones((cell, cell)))[: shape[0], : shape[1]].astype(np.int32)
    asked = rng.integers(0, n_codes, shape).astype(np.int32)
    at = (asked != codes_map) & (rng.random(shape) < draw(st.sampled_from([0.02, 0.3, 1.0])))
    reach = draw(st.sampled_from([0.5, 1.0, 1.5, 2.9, 5.0, 7.3, 100.0]))
    return np.ascontiguousarray(codes_map), np.argwhere(at), asked[at], reach


@given(questions())
def test_distances_are_those_of_the_definition(question):
    np.testing.assert_array_equal(nearest(*question), brute(*question))


@pytest.mark.parametrize(("reach", "expected"), [(5.0, 5.0), (4.99, np.inf)])
def test_a_pixel_at_the_reach_is_near_and_one_beyond_is_not(reach, expected):
    codes_map = np.zeros((9, 9), np.int32)
    codes_map[1, 2] = 7
    found = nearest(codes_map, np.array([[4, 6]]), np.array([7], np.int32), reach)
    assert found.tolist() == [expected]


def test_a_large_frame_with_as_many_codes_as_pixels_is_answered():
    """Nothing is kept for each code and column."""
    side = 700
    codes_map = np.arange(side * side, dtype=np.int32).reshape(side, side)
    yx = np.argwhere(codes_map[:, 3:] >= 0)
    found = nearest(codes_map, yx, codes_map[:, 3:].ravel(), 10.0)
    assert (found == 3.0).all()
