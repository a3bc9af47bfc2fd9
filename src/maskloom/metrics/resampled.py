"""Scores of many resamples at once: arrays of one value a resample, NaN where undefined.

The formulas are those of the families; here they run over an axis of resamples. A test holds
both together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Floats, Ints
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import mean_over, quotient


def pixel_resamples(totals: Floats, scored: tuple[int, ...]) -> dict[str, Floats]:
    """Scores of `PixelMetrics` from totals (B, K + 1, 3) of hit, truth and predicted pixels."""
    hit, truth, predicted = np.moveaxis(totals[:, list(scored)], -1, 0)
    right, valid, _ = totals[:, -1].T
    iou = quotient(hit, truth + predicted - hit)
    known = np.nan_to_num(iou)
    inverse = np.nan_to_num(quotient(np.ones_like(truth), truth))
    return {
        "miou": mean_over(iou),
        "fwiou": quotient((known * truth).sum(axis=1), truth.sum(axis=1)),
        "weighted_iou": quotient((known * inverse).sum(axis=1), inverse.sum(axis=1)),
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


SAMPLE_MEANS = ("miou", "mean_accuracy", "dice", "pixel_accuracy")


def sample_means(
    orders: NDArray[np.int64], categories: NDArray[np.int64], totals: Floats, everything: int
) -> SampleValues:
    """Each sample's own scores, means over the classes in it, as rows of class 0.

    Args:
        orders: (N,) of the samples, rising.
        categories: (N,) positions; `everything` is the row of all valid pixels of a sample.
        totals: (N, 3) hit, truth and predicted pixels.
        everything: number of the rows of all pixels, of which each sample has one.
    """
    whole = categories == everything
    samples, place = np.unique(orders, return_inverse=True)
    hit, truth, predicted = totals.T
    values = [
        _mean_in(quotient(hit, truth + predicted - hit), place, ~whole, len(samples)),
        _mean_in(quotient(hit, truth), place, ~whole, len(samples)),
        _mean_in(quotient(2 * hit, truth + predicted), place, ~whole, len(samples)),
        quotient(hit[whole], truth[whole]),
    ]
    rows = np.zeros(len(samples), np.int64)
    return SampleValues.of(SAMPLE_MEANS, samples, rows, np.stack(values, axis=1))


def _mean_in(values: Floats, place: Ints, rows: NDArray[np.bool_], n: int) -> Floats:
    """The mean of some rows of each sample where they are defined."""
    there = rows & ~np.isnan(values)
    sums = np.bincount(place[there], values[there], minlength=n).astype(np.float64)
    return quotient(sums, np.bincount(place[there], minlength=n).astype(np.float64))
