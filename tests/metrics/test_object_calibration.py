"""Calibration of objects: by hand, beside torchmetrics, and beside matching by definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_calibration_error

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.metrics.calibration import CALIBRATION_RULES, CalibrationRules
from maskloom.metrics.objects.calibration import object_calibration, object_calibration_resamples
from maskloom.metrics.objects.columns import PredictionColumns
from maskloom.metrics.objects.family import InstanceMetrics

KINDS = Taxonomy((Category("a", "a"), Category("b", "b"), Category("void", "void", void=True)))
TEN = CalibrationRules(10)


def boxes(*places, category=0, size=(40, 40), **columns):
    dense = np.zeros((len(places), *size), bool)
    for i, (x, y, width, height) in enumerate(places):
        dense[i, y : y + height, x : x + width] = True
    masks = Masks.from_dense(dense) if places else Masks.empty(0, size)
    return Rows.make(masks, np.broadcast_to(category, len(places)), **columns)


def table_of(*samples):
    metric = InstanceMetrics(KINDS)
    for truth, predicted in samples:
        metric.update(truth, predicted)
    return PredictionColumns.join(metric.columns), metric.unscored


def drawn_table(rng, n, n_samples=7):
    """Columns as matching leaves them, of random scores, hits and exclusions."""
    score = rng.random(n)
    if rng.random() < 0.3:
        score = np.round(score, 1)
    hit = np.zeros((n, 4), np.uint16)
    hit[:, 0] = rng.integers(0, 1024, n)
    drop = np.zeros((n, 4), np.uint16)
    drop[:, 0] = np.where(rng.random(n) < 0.2, rng.integers(0, 1024, n), 0)
    drop[0, 0] = 0  # one counts
    hit[:, 1:], drop[:, 1:] = rng.integers(0, 1024, (2, n, 3))
    order = rng.integers(0, n_samples, n) * 3
    category = rng.integers(0, 2, n).astype(np.int32)
    return PredictionColumns(order, category, np.zeros(n, np.int64), score, hit, drop)


def test_two_sure_hits_and_two_unsure_false_alarms_by_hand():
    truth = boxes((0, 0, 9, 9), (20, 20, 9, 9))
    predicted = boxes(
        (0, 0, 9, 9), (20, 20, 9, 9), (12, 0, 3, 3), (0, 30, 3, 3), score=[0.9, 0.9, 0.2, 0.2]
    )
    found = object_calibration(*table_of((truth, predicted)), TEN)
    # half of them are off by 0.1, half by 0.2
    assert found.score == pytest.approx(0.15, abs=1e-9)
    curve, perfect = found.curves
    assert perfect.x == perfect.y
    assert curve.x == pytest.approx((0.2, 0.9), abs=1e-9)
    assert curve.y == (0.0, 1.0)


def test_iou_of_a_half_is_right_and_of_less_is_wrong():
    for width, right in ((4, 1.0), (3, 0.0)):
        found = object_calibration(
            *table_of((boxes((0, 0, 8, 8)), boxes((0, 0, width, 8), score=[1.0])))
        )
        assert found.score == 1.0 - right


def test_the_right_mask_of_another_class_and_a_second_one_are_wrong():
    truth = boxes((0, 0, 9, 9))
    for wrong in (
        boxes((0, 0, 9, 9), category=1, score=[0.5]), boxes((20, 20, 9, 9), score=[0.5]),
    ):  # fmt: skip
        found = object_calibration(*table_of((truth, wrong)))
        assert (found.score, found.curves[0].y) == (0.5, (0.0,))
    twice = boxes((0, 0, 9, 9), (0, 0, 9, 9), score=[1.0, 0.75])
    assert object_calibration(*table_of((truth, twice))).score == 0.75 / 2


def test_predictions_on_crowds_and_void_do_not_count():
    places = ((0, 0, 9, 9), (20, 0, 15, 15), (0, 20, 15, 15))
    truth = Rows.make(boxes(*places).masks, [0, 0, 2], crowd=[False, True, False])
    predicted = boxes(
        (0, 0, 9, 9), (21, 1, 5, 5), (28, 8, 5, 5), (1, 21, 5, 5), score=[1.0, 0.9, 0.8, 0.7]
    )
    table, unscored = table_of((truth, predicted))
    assert len(table.score) == 4
    found = object_calibration(table, unscored)
    assert found.score == 0.0
    assert found.curves[0].x == (1.0,)


def test_what_has_no_calibration_says_why():
    truth, none = boxes((0, 0, 9, 9)), boxes()
    nothing = object_calibration(*table_of((truth, none)))
    assert (nothing.score, nothing.reason) == (None, "no prediction counts")
    part = boxes((0, 0, 9, 9), (20, 20, 5, 5), score=[0.9, np.nan])
    unscored = object_calibration(*table_of((truth, part)))
    assert (unscored.score, unscored.curves) == (None, ())
    assert unscored.reason == "1 prediction without a score"
    logits = object_calibration(*table_of((truth, boxes((0, 0, 9, 9), score=[3.5]))))
    assert (logits.score, logits.reason) == (None, "scores are no probabilities: one is 3.5")
    weights, orders = np.ones((3, 1), np.int64), np.zeros(1, np.int64)
    table = table_of((truth, part))
    assert np.isnan(object_calibration_resamples(*table, weights, orders)).all()


@pytest.mark.parametrize("bins", [1, 10, 15])
@pytest.mark.parametrize("seed", range(30))
def test_it_equals_torchmetrics_and_the_definition(bins, seed):
    rng = np.random.default_rng(seed)
    table = drawn_table(rng, int(rng.integers(1, 300)))
    counts = table.drop[:, 0] & 1 == 0
    right, score = (table.hit[counts, 0] & 1).astype(int), table.score[counts]
    rules = CalibrationRules(bins, CALIBRATION_RULES["torchmetrics"].certain_apart)
    found = object_calibration(table, 0, rules).score
    theirs = binary_calibration_error(
        torch.tensor(score, dtype=torch.float64), torch.tensor(right), bins
    )
    bounds = np.linspace(0, 1, bins + 1)
    # It holds bounds and sums in float32: a score on a bound may fall into the other bin there.
    if np.abs(score[:, None] - bounds).min() > 1e-6:
        assert found == pytest.approx(float(theirs), abs=1e-6)
    # netcal's rule: the share of a bin times its gap, bins of equal width
    place = np.minimum(np.searchsorted(bounds, score, side="right") - 1, bins - 1)
    gaps = [
        abs(right[place == b].mean() - score[place == b].mean()) * (place == b).mean()
        for b in range(bins)
        if (place == b).any()
    ]
    own = object_calibration(table, 0, CalibrationRules(bins))
    assert own.score == pytest.approx(sum(gaps), abs=1e-8)
    assert len(own.curves[0].x) == len(gaps)


def test_the_order_of_predictions_changes_no_bit():
    rng = np.random.default_rng(1)
    table = drawn_table(rng, 500)
    by = rng.permutation(500)
    moved = PredictionColumns(*(getattr(table, name)[by] for name in table.__slots__))
    wanted = object_calibration(table, 0)
    for other in (moved, table.ranked()):
        found = object_calibration(other, 0)
        assert found.score == wanted.score
        assert (found.curves[0].x, found.curves[0].y) == (wanted.curves[0].x, wanted.curves[0].y)


@pytest.mark.parametrize("seed", range(10))
def test_a_resample_is_the_score_of_samples_taken_so_often(seed):
    rng = np.random.default_rng(seed)
    table = drawn_table(rng, 60)
    orders = np.arange(7) * 3
    weights = rng.integers(0, 3, (5, 7))
    weights[0] = 0
    found = object_calibration_resamples(table, 0, weights, orders)
    for row, value in zip(weights, found, strict=True):
        taken = np.concatenate(
            [
                np.flatnonzero(table.order == order).repeat(n)
                for order, n in zip(orders, row, strict=True)
            ]
        ).astype(int)
        again = PredictionColumns(*(getattr(table, name)[taken] for name in table.__slots__))
        wanted = object_calibration(again, 0).score
        assert np.isnan(value) if wanted is None else value == pytest.approx(wanted, abs=1e-12)
