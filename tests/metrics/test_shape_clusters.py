"""VI and Rand: by hand, properties, scikit-image, and the family over samples."""

from __future__ import annotations

import math
import os
import warnings

import numpy as np
import pytest
from skimage.metrics import adapted_rand_error
from skimage.metrics import variation_of_information as skimage_vi

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError, UsageError
from maskloom.metrics.shape.cluster_metrics import CLUSTER_METRICS, ClusterMetrics
from maskloom.metrics.shape.clusters import (
    CLUSTER_RULES,
    ClusterRules,
    adapted_rand,
    variation_of_information,
)
from maskloom.metrics.shape.joint import joint_ids

N_CASES = int(os.environ.get("MASKLOOM_FUZZ", "400"))
CELLS = Taxonomy((Category("cell", "cell"), Category("void", "void", void=True)))
NO_PAIRS = ["rand_f", "rand_precision", "rand_recall"]


def random_pair(rng):
    shape = tuple(rng.integers(1, 14, int(rng.integers(2, 4))))
    n = int(rng.choice([1, 2, 6, 200]))
    truth = rng.integers(0, n + 1, shape)
    predicted = truth if rng.random() < 0.1 else rng.integers(0, int(rng.choice([1, 3, 90])), shape)
    return truth, predicted


def test_a_split_into_halves_is_one_bit_and_costs_recall():
    table = joint_ids(np.array([[1, 1, 1, 1]]), np.array([[5, 5, 9, 9]]))
    assert variation_of_information(table) == {"vi_split": 1.0, "vi_merge": 0.0, "vi": 1.0}
    # of 12 ordered pairs of the truth 4 stay together
    assert adapted_rand(table) == {"rand_f": 0.5, "rand_precision": 1.0, "rand_recall": 4 / 12}
    swapped = joint_ids(np.array([[5, 5, 9, 9]]), np.array([[1, 1, 1, 1]]))
    assert variation_of_information(swapped)["vi_merge"] == 1.0
    assert adapted_rand(swapped)["rand_recall"] == 1.0


def test_the_base_sets_the_unit():
    table = joint_ids(np.array([1, 1, 1, 1]), np.array([5, 5, 9, 9]))
    nats = variation_of_information(table, base=math.e)
    assert nats["vi_split"] == pytest.approx(math.log(2), abs=1e-15)
    for wrong in ({"base": 1.0}, {"alpha": 1.5}):
        with pytest.raises(UsageError):
            ClusterRules(**wrong)


def test_nothing_to_count_and_no_pair_to_count_are_undefined():
    none = joint_ids(np.zeros((0, 3), int), np.zeros((0, 3), int))
    assert set(variation_of_information(none).values()) == {None}
    assert set(adapted_rand(none).values()) == {None}
    single = joint_ids(np.array([1, 2]), np.array([1, 2]))
    assert variation_of_information(single)["vi"] == 0.0
    assert set(adapted_rand(single).values()) == {None}
    apart = joint_ids(np.array([1, 1, 2]), np.array([1, 2, 3]))
    assert adapted_rand(apart) == {"rand_f": 0.0, "rand_precision": None, "rand_recall": 0.0}


