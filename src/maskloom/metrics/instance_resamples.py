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
from maskloom.metrics.matching import Bits, Floats
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
    precision = _precision(hit, drop, place, positives, weights, len(LEVELS), RECALLS)
    out: dict[str, Floats] = {}
    for a, area in enumerate(AREAS_PX):
        out["ap" if area == "all" else f"ap_{area}"] = precision[:, a].mean(axis=1)
    out["ap50"], out["ap75"] = precision[:, 0, 0], precision[:, 0, 5]
    taken = weights[:, place]
    for most in (1, 10, 100):
        found = _levels_found(hit[:, 0], drop[:, 0], rank < most)
        out[f"ar{most}"] = quotient((taken @ found) / len(LEVELS), positives[:, 0])
    return out


def _levels_found(
    hit: NDArray[np.uint16], drop: NDArray[np.uint16], near: NDArray[np.bool_]
) -> Floats:
    """At how many levels each prediction finds an object."""
    counts: NDArray[np.uint8] = np.bitwise_count(hit & ~drop)
    return counts.astype(np.float64) * near


@kernel
def _precision(
    hit: Bits,
    drop: Bits,
    place: Ints,
    positives: Floats,
    weights: Ints,
    levels: int,
    recalls: Floats,
) -> Floats:
    """(B, areas, levels) mean interpolated precision; NaN without an object to find."""
    n_areas = positives.shape[1]
    out = np.full((weights.shape[0], n_areas, levels), np.nan)
    precision, recall = np.empty(place.size), np.empty(place.size)
    rows, taken = np.empty(place.size, np.int64), np.empty(place.size, np.int64)
    for b in range(weights.shape[0]):
        kept = 0
        for i in range(place.size):
            weight = weights[b, place[i]]
            rows[kept], taken[kept] = i, weight
            kept += weight > 0
        for a in range(n_areas):
            if positives[b, a] <= 0:
                continue
            for level in range(levels):
                bit = np.uint16(1 << level)
                n, found, seen = 0, 0, 0
                for j in range(kept):
                    i = rows[j]
                    if drop[i, a] & bit:
                        continue
                    seen += taken[j]
                    if hit[i, a] & bit:
                        # Between two hits precision only falls.
                        found += taken[j]
                        precision[n], recall[n] = found / seen, found / positives[b, a]
                        n += 1
                out[b, a, level] = _interpolated(precision, recall, n, recalls)
    return out


@kernel
def _interpolated(precision: Floats, recall: Floats, n: int, recalls: Floats) -> float:
    """The mean over recalls of the highest precision at that recall or a later one."""
    for i in range(n - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    total, i = 0.0, 0
    for wanted in recalls:
        while i < n and recall[i] < wanted:
            i += 1
        if i == n:
            break
        total += precision[i]
    return total / recalls.size
