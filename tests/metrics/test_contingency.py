from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.masks import Masks
from maskloom.metrics.contingency import columns_of, overlap_in, shared_pixels


def table(a, b, n, m):
    """(N, M) pixels of id i in a and id j in b, counted by numpy; ids from 1."""
    out = np.zeros((n + 1, m + 1), np.int64)
    np.add.at(out, (a.ravel(), b.ravel()), 1)
    return out[1:, 1:]


def found_table(a, b, n, m):
    sides = [
        Masks.from_dense(np.array([ids == i + 1 for i in range(k)])) for ids, k in ((a, n), (b, m))
    ]
    rows, columns, pixels = shared_pixels(*map(columns_of, sides), m)
    keys = rows * m + columns
    assert (np.diff(keys) > 0).all()
    out = np.zeros((n, m), np.int64)
    out[rows, columns] = pixels
    return out


def test_shared_pixels_by_hand():
    a = np.array([[1, 1, 2], [0, 1, 2]])
    b = np.array([[1, 2, 2], [1, 2, 0]])
    assert found_table(a, b, 2, 2).tolist() == [[1, 2], [0, 1]]


@pytest.mark.parametrize(("n", "m", "size"), [(3, 5, (20, 31)), (40, 60, (64, 50)), (1, 1, (1, 1))])
def test_shared_pixels_equal_the_histogram_of_dense_maps(n, m, size):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        # blocks of one id, and noise that gives every column many short runs
        a = np.kron(rng.integers(0, n + 1, size), np.ones((3, 2), int))
        b = rng.integers(0, m + 1, a.shape)
        assert (found_table(a, b, n, m) == table(a, b, n, m)).all()


def test_more_pairs_than_the_table_starts_with():
    rng = np.random.default_rng(0)
    a, b = rng.integers(1, 129, (2, 300, 300))
    wanted = table(a, b, 128, 128)
    assert (wanted > 0).sum() > 10_000
    assert (found_table(a, b, 128, 128) == wanted).all()


def test_no_mask_on_a_side_shares_nothing():
    one, none = Masks.from_dense(np.ones((1, 3, 3), bool)), Masks.empty(0, (3, 3))
    for a, b in ((one, none), (none, one), (none, none)):
        assert [len(c) for c in shared_pixels(columns_of(a), columns_of(b), len(b))] == [0, 0, 0]


def test_masks_that_touch_do_not_overlap():
    ids = np.random.default_rng(1).integers(0, 5, (30, 30))
    assert overlap_in(columns_of(Masks.from_id_map(ids, background=None)[0])) is None
    assert overlap_in(columns_of(Masks.empty(2, (4, 4)))) is None


def test_every_pixel_claimed_more_than_once_is_counted_once():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        dense = np.zeros((int(rng.integers(2, 7)), 12, 9), bool)
        for mask in dense:
            for _ in range(2):
                y, x = rng.integers(0, 12), rng.integers(0, 9)
                mask[y : y + rng.integers(1, 9), x : x + rng.integers(1, 5)] = True
        claims = dense.sum(axis=0)
        found = overlap_in(columns_of(Masks.from_dense(dense)))
        if (claims < 2).all():
            assert found is None
            continue
        assert found.pixels == (claims > 1).sum()
        by_column = np.argwhere((claims > 1).T)[0]
        assert (found.x, found.y) == tuple(by_column)
        assert found.one != found.other
        assert dense[found.one, found.y, found.x]
        assert dense[found.other, found.y, found.x]
