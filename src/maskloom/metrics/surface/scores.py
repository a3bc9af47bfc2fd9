"""Scores of one pair of masks from the distances between their surfaces, under a convention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes
from maskloom.core.report import Score
from maskloom.errors import DataError, UsageError
from maskloom.metrics.surface.distances import Floats
from maskloom.metrics.surface.pair import Grid, Side, grid, packed, sides
from maskloom.metrics.surface.rules import SURFACE_RULES, EmptyScores, SurfaceRules

NEARLY = 1e-9
"""By this share numbers may differ where they are compared `nearly`."""


@dataclass(frozen=True, slots=True)
class SurfaceScores:
    """Surface distances of one pair; in units of spacing, None where undefined.

    Args:
        asd_truth: mean distance from the surface of the truth to that of the prediction.
        asd_predicted: from that of the prediction to that of the truth.
        assd: of both, as the rules say.
        hd: largest distance of both directions.
        hd_percentile: the percentile of distances that was asked for.
        nsd: share of both surfaces, in [0, 1], that is within the tolerance of the other one.
        truth_points, predicted_points: points of each surface.
        reason: why something is None.
    """

    asd_truth: Score
    asd_predicted: Score
    assd: Score
    hd: Score
    hd_percentile: Score
    nsd: Score
    truth_points: int = 0
    predicted_points: int = 0
    reason: str | None = None


def surface_scores(
    truth: NDArray[Any],
    predicted: NDArray[Any],
    *,
    spacing: Sequence[float] | None = None,
    rules: SurfaceRules = SURFACE_RULES["maskloom"],
    tolerance: float = 1.0,
    percentile: float = 95.0,
    threads: int = 1,
) -> SurfaceScores:
    """ASD, ASSD, HD, a percentile of it and NSD of two masks.

    Args:
        truth: (H, W) or (D, H, W), bool or uint8; what is not 0 is in the mask.
        predicted: the same shape.
        spacing: distance between pixels along each axis, in their order; None is 1, in px.
        rules: the convention.
        tolerance: of NSD, in units of spacing, from 0 up.
        percentile: of distances, in [0, 100].
        threads: that share the work; the result is the same to the last bit.

    Raises:
        DataError: shapes, types or spacing that do not fit.
        UsageError: a tolerance or percentile out of range.

    Source: Nikolov et al. 2018 (NSD), Huttenlocher et al. 1993 (HD); see `SURFACE_RULES`.

    >>> a = np.zeros((5, 9), bool)
    >>> b = a.copy()
    >>> a[1:4, 1:4], b[1:4, 3:6] = True, True
    >>> surface_scores(a, b, spacing=(1, 0.5)).hd
    1.0
    """
    check(tolerance, percentile)
    for name, mask in (("truth", truth), ("prediction", predicted)):
        if mask.dtype not in (np.bool_, np.uint8):
            raise DataError(f"the {name} is no mask: bool or uint8", seen=mask.dtype)
    if truth.shape != predicted.shape:
        raise DataError(
            "truth and prediction differ in size", seen=f"{truth.shape} and {predicted.shape}"
        )
    with grid(truth.shape, spacing, threads) as at:
        words = [packed(mask, at, 0, others=True) for mask in (truth, predicted)]
        return scores_of(
            *sides(words[0], words[1], at, rules),
            rules,
            at,
            tolerance=tolerance,
            percentile=percentile,
        )


def check(tolerance: float, percentile: float) -> None:
    """Refuse a tolerance or percentile out of range.

    Raises:
        UsageError: with the value.
    """
    if not 0 <= tolerance < np.inf:
        raise UsageError("the tolerance of a surface is a number from 0 up", seen=tolerance)
    if not 0 <= percentile <= 100:
        raise UsageError("a percentile lies between 0 and 100", seen=percentile)


def scores_of(
    truth: Side,
    predicted: Side,
    rules: SurfaceRules,
    at: Grid,
    *,
    tolerance: float,
    percentile: float,
) -> SurfaceScores:
    """Scores from the distances of both sides."""
    n, m = truth.distances.size, predicted.distances.size
    if not n or not m:
        return _of_empty(rules.one_empty if n or m else rules.both_empty, n, m)
    (a, a_total, a_near), (b, b_total, b_near) = at.of_both(
        lambda side: _sums(side, rules, tolerance), truth, predicted
    )
    one, two = a / a_total, b / b_total
    if rules.percentile_of == "pooled":
        pooled = np.concatenate((truth.distances, predicted.distances))
        share = float(np.percentile(pooled, percentile))
    else:
        share = max(at.of_both(lambda side: _percentile(side, rules, percentile), truth, predicted))
    return SurfaceScores(
        asd_truth=one,
        asd_predicted=two,
        assd=(a + b) / (a_total + b_total) if rules.assd == "pooled" else (one + two) / 2,
        hd=float(max(truth.distances.max(), predicted.distances.max())),
        hd_percentile=share,
        nsd=(a_near + b_near) / (a_total + b_total),
        truth_points=n,
        predicted_points=m,
    )


def _of_empty(scores: EmptyScores, n: int, m: int) -> SurfaceScores:
    values = (
        scores.asd if n or not m else scores.asd_from_empty,
        scores.asd if m or not n else scores.asd_from_empty,
        scores.asd,
        scores.hd,
        scores.percentile,
        scores.nsd,
    )
    sides_empty = "both masks have" if n == m else f"the {'prediction' if n else 'truth'} has"
    reason = f"{sides_empty} no surface" if None in values else None
    return SurfaceScores(*values, n, m, reason)


def _sums(side: Side, rules: SurfaceRules, tolerance: float) -> tuple[float, float, float]:
    """Weighted distances, weights, and weights within the tolerance, each summed."""
    if rules.compare == "single":
        within = side.distances.astype(np.float32) <= np.float32(tolerance)
    else:
        within = side.distances <= tolerance * (1 + NEARLY * (rules.compare == "nearly"))
    if side.kinds is None or side.areas is None:
        return float(side.distances.sum()), within.size, int(np.count_nonzero(within))
    # `take`, because a list of bytes as an index is turned into one of words first.
    weights = side.areas.take(side.kinds)
    near = weights.sum() if within.all() else weights[within].sum()
    return float((side.distances * weights).sum()), float(weights.sum()), float(near)


def _percentile(side: Side, rules: SurfaceRules, percentile: float) -> float:
    if rules.percentile == "linear":
        return float(np.percentile(side.distances, percentile))
    share = percentile / 100 * (1 - NEARLY * (rules.compare == "nearly"))
    if side.kinds is None or side.areas is None:
        return reached(side.distances, np.zeros(side.distances.size, np.uint8), np.ones(1), share)
    return reached(side.distances, side.kinds, side.areas, share)


def reached(distances: Floats, kinds: Bytes, weights: Floats, share: float) -> float:
    """The first distance, by rising distance and weight, up to which a share of the weight lies.

    Args:
        distances: (N,) finite, N > 0.
        kinds: (N,) which weight each has.
        weights: (K,), K up to 256.
        share: in [0, 1].

    Source: surface-distance 0.1 `compute_robust_hausdorff`: the cumulated sum over the sorted
    pairs divided by the sum; where the share is met exactly, rounding decides there and here.
    """
    # One number sorts faster than a pair: the last byte of a distance, in which only roundings
    # differ, gives way to the rank of its weight.
    order, ranks = np.unique(weights, return_inverse=True)
    last = np.uint64(0xFF)
    bits = distances.view(np.uint64) & ~last
    keys = bits | ranks.astype(np.uint8).take(kinds)
    keys.sort()
    rising = order.take(keys.astype(np.uint8))
    sums = np.cumsum(rising) / np.sum(rising)
    place = min(int(np.searchsorted(sums, share)), keys.size - 1)
    return float(distances[bits == keys[place] & ~last].max())
