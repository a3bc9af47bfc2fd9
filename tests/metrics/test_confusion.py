from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from maskloom.errors import DataError
from maskloom.metrics.confusion import ConfusionMatrix, joint_counts

V, B = 255, 254


def maps(seed, n_categories, shape, dtype=np.uint8, blocks=1):
    """Two blocky class maps with void and background codes."""
    rng = np.random.default_rng(seed)
    void = np.iinfo(dtype).max
    pool = np.array([*range(n_categories), void - 1, void], dtype)
    small = [-(-side // blocks) for side in shape]
    truth = np.kron(rng.choice(pool, small), np.ones((blocks, blocks), dtype))
    truth = truth[: shape[0], : shape[1]]
    predicted = truth.copy()
    noise = rng.random(shape) < 0.05
    predicted[noise] = rng.choice(pool, int(noise.sum()))
    return truth, predicted


def by_hand(truth, predicted, n):
    """The same table one pixel at a time."""
    void = np.iinfo(truth.dtype).max
    index = {**{i: i for i in range(n)}, void - 1: n, void: n + 1}
    table = np.zeros((n + 1, n + 2), np.int64)
    for a, b in zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True):
        if a != void:
            table[index[a], index[b]] += 1
    return table


def test_a_tiny_pair_counts_as_written_out():
    truth = np.array([[0, 0, 1, V], [1, B, B, 0]], np.uint8)
    predicted = np.array([[0, 1, 1, 0], [V, 0, B, B]], np.uint8)
    assert joint_counts(truth, predicted, 2).tolist() == [
        [1, 1, 1, 0],
        [0, 1, 0, 1],
        [1, 0, 1, 0],
    ]


def test_void_truth_counts_nowhere_and_void_prediction_stays_in_its_row():
    truth = np.array([[V, 0]], np.uint8)
    predicted = np.array([[0, V]], np.uint8)
    counts = joint_counts(truth, predicted, 1)
    assert counts.sum() == 1
    assert counts[0, 2] == 1


@given(
    seed=st.integers(0, 10**6),
    n=st.sampled_from([1, 2, 19, 64, 65, 254]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    blocks=st.sampled_from([1, 16]),
)
def test_fast_counts_equal_counting_by_hand(seed, n, height, width, blocks):
    truth, predicted = maps(seed, n, (height, width), blocks=blocks)
    assert (joint_counts(truth, predicted, n) == by_hand(truth, predicted, n)).all()


def test_sixteen_bit_maps_count_the_same():
    truth, predicted = maps(3, 300, (20, 30), np.uint16)
    assert (joint_counts(truth, predicted, 300) == by_hand(truth, predicted, 300)).all()


def test_a_constant_map_counts_every_pixel_once():
    truth = np.full((65, 67), 3, np.uint8)
    assert joint_counts(truth, truth, 5)[3, 3] == 65 * 67


@pytest.mark.parametrize("kinds", [("u1", "u1"), ("u2", "u2"), ("u1", "u2")])
@pytest.mark.parametrize("n", [3, 70])
def test_lines_of_every_length_and_any_share_of_changes(kinds, n):
    rng = np.random.default_rng(n)
    for size in (*range(150), 1023, 1024, 1025, 1088, 1089, 2049, 5000):
        for share in (0.0, 0.05, 0.45, 0.55, 1.0):
            sides = []
            for kind in kinds:
                void = np.iinfo(kind).max
                pool = np.array([*range(n), void - 1, void], kind)
                changes = np.cumsum(rng.random(size) < share) + int(rng.integers(len(pool)))
                # by halves, so that blocks of many changes stand beside blocks of none
                changes[size // 2 :] = changes[size // 2] if size else 0
                sides.append(pool[changes % len(pool)])
            wide = [np.where(s >= np.iinfo(s.dtype).max - 1, s + np.uint16(0xFF00), s)
                    if s.dtype == np.uint8 else s for s in sides]  # fmt: skip
            wide = [w.astype(np.uint16) for w in wide]
            assert (joint_counts(*sides, n) == by_hand(*wide, n)).all(), (size, share)


def test_views_that_are_not_contiguous_count_the_same():
    truth, predicted = maps(1, 5, (40, 60))
    expected = joint_counts(truth.T.copy(), predicted.T.copy(), 5)
    assert (joint_counts(truth.T, predicted.T, 5) == expected).all()


@given(seed=st.integers(0, 10**6))
def test_swapping_sides_transposes_the_table_without_void(seed):
    truth, predicted = maps(seed, 4, (16, 16))
    truth[truth == V], predicted[predicted == V] = 0, 0
    counts = joint_counts(truth, predicted, 4)[:, :5]
    assert (joint_counts(predicted, truth, 4)[:, :5] == counts.T).all()


@given(seed=st.integers(0, 10**6))
def test_renaming_classes_permutes_the_table(seed):
    truth, predicted = maps(seed, 6, (16, 16))
    order = np.random.default_rng(seed).permutation(6)
    lut = np.arange(256, dtype=np.uint8)
    lut[order] = np.arange(6)
    counts, renamed = joint_counts(truth, predicted, 6), joint_counts(lut[truth], lut[predicted], 6)
    assert (renamed[:6, :6] == counts[np.ix_(order, order)]).all()


def test_merged_workers_equal_one_pass():
    pairs = [maps(seed, 7, (30, 41)) for seed in range(6)]
    whole = ConfusionMatrix(7)
    for pair in pairs:
        whole.update(*pair)
    workers = [ConfusionMatrix(7) for _ in range(2)]
    for i, pair in enumerate(reversed(pairs)):
        workers[i % 2].update(*pair)
    workers[1].merge(workers[0])
    assert (workers[1].result() == whole.result()).all()


def test_another_taxonomy_is_not_merged():
    with pytest.raises(DataError, match="3 and 4 categories"):
        ConfusionMatrix(3).merge(ConfusionMatrix(4))


def test_different_sizes_are_refused_with_both_named():
    with pytest.raises(DataError, match=r"\(2, 3\) and \(3, 2\)"):
        joint_counts(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 1)


@pytest.mark.parametrize("side", ["truth", "prediction"])
def test_a_value_that_is_no_category_is_refused(side):
    good, bad = np.zeros((9, 9), np.uint8), np.full((9, 9), 7, np.uint8)
    pair = (bad, good) if side == "truth" else (good, bad)
    with pytest.raises(DataError, match=f"{side} holds a value.*saw 7"):
        joint_counts(*pair, 3)


def test_a_type_that_is_no_class_map_is_refused():
    with pytest.raises(DataError, match="uint8 or uint16"):
        joint_counts(np.zeros((2, 2), np.int64), np.zeros((2, 2), np.uint8), 1)


def test_more_categories_than_a_table_holds_are_refused():
    with pytest.raises(DataError, match="up to 8192"):
        ConfusionMatrix(8193)


def test_counts_equal_scikit_learn():
    truth, predicted = maps(11, 9, (50, 60), blocks=4)
    valid = (truth < 9) & (predicted < 9)
    expected = metrics.confusion_matrix(truth[valid], predicted[valid], labels=range(9))
    assert (joint_counts(truth, predicted, 9)[:9, :9] == expected).all()
