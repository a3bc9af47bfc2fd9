"""Pixel-edge rings: exact both ways, canonical, and as large as the mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from maskloom.core.masks import Masks


def shoelace(ring: NDArray[np.int32]) -> float:
    x, y = ring.astype(np.int64).T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def check(frames: NDArray[np.bool_], connectivity: int) -> None:
    masks = Masks.from_dense(frames)
    outlines = [masks.rings(i, connectivity) for i in range(len(masks))]
    assert Masks.from_polygons(outlines, frames.shape[1:], rule="edge") == masks
    topology = masks.topology(connectivity)
    for i, rings in enumerate(outlines):
        areas = [shoelace(ring) for ring in rings]
        assert sum(areas) == masks.areas[i]
        assert sum(a > 0 for a in areas) == topology[i, 0]
        assert sum(a < 0 for a in areas) == topology[i, 1]
        starts = [tuple(ring[0].tolist()) for ring in rings]
        assert starts == sorted(starts)
        for ring in rings:
            assert tuple(ring[0]) == min(map(tuple, ring))
            steps = np.roll(ring, -1, axis=0) - ring
            across = steps[:, 0] == 0
            assert (across != np.roll(across, 1)).all()
            assert ((steps == 0).sum(axis=1) == 1).all()


def test_one_pixel_gives_its_four_corners_clockwise_on_a_screen() -> None:
    rings = Masks.from_dense(np.array([[0, 0], [0, 1]])).rings(0)
    assert [ring.tolist() for ring in rings] == [[[1, 1], [2, 1], [2, 2], [1, 2]]]


def test_a_hole_runs_the_other_way() -> None:
    frame = np.ones((3, 3), np.bool_)
    frame[1, 1] = False
    outer, hole = Masks.from_dense(frame).rings(0)
    assert outer.tolist() == [[0, 0], [3, 0], [3, 3], [0, 3]]
    assert hole.tolist() == [[1, 1], [1, 2], [2, 2], [2, 1]]


def test_a_diagonal_pair_has_two_rings_of_4_and_one_of_8() -> None:
    masks = Masks.from_dense(np.eye(2, dtype=np.bool_))
    assert [len(ring) for ring in masks.rings(0, 4)] == [4, 4]
    assert [ring.tolist() for ring in masks.rings(0, 8)] == [
        [[0, 0], [1, 0], [1, 1], [2, 1], [2, 2], [1, 2], [1, 1], [0, 1]]
    ]


@pytest.mark.parametrize("connectivity", [4, 8])
def test_rings_fill_back_to_the_same_pixels(
    mask_frames: NDArray[np.bool_], connectivity: int
) -> None:
    check(mask_frames, connectivity)


@settings(max_examples=80, deadline=None)
@given(
    hnp.arrays(np.bool_, st.tuples(st.just(1), st.integers(1, 8), st.integers(1, 8))),
    st.sampled_from([4, 8]),
)
def test_rings_fill_back_for_any_small_mask(frames: NDArray[np.bool_], connectivity: int) -> None:
    check(frames, connectivity)