def test_names_of_segments_do_not_matter_and_sides_mirror():
    for seed in range(N_CASES // 4):
        rng = np.random.default_rng(seed)
        truth, predicted = random_pair(rng)
        one = variation_of_information(joint_ids(truth, predicted))
        renamed = rng.permutation(predicted.max() + 1)[predicted] * 10**12 - 5
        assert variation_of_information(joint_ids(truth, renamed))["vi"] == pytest.approx(
            one["vi"], abs=1e-12
        )
        two = variation_of_information(joint_ids(predicted, truth))
        assert (one["vi_split"], one["vi_merge"]) == pytest.approx(
            (two["vi_merge"], two["vi_split"]), abs=1e-12
        )
        assert 0 <= one["vi"] <= 2 * math.log2(truth.size) + 1e-12
        assert variation_of_information(joint_ids(truth, truth))["vi"] == 0.0


def test_scikit_image_has_the_same_variation_of_information():
    for seed in range(N_CASES):
        rng = np.random.default_rng(seed)
        truth, predicted = random_pair(rng)
        ignored = tuple(int(i) for i in rng.integers(0, 4, int(rng.integers(0, 3))))
        found = variation_of_information(joint_ids(truth, predicted).without(ignored))
        if found["vi"] is None:
            with np.errstate(all="ignore"):
                assert (
                    np.isnan(skimage_vi(truth, predicted, ignore_labels=ignored)).all()
                    or np.isin(truth, ignored).all()
                )
            continue
        wanted = skimage_vi(truth, predicted, ignore_labels=ignored)
        assert (found["vi_split"], found["vi_merge"]) == pytest.approx(tuple(wanted), abs=1e-12), (
            seed
        )


def test_scikit_image_has_the_same_rand_under_its_own_names():
    rules = CLUSTER_RULES["scikit-image"]
    for seed in range(N_CASES):
        rng = np.random.default_rng(seed)
        truth, predicted = random_pair(rng)
        alpha = float(rng.choice([0.0, 0.25, 0.5, 1.0]))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # it divides by 0 where nothing is left
            error, precision, recall = adapted_rand_error(truth, predicted, alpha=alpha)
        table = joint_ids(truth, predicted).without(rules.rand_ignore)
        found = adapted_rand(table, alpha=alpha, exchanged=rules.exchanged)
        wanted = dict(zip(NO_PAIRS, (1 - error, precision, recall), strict=True))
        for name, value in found.items():
            if value is None:
                assert not np.isfinite(wanted[name]), (seed, name)
            else:
                assert value == pytest.approx(wanted[name], abs=1e-12), (seed, name)


def test_segments_of_more_than_two_to_the_thirtyone_pixels_do_not_overflow():
    from maskloom.metrics.shape.joint import JointCounts

    one = np.zeros(1, np.int64)
    huge = JointCounts(one, one, one, one, np.array([2**40]))
    assert adapted_rand(huge)["rand_f"] == 1.0
    assert variation_of_information(huge)["vi"] == 0.0


def rows_of(ids, void=None):
    masks, found = Masks.from_id_map(ids)
    return Rows.make(masks, (found == void).astype(int), instance=found)


def test_the_family_averages_samples_and_says_what_it_left_out():
    metric = ClusterMetrics(CELLS)
    split = metric.update_maps(np.array([[1, 1, 1, 1]]), np.array([[5, 5, 9, 9]]))
    assert split["vi"] == 1.0
    metric.update_maps(np.array([[0, 0, 2, 2]]), np.array([[0, 0, 2, 2]]))
    empty = metric.update_maps(np.array([[7, 7]]), np.array([[1, 2]]), void=7)
    assert set(empty.values()) == {None}
    found = metric.result()
    assert found.metrics == {
        "vi_split": 0.5, "vi_merge": 0.0, "vi": 0.5,
        "rand_f": 0.75, "rand_precision": 1.0, "rand_recall": pytest.approx(2 / 3),
    }  # fmt: skip
    assert found.notes == (
        "1 of 3 samples have no vi and are left out: no pixel counts",
        "1 of 3 samples have no rand_f and are left out: no pair of pixels counts",
    )


def test_an_empty_family_has_a_reason_for_every_none():
    found = ClusterMetrics(CELLS).result()
    assert set(found.metrics) == set(CLUSTER_METRICS) == set(found.reasons)
    assert set(found.metrics.values()) == {None}


def test_rows_score_as_their_maps_do():
    for seed in range(N_CASES // 4):
        rng = np.random.default_rng(seed)
        truth, predicted = rng.integers(0, 5, (2, *rng.integers(1, 12, 2)))
        void = int(rng.choice([4, 99]))
        maps, rows = ClusterMetrics(CELLS), ClusterMetrics(CELLS)
        one = maps.update_maps(truth, predicted, void=void)
        two = rows.update(rows_of(truth, void), rows_of(predicted), size=truth.shape)
        for name, value in one.items():
            assert two[name] == (None if value is None else pytest.approx(value, abs=1e-12))


def test_unlabelled_parts_and_crowds_of_rows_count_nowhere():
    truth, predicted = np.array([[1, 1, 2, 2, 0, 0]]), np.array([[1, 1, 3, 4, 5, 6]])
    whole = ClusterMetrics(CELLS).update(rows_of(truth), rows_of(predicted), size=(1, 6))
    assert whole["vi"] > 0
    ignore = Masks.from_dense(np.array([[[0, 0, 0, 0, 1, 1]]]))
    crowd = Rows.make(rows_of(truth).masks, [0, 0], crowd=[False, True])
    left = ClusterMetrics(CELLS).update(crowd, rows_of(predicted), size=(1, 6), ignore=ignore)
    assert left["vi"] == 0.0
    not_looked_for = Taxonomy((*CELLS, Category("other", "other")))
    seen = ClusterMetrics(not_looked_for).update(
        crowd, rows_of(predicted), size=(1, 6), unlabelled=(2,)
    )
    assert seen["vi"] == 0.0


def test_no_rows_on_either_side_is_background_that_agrees():
    none = Rows.make(Masks.empty(0, (2, 2)), [])
    assert ClusterMetrics(CELLS).update(none, none, size=(2, 2))["vi"] == 0.0


def test_rows_that_overlap_or_lie_in_another_frame_are_refused():
    one = Rows.make(Masks.from_dense(np.ones((2, 2, 2), bool)), [0, 0])
    with pytest.raises(DataError, match="overlap"):
        ClusterMetrics(CELLS).update(one, one, size=(2, 2))
    fine = rows_of(np.ones((2, 2), int))
    with pytest.raises(DataError, match="another frame"):
        ClusterMetrics(CELLS).update(fine, fine, size=(2, 3))


def test_workers_merge_to_the_same_bits_and_states_travel():
    rng = np.random.default_rng(0)
    images = [random_pair(rng) for _ in range(12)]
    whole, parts = ClusterMetrics(CELLS), [ClusterMetrics(CELLS) for _ in range(3)]
    for i, (truth, predicted) in enumerate(images):
        whole.update_maps(truth, predicted, order=i)
        parts[i % 3].update_maps(truth, predicted, order=i)
    joined = ClusterMetrics(CELLS)
    for part in reversed(parts):
        sent = ClusterMetrics(CELLS)
        sent.load(part.state())
        joined.merge(sent)
    assert joined.result() is not None
    assert joined.result().metrics == whole.result().metrics
    assert all(a.dtype != object for a in joined.state().values())
    for wrong in ({}, {**whole.state(), "counters": np.zeros(9, np.int64)},
                  {**whole.state(), "categories": whole.state()["categories"] + 1},
                  {**whole.state(), "values": np.zeros((2, 2))}):  # fmt: skip
        with pytest.raises(ValueError, match=r"missing|counters|category|values"):
            ClusterMetrics(CELLS).load(wrong)
