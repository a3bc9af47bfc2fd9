"""Scores of many resamples at once: arrays of one value a resample, NaN where undefined.

The formulas are those of the families; here they run over an axis of resamples. A test holds
both together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def quotient(above: Floats, below: Floats) -> Floats:
    """NaN where the divisor is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def mean_over(values: Floats, axis: int = -1) -> Floats:
    """The mean of what is defined; NaN where nothing is."""
    there = ~np.isnan(values)
    return quotient(np.where(there, values, 0.0).sum(axis=axis), there.sum(axis=axis).astype(float))


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
