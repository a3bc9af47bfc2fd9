from __future__ import annotations

import numpy as np

from maskloom.core.mask_rows import same
from maskloom.core.masks import Masks


def columns(masks):
    return masks.sizes, masks.boxes, masks.counts, masks.offsets


def test_rows_are_the_same_where_their_pixels_are():
    rng = np.random.default_rng(7)
    one = rng.random((400, 5, 6)) < 0.5
    two = one.copy()
    for i in range(0, 400, 3):
        two[i] ^= rng.random((5, 6)) < rng.choice([0.0, 0.02, 0.3])
    one[7], two[7], one[8] = False, False, False  # empty ones, too
    found = same(columns(Masks.from_dense(one)), columns(Masks.from_dense(two)))
    expected = (one == two).all(axis=(1, 2))
    assert found.tolist() == expected.tolist()
    assert 0 < expected.sum() < 400


def test_equal_runs_in_other_frames_are_not_the_same():
    mask = np.ones((2, 2), bool)
    one, two = Masks.from_dense(mask), Masks.from_dense(mask).place(0, 0, (2, 3))
    assert same(columns(one), columns(one)).tolist() == [True]
    assert same(columns(one), columns(two)).tolist() == [False]
    assert same(columns(one[:0]), columns(two[:0])).tolist() == []
