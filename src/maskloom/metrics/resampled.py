"""Scores of many resamples at once: arrays of one value a resample, NaN where undefined.

The formulas are those of the families; here they run over an axis of resamples. A test holds
both together.
"""

from __future__ import annotations

import numpy as np

from maskloom.core.kernel import Floats, Ints
from maskloom.metrics.class_weights import Weights, weighted_resamples
from maskloom.metrics.pixel_rules import PixelRules
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import mean_over, quotient


def pixel_resamples(
    totals: Floats, scored: tuple[int, ...], weights: Weights | None = None
) -> dict[str, Floats]:
    """Scores of `PixelMetrics` from totals (B, K + 1, 3) of hit, truth and predicted pixels."""
    hit, truth, predicted = np.moveaxis(totals[:, list(scored)], -1, 0)
    right, valid, _ = totals[:, -1].T
    iou = quotient(hit, truth + predicted - hit)
    known = np.nan_to_num(iou)
    return {
        "miou": mean_over(iou),
        "fwiou": quotient((known * truth).sum(axis=1), truth.sum(axis=1)),
        "weighted_iou": weighted_resamples(iou, truth, weights),
        "pixel_accuracy": quotient(right, valid),
        "mean_accuracy": mean_over(quotient(hit, truth)),
        "dice": mean_over(quotient(2 * hit, truth + predicted)),
    }


def segment_resamples(totals: Floats, kinds: dict[str, list[int]]) -> dict[str, Floats]:
    """Scores of `PanopticMetrics` from totals (B, K, 4) of tp, fp, fn and IoU of matches."""
    tp, fp, fn, fit = np.moveaxis(totals, -1, 0)
    among = tp + 0.5 * fp + 0.5 * fn
    there = among > 0
    pq, rq = quotient(fit, among), quotient(tp, among)
    sq = np.where(there, np.nan_to_num(quotient(fit, tp)), np.nan)
    return {
        f"{name}{of}": mean_over(values[:, positions])
        for of, positions in kinds.items()
        for name, values in (("pq", pq), ("sq", sq), ("rq", rq))
    }


MEANS = ("miou", "dice")


def averaged(
    rules: PixelRules,
    orders: Ints,
    categories: Ints,
    totals: Floats,
    everything: int,
) -> dict[str, SampleValues]:
    """What IoU and Dice are means of, where they are no quotients of sums: rows of class 0.

    Args:
        rules: of the convention.
        orders: (N,) of the samples, rising.
        categories: (N,) positions; `everything` is the row of all valid pixels of a sample.
        totals: (N, 3) hit, truth and predicted pixels.
        everything: number of the rows that are left out here.
    """
    own = categories != everything
    places, (hit, truth, predicted) = orders[own], totals[own].T
    if not rules.false_alarms:
        places, hit, predicted = (values[truth > 0] for values in (places, hit, predicted))
        truth = truth[truth > 0]
    found = {}
    for name, average, above, below in (
        ("miou", rules.iou, hit, truth + predicted - hit),
        ("dice", rules.dice, 2 * hit, truth + predicted),
    ):
        if average != "pixels":
            values, rows = quotient(above, below), places
            if average == "samples":
                rows, of = np.unique(places, return_inverse=True)
                values = _means(values, of.reshape(-1), len(rows))
            nothing = np.zeros(len(rows), np.int64)
            found[name] = SampleValues.of((name,), rows, nothing, values[:, None])
    return found


def _means(values: Floats, of: Ints, n: int) -> Floats:
    """The mean of the values of each of n samples where they are defined."""
    there = ~np.isnan(values)
    sums = np.bincount(of[there], values[there], minlength=n).astype(np.float64)
    return quotient(sums, np.bincount(of[there], minlength=n).astype(np.float64))
