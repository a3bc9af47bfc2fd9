"""Average precision of many resamples of a data set's samples, from predictions matched once.

Matching is within an image, so a resample only counts each prediction and each object as often as
its image is taken. Copies of one prediction have one score: precision between them is never the
highest at its recall, so that they may be counted at once. Where predictions of one image and
class have equal scores, copies of the image would come one behind the other; here they are joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, Rows, kernel
from maskloom.metrics.objects.columns import AREAS_PX, LEVELS, RECALLS, PredictionColumns
from maskloom.metrics.objects.matching import Bits, Floats
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
    hits, counted = np.zeros((2, len(weights)))
    for k in scored:
        own = slice(*np.searchsorted(table.category, [k, k + 1]))
        found = _class_resamples(table, own, place[own], positives[:, k], weights)
        for name, values in found.items():
            per_class.setdefault(name, []).append(values)
        there = (table.drop[own, 0] & 1) == 0
        counted = counted + _sums(there, place[own], weights)
        hits = hits + _sums(there & ((table.hit[own, 0] & 1) == 1), place[own], weights)
    out = {name: mean_over(np.stack(values, axis=1)) for name, values in per_class.items()}
    objects: Floats = positives[:, list(scored), 0].sum(axis=1)
    return {**out, "f1_50": quotient(2 * hits, counted + objects)}


def _sums(values: NDArray[Any], place: NDArray[np.int64], weights: NDArray[np.int64]) -> Floats:
    """(B,) sums of whole numbers of predictions, each as often as its sample is taken."""
    each: Floats = np.bincount(place, values, minlength=weights.shape[1]).astype(np.float64)
    sums: Floats = weights @ each
    return sums


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
    for most in (1, 10, 100, "_all"):
        near = rank < most if isinstance(most, int) else np.ones(len(rank), np.bool_)
        found = _levels_found(hit[:, 0], drop[:, 0], near)
        out[f"ar{most}"] = quotient(_sums(found, place, weights) / len(LEVELS), positives[:, 0])
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
    seen = np.empty(place.size, np.int64)
    for a in range(n_areas):
        counted, firsts, events = _events(hit[:, a], drop[:, a], levels)
        for b in range(weights.shape[0]):
            if positives[b, a] <= 0:
                continue
            total = 0
            for i in range(place.size):
                if counted[i]:
                    total += weights[b, place[i]]
                seen[i] = total
            for level in range(levels):
                bit = np.uint16(1 << level)
                n, found, dropped = 0, 0, 0
                for i in events[firsts[level] : firsts[level + 1]]:
                    taken = weights[b, place[i]]
                    if drop[i, a] & bit:
                        dropped += taken
                    elif taken:
                        # Between two hits precision only falls.
                        found += taken
                        precision[n] = found / (seen[i] - dropped)
                        recall[n] = found / positives[b, a]
                        n += 1
                out[b, a, level] = _interpolated(precision, recall, n, recalls)
    return out


@kernel
def _events(hit: Bits, drop: Bits, levels: int) -> tuple[NDArray[np.bool_], Ints, Rows]:
    """Which predictions count at some level; and of each level, what is not just one more of them.

    Most predictions find nothing and count everywhere: a running sum over a resample serves all
    levels, and only hits, and those ignored at this level alone, are visited.

    Returns:
        (N,) bool; CSR over levels of rows in their order: those that hit and those that are
        ignored here though they count elsewhere.
    """
    every = np.uint16((1 << levels) - 1)
    counted = (drop & every) != every
    firsts = np.zeros(levels + 1, np.int64)
    for level in range(levels):
        bit = np.uint16(1 << level)
        firsts[level + 1] = firsts[level]
        for i in range(hit.size):
            firsts[level + 1] += counted[i] and ((hit[i] | drop[i]) & bit) != 0
    events = np.empty(firsts[levels], np.int32)
    k = 0
    for level in range(levels):
        bit = np.uint16(1 << level)
        for i in range(hit.size):
            if counted[i] and ((hit[i] | drop[i]) & bit) != 0:
                events[k] = i
                k += 1
    return counted, firsts, events


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
