"""Average precision of many resamples of a data set's samples, from predictions matched once.

Matching is within an image, so a resample only counts each prediction and each object as often as
its image is taken. Copies of one prediction have one score: precision between them is never the
highest at its recall, so that they may be counted at once. Where predictions of one image and
class have equal scores, copies of the image would come one behind the other; here they are joined.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, kernel
from maskloom.metrics.instance_columns import AREAS_PX, LEVELS, RECALLS, PredictionColumns
from maskloom.metrics.matching import Flags, Floats
from maskloom.metrics.scores import mean_over, quotient


def instance_resamples(
    table: PredictionColumns,
    positives: Floats,
    weights: NDArray[np.int64],
    orders: NDArray[np.int64],
    scored: Sequence[int],
) -> dict[str, Floats]:
    """Scores of `InstanceMetrics` for resamples.

    Args:
        table: all predictions, by category and falling score.
        positives: (B, K, areas) objects to find in each resample.
        weights: (B, S) how often each sample is taken.
        orders: (S,) of the samples, rising.
        scored: positions of categories that count.

    Returns:
        (B,) each, NaN where a resample has no object to find.
    """
    place = np.searchsorted(orders, table.order)
    per_class: dict[str, list[Floats]] = {}
    hits = counted = np.zeros(len(weights), np.int64)
    for k in scored:
        own = slice(*np.searchsorted(table.category, [k, k + 1]))
        found = _class_resamples(table, own, place[own], positives[:, k], weights)
        for name, values in found.items():
            per_class.setdefault(name, []).append(values)
        there = (table.drop[own, 0] & 1) == 0
        taken = weights[:, place[own][there]]
        counted = counted + taken.sum(axis=1)
        hits = hits + taken @ (table.hit[own, 0][there] & 1).astype(np.int64)
    out = {name: mean_over(np.stack(values, axis=1)) for name, values in per_class.items()}
    objects = positives[:, list(scored), 0].sum(axis=1)
    return {**out, "f1_50": quotient((2 * hits).astype(np.float64), counted + objects)}


def _class_resamples(
    table: PredictionColumns,
    own: slice,
    place: NDArray[np.int64],
    positives: Floats,
    weights: NDArray[np.int64],
) -> dict[str, Floats]:
    """AP and recall of one category; positives (B, areas)."""
    hit, drop, rank = table.hit[own], table.drop[own], table.rank[own]
    out: dict[str, Floats] = {}
    for a, area in enumerate(AREAS_PX):
        levels = [
            _curve(hit[:, a], drop[:, a], level, place, positives[:, a], weights)[0]
            for level in range(len(LEVELS))
        ]
        out["ap" if area == "all" else f"ap_{area}"] = np.mean(levels, axis=0)
        if area == "all":
            out["ap50"], out["ap75"] = levels[0], levels[5]
    for most in (1, 10, 100):
        near = rank < most
        recalls = [
            _curve(hit[near, 0], drop[near, 0], level, place[near], positives[:, 0], weights)[1]
            for level in range(len(LEVELS))
        ]
        out[f"ar{most}"] = np.mean(recalls, axis=0)
    return out


def _curve(
    hit: NDArray[np.uint16],
    drop: NDArray[np.uint16],
    level: int,
    place: NDArray[np.int64],
    positives: Floats,
    weights: NDArray[np.int64],
) -> tuple[Floats, Floats]:
    bit = np.uint16(1 << level)
    kept = drop & bit == 0
    flags = (hit[kept] & bit) != 0
    return _weighted_precision(flags, place[kept], positives, weights, RECALLS)


@kernel
def _weighted_precision(
    hit: Flags, place: Ints, positives: Floats, weights: Ints, recalls: Floats
) -> tuple[Floats, Floats]:
    """(B,) mean interpolated precision and recall reached; NaN without an object to find."""
    average = np.full(weights.shape[0], np.nan)
    reached = np.full(weights.shape[0], np.nan)
    precision, recall = np.empty(hit.size), np.empty(hit.size)
    for b in range(weights.shape[0]):
        if positives[b] <= 0:
            continue
        n, found, seen = 0, 0, 0
        for i in range(hit.size):
            weight = weights[b, place[i]]
            if weight:
                seen += weight
                found += weight * hit[i]
                precision[n], recall[n] = found / seen, found / positives[b]
                n += 1
        for i in range(n - 1, 0, -1):
            precision[i - 1] = max(precision[i - 1], precision[i])
        total, i = 0.0, 0
        for wanted in recalls:
            while i < n and recall[i] < wanted:
                i += 1
            if i == n:
                break
            total += precision[i]
        average[b] = total / recalls.size
        reached[b] = recall[n - 1] if n else 0.0
    return average, reached
