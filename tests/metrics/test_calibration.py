"""Calibration: bins, expected calibration error, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from maskloom.errors import DataError
from maskloom.metrics.calibration import CALIBRATION_RULES, Calibration, CalibrationRules

TORCHMETRICS = CALIBRATION_RULES["torchmetrics"]


def test_two_bins_by_hand():
    truth = np.array([[0, 0, 1, 1, 255]], np.uint8)
    predicted = np.array([[0, 1, 1, 1, 0]], np.uint8)
    sure = np.array([[0.9, 0.3, 0.7, 0.4, 1.0]])
    metric = Calibration(CalibrationRules(bins=2))
    found = metric.update(truth, predicted, sure)
    # Below 0.5: one of two is right at 0.35; above: two of two at 0.8.
    assert found["ece"] == pytest.approx((2 * 0.15 + 2 * 0.2) / 4, abs=1e-9)
    curve, perfect = metric.result().curves
    assert perfect.x == perfect.y
    assert curve.y == (0.5, 1.0)
    assert curve.x == pytest.approx((0.35, 0.8), abs=1e-9)


def test_bytes_are_shares_of_255_and_background_can_be_right():
    truth = np.array([[254, 0]], np.uint8)
    metric = Calibration(CalibrationRules(bins=1))
    found = metric.update(truth, truth, np.array([[255, 51]], np.uint8))
    assert found["ece"] == pytest.approx(1 - 0.6, abs=1e-9)


@pytest.mark.parametrize("bins", [1, 10, 15, 33])
@pytest.mark.parametrize("seed", range(25))
def test_it_equals_torchmetrics(bins, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, rng.uniform(0.1, 5), (4, 500))
    p = np.exp(logits) / np.exp(logits).sum(axis=0)
    if seed % 3 == 0:
        p[:, :5] = np.eye(4)[:, [0, 1, 2, 3, 0]]  # certain
    truth = rng.integers(0, 4, 500).astype(np.uint8)
    truth[rng.random(500) < 0.2] = 255
    metric = Calibration(CalibrationRules(bins, TORCHMETRICS.certain_apart))
    found = metric.update(truth, p.argmax(axis=0).astype(np.uint8), p.max(axis=0))["ece"]
    reference = multiclass_calibration_error(
        torch.tensor(p.T), torch.tensor(truth.astype(int)), 4, bins, "l1", ignore_index=255
    )
    # torchmetrics sums in float32.
    assert found == pytest.approx(float(reference), abs=1e-6)


def test_bins_hold_their_lower_bound_and_the_last_one_certainty():
    metric = Calibration(CalibrationRules(bins=10))
    bounds = np.linspace(0, 1, 11)
    metric.count(np.ones(11, bool), bounds)
    assert metric.table[:, 0].tolist() == [1] * 9 + [2, 0]
    below = Calibration(CalibrationRules(bins=10))
    below.count(np.ones(10, bool), np.nextafter(bounds[1:], 0))
    assert below.table[:, 0].tolist() == [1] * 10 + [0]


def test_workers_and_resamples_agree_with_one_pass():
    rng = np.random.default_rng(3)
    samples = [(rng.random(50) < 0.6, rng.random(50)) for _ in range(6)]
    whole, parts = Calibration(), [Calibration(), Calibration()]
    for order, sample in enumerate(samples):
        whole.count(*sample, order=order)
        parts[order % 2].count(*sample, order=order)
    moved = Calibration()
    moved.load({name: array.copy() for name, array in parts[1].state().items()})
    moved.merge(parts[0])
    assert moved.result().metrics == whole.result().metrics
    weights = rng.integers(0, 3, (4, 6))
    found = whole.resampled(weights, np.arange(6))["ece"]
    for row, value in zip(weights, found, strict=True):
        again = Calibration()
        for i in np.repeat(np.arange(6), row):
            again.count(*samples[i])
        assert again.result().metrics["ece"] == pytest.approx(value, abs=1e-12)


def test_nothing_counted_is_no_score_and_nothing_valid_is_undefined():
    metric = Calibration()
    assert metric.result().metrics == {}
    void = np.full((2, 2), 255, np.uint8)
    assert metric.update(void, void, np.ones((2, 2))) == {"ece": None}
    assert metric.result().reasons == {"ece": "no valid pixel has a confidence"}


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.01, np.inf])
def test_what_is_no_probability_is_refused(bad):
    zeros = np.zeros((1, 2), np.uint8)
    with pytest.raises(DataError, match="1 confidences are no probabilities"):
        Calibration().update(zeros, zeros, np.array([[0.5, bad]]))
    with pytest.raises(DataError, match="differ in size"):
        Calibration().update(zeros, zeros, np.ones(2))
