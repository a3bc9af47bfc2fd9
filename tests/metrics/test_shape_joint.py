"""Joint counts of two id maps: by hand, against plain counting, from maps and from masks alike."""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
import pytest
from skimage.metrics import contingency_table

from maskloom.core.masks import Masks
from maskloom.errors import DataError
from maskloom.metrics.contingency import columns_of
from maskloom.metrics.shape.joint import joint_ids, joint_masks

N_CASES = int(os.environ.get("MASKLOOM_FUZZ", "400"))
DTYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "bool"]


def as_dict(table):
    return {
        (int(table.truth_ids[t]), int(table.predicted_ids[p])): int(n)
        for t, p, n in zip(table.truth, table.predicted, table.pixels, strict=True)
    }


def plain(truth, predicted):
    return dict(Counter(zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True)))


def random_map(rng, dtype, shape):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        ids = np.array([False, True])
    else:
        low, high = np.iinfo(dtype).min, min(np.iinfo(dtype).max, 2**63 - 1)
        ids = rng.integers(low, high, int(rng.integers(1, 9)), np.int64, endpoint=True)
        ids = np.concatenate([ids, [0]]).astype(dtype)
    picked = ids[rng.integers(0, len(ids), shape)]
    return np.repeat(picked, int(rng.integers(1, 6)), axis=-1)[..., : shape[-1]]


def test_two_lines_by_hand():
    truth = np.array([[0, 0, 7, 7], [0, 7, 7, -1]])
    predicted = np.array([[0, 3, 3, 3], [0, 0, 3, 3]])
    table = joint_ids(truth, predicted)
    assert table.truth_ids.tolist() == [-1, 0, 7]
    assert table.predicted_ids.tolist() == [0, 3]
    assert as_dict(table) == {(0, 0): 2, (0, 3): 1, (7, 0): 1, (7, 3): 3, (-1, 3): 1}
    assert (np.diff(table.truth * 2 + table.predicted) > 0).all()
    assert table.truth_areas.tolist() == [1, 3, 4]
    assert table.predicted_areas.tolist() == [3, 5]


def test_pixels_of_ignored_true_ids_leave_the_table_and_so_do_ids_that_vanish():
    table = joint_ids(np.array([[1, 1, 2, 9]]), np.array([[4, 4, 4, 5]])).without([9, 77])
    assert table.truth_ids.tolist() == [1, 2]
    assert table.predicted_ids.tolist() == [4]
    assert as_dict(table) == {(1, 4): 2, (2, 4): 1}


def test_the_largest_and_smallest_ids_come_back():
    ends = np.array([[np.iinfo(np.int64).min, np.iinfo(np.int64).max]])
    assert joint_ids(ends, ends).truth_ids.tolist() == ends[0].tolist()
    assert joint_ids(ends, ends.astype(np.int32)).predicted_ids.tolist() == [-1, 0]
    with pytest.raises(DataError, match="64 signed bits"):
        joint_ids(np.array([[2**63]], np.uint64), np.array([[1]], np.uint64))


def test_what_is_no_pair_of_id_maps_is_refused():
    with pytest.raises(DataError, match="differ in size"):
        joint_ids(np.zeros((2, 3), int), np.zeros((3, 2), int))
    with pytest.raises(DataError, match="whole numbers"):
        joint_ids(np.zeros((2, 3)), np.zeros((2, 3), int))


def test_maps_without_a_pixel_share_nothing():
    assert as_dict(joint_ids(np.zeros((0, 4), int), np.zeros((0, 4), int))) == {}


def test_any_dtypes_shapes_and_memory_orders_give_plain_counts():
    for seed in range(N_CASES):
        rng = np.random.default_rng(seed)
        shape = tuple(rng.integers(1, 60, int(rng.integers(1, 4))))
        sides = [random_map(rng, d, shape) for d in rng.choice(DTYPES, 2)]
        if rng.random() < 0.3:
            sides = [np.asfortranarray(side) for side in sides]
        if rng.random() < 0.3:
            sides[0] = sides[0][::-1]
        assert as_dict(joint_ids(*sides)) == plain(*sides), seed


def test_more_pairs_than_the_table_starts_with():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 200, (2, 300, 400), np.uint32)
    table = joint_ids(truth, predicted)
    assert len(table.pixels) > 30_000
    assert as_dict(table) == plain(truth, predicted)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8"])
def test_lines_of_every_length_around_words_and_blocks(dtype):
    rng = np.random.default_rng(4)
    for n in (*range(1, 200), 1023, 1024, 1025, 1088, 1089, 2049):
        for share in (0.0, 0.02, 1.0):
            changes = rng.random((2, n)) < share
            truth, predicted = (np.cumsum(changes, axis=1) % 251).astype(dtype)
            assert as_dict(joint_ids(truth, predicted)) == plain(truth, predicted), (n, share)


def test_pairs_of_zeros_are_found_again_when_the_table_grows():
    truth = np.zeros(20_000, np.uint32)
    truth[1::2] = np.arange(10_000) + 1
    predicted = truth[::-1].copy()
    predicted[:50] = truth[:50] = 0
    assert as_dict(joint_ids(truth, predicted)) == plain(truth, predicted)


def test_scikit_image_counts_the_same():
    rng = np.random.default_rng(1)
    truth, predicted = rng.integers(0, 30, (2, 50, 70))
    found, wanted = joint_ids(truth, predicted), contingency_table(truth, predicted).tocoo()
    rows = dict(
        zip(zip(*(c.tolist() for c in wanted.coords), strict=True), wanted.data, strict=True)
    )
    assert as_dict(found) == rows


def test_masks_give_the_table_of_their_maps():
    for seed in range(N_CASES // 4):
        rng = np.random.default_rng(seed)
        truth, predicted = rng.integers(0, 5, (2, *rng.integers(1, 12, 2)))
        sides = []
        for ids in (truth, predicted):
            masks, found = Masks.from_id_map(ids)
            ids[...] = np.searchsorted(found, ids, side="right")
            sides.append((columns_of(masks), len(masks)))
        (t, n), (p, m) = sides
        table = joint_masks(t, p, n, m, frame_px=truth.size)
        assert as_dict(table) == plain(truth, predicted)
        one = joint_ids(truth, predicted)
        for name in table.__slots__:
            np.testing.assert_array_equal(getattr(table, name), getattr(one, name))
