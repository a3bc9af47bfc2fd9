from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.metrics.confusion import joint_counts
from maskloom.metrics.pixels import PIXEL_METRICS, PixelMetrics, pixel_scores

V, B = 255, 254
ABC = Taxonomy.from_names(["a", "b", "c"])


def scored(*pairs, taxonomy=ABC):
    metric = PixelMetrics(taxonomy)
    for truth, predicted in pairs:
        metric.update(np.array(truth, np.uint8), np.array(predicted, np.uint8))
    return metric.result()


def test_scores_of_a_tiny_pair_as_computed_by_hand():
    result = scored(([[0, 0, 0, 0], [1, 1, 1, 1]], [[0, 0, 0, 1], [1, 1, 1, 1]]))
    assert result.per_class["a"]["iou"] == 3 / 4
    assert result.per_class["b"]["iou"] == 4 / 5
    assert result.per_class["a"]["dice"] == 6 / 7
    assert result.per_class["a"]["accuracy"] == 3 / 4
    assert result.per_class["b"]["precision"] == 4 / 5
    assert result.metrics["miou"] == pytest.approx((3 / 4 + 4 / 5) / 2)
    assert result.metrics["fwiou"] == pytest.approx((4 * 3 / 4 + 4 * 4 / 5) / 8)
    assert result.metrics["pixel_accuracy"] == 7 / 8
    assert result.metrics["mean_accuracy"] == (3 / 4 + 1) / 2
    assert result.metrics["dice"] == pytest.approx((6 / 7 + 8 / 9) / 2)


def test_a_class_absent_from_both_sides_is_null_and_left_out_of_means():
    result = scored(([[0, 1]], [[0, 1]]))
    assert result.metrics["miou"] == 1.0
    assert result.per_class["c"]["iou"] is None
    assert result.per_class["c"]["reason"] == "absent from truth and prediction"


def test_a_class_predicted_but_absent_from_the_truth_counts_as_zero():
    result = scored(([[0, 0]], [[0, 2]]))
    assert result.per_class["c"]["iou"] == 0.0
    assert result.per_class["c"]["accuracy"] is None
    assert result.metrics["miou"] == 0.25
    assert result.metrics["mean_accuracy"] == 0.5


def test_void_truth_is_ignored_and_void_prediction_is_a_miss():
    assert scored(([[0, V]], [[0, 1]])).metrics["miou"] == 1.0
    missed = scored(([[0, 0]], [[0, V]]))
    assert missed.metrics["miou"] == 0.5
    assert missed.metrics["pixel_accuracy"] == 0.5
    assert missed.per_class["a"]["precision"] == 1.0


def test_background_counts_false_alarms_but_is_no_class_of_the_means():
    result = scored(([[0, B, B, B]], [[0, 0, B, B]]))
    assert result.metrics["miou"] == 0.5
    assert result.metrics["pixel_accuracy"] == 0.75
    assert set(result.per_class) == {"a", "b", "c"}


def test_void_categories_are_not_scored():
    taxonomy = Taxonomy((Category("a", "a"), Category("x", "x", void=True)))
    assert set(scored(([[0]], [[0]]), taxonomy=taxonomy).per_class) == {"a"}


def test_scores_come_from_one_matrix_not_from_a_mean_over_samples():
    pairs = ([[0, 0, 0, 0]], [[0, 0, 0, 1]]), ([[0]], [[1]])
    result = scored(*pairs)
    assert result.per_class["a"]["iou"] == 3 / 5
    # samples: a = 6/7 and b = 0; a = 0 and b = 0
    assert result.metrics["dice_per_sample"] == pytest.approx((6 / 7 / 2 + 0) / 2)


@pytest.mark.parametrize("pairs", [(), [([[V, V]], [[0, 1]])]])
def test_no_valid_pixel_is_null_with_a_reason(pairs):
    result = scored(*pairs)
    assert {result.metrics[name] for name in PIXEL_METRICS} == {None}
    assert set(result.reasons) == set(PIXEL_METRICS)
    assert "no valid pixel" in result.reasons["miou"]


def test_empty_against_empty_has_accuracy_but_no_class_score():
    result = scored(([[B, B]], [[B, B]]))
    assert result.metrics["pixel_accuracy"] == 1.0
    assert result.metrics["miou"] is None
    assert result.metrics["dice_per_sample"] is None
    assert "no class occurs" in result.reasons["dice_per_sample"]


def test_the_confusion_table_names_rows_and_leaves_unused_background_out():
    metric = PixelMetrics(ABC)
    metric.update(np.array([[0, 1]], np.uint8), np.array([[0, V]], np.uint8))
    table = metric.table()
    assert table.rows == ("a", "b", "c")
    assert table.columns == ("a", "b", "c", "void")
    metric.update(np.array([[B]], np.uint8), np.array([[0]], np.uint8))
    assert metric.table().rows == ("a", "b", "c", "background")


def random_pairs(seed, n=5):
    rng = np.random.default_rng(seed)
    pool = np.array([0, 1, 2, B, V], np.uint8)
    return [(rng.choice(pool, (6, 7)), rng.choice(pool, (6, 7))) for _ in range(n)]


@given(seed=st.integers(0, 10**6))
def test_the_result_is_bit_equal_for_any_order_and_any_workers(seed):
    pairs = random_pairs(seed)
    whole = scored(*pairs).metrics
    workers = [PixelMetrics(ABC), PixelMetrics(ABC)]
    for i, pair in enumerate(reversed(pairs)):
        workers[i % 2].update(*pair)
    workers[1].merge(workers[0])
    assert workers[1].result().metrics == whole


@given(seed=st.integers(0, 10**6))
def test_scores_lie_between_zero_and_one_and_iou_never_exceeds_dice(seed):
    result = scored(*random_pairs(seed))
    for value in result.metrics.values():
        assert value is None or 0 <= value <= 1
    for row in result.per_class.values():
        assert row["iou"] is None or row["iou"] <= row["dice"]
        if row["iou"]:
            assert row["dice"] == pytest.approx(2 * row["iou"] / (1 + row["iou"]))


@given(seed=st.integers(0, 10**6))
def test_iou_and_dice_are_symmetric_where_nothing_is_void(seed):
    pairs = [(a % 3, b % 3) for a, b in random_pairs(seed)]
    one, other = scored(*pairs), scored(*((b, a) for a, b in pairs))
    for name in ("miou", "dice", "dice_per_sample", "pixel_accuracy"):
        assert one.metrics[name] == other.metrics[name]


def test_scores_equal_scikit_learn():
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 3, 4000).astype(np.uint8)
    predicted = np.where(rng.random(4000) < 0.7, truth, rng.integers(0, 3, 4000)).astype(np.uint8)
    result = pixel_scores(joint_counts(truth, predicted, 3), ABC)
    assert result.metrics["miou"] == pytest.approx(
        sk.jaccard_score(truth, predicted, average="macro"), abs=1e-15
    )
    assert result.metrics["fwiou"] == pytest.approx(
        sk.jaccard_score(truth, predicted, average="weighted"), abs=1e-15
    )
    assert result.metrics["dice"] == pytest.approx(
        sk.f1_score(truth, predicted, average="macro"), abs=1e-15
    )
    assert result.metrics["pixel_accuracy"] == sk.accuracy_score(truth, predicted)
    assert result.metrics["mean_accuracy"] == pytest.approx(
        sk.balanced_accuracy_score(truth, predicted), abs=1e-15
    )
