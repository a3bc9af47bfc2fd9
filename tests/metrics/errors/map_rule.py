"""Errors of class maps by brute force, over pixels: the oracle of distances and regions."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

VOID, BACKGROUND = 255, 254
REACHES = (1, 2, 4, 8, 16)


def wrong_by_distance(truth, predicted, k):
    """Each wrong pixel against every pixel of the map."""
    places, values = np.argwhere(np.ones(truth.shape, bool)), truth.reshape(-1)
    missed, extra = np.zeros((2, k + 1, len(REACHES) + 1), np.int64)
    for at in places:
        own, other = truth[tuple(at)], predicted[tuple(at)]
        if own in (VOID, other):
            continue
        apart = places[(values != own) & (values != VOID)]
        square = ((apart - at) ** 2).sum(axis=1).min() if len(apart) else 10**9
        b = sum(square > reach**2 for reach in REACHES)
        missed[k if own == BACKGROUND else own, b] += 1
        extra[k if other >= BACKGROUND else other, b] += 1
    return missed, extra


def parts(values, category):
    """Connected regions of a class as boolean arrays."""
    around = np.ones((3,) * values.ndim)
    labels, n = ndimage.label(values == category, around)
    return [labels == i + 1 for i in range(n)]


def region_counts(truth, predicted, k):
    """Named counts (K,) and (K, K) of what was taken for what, by the rule as it is stated."""
    valid = truth != VOID
    names = ("regions", "found", "split", "merged", "missed", "predicted", "extra")
    counts, taken = {name: np.zeros(k, np.int64) for name in names}, np.zeros((k, k), np.int64)
    for c in range(k):
        regions, others = parts(truth, c), [p & valid for p in parts(predicted, c)]
        others = [p for p in others if p.any()]
        held = [[(t & p).sum() for p in others] for t in regions]
        counts["predicted"][c] = len(others)
        counts["extra"][c] = sum(2 * (p & (truth == c)).sum() <= p.sum() for p in others)
        for i, t in enumerate(regions):
            counts["regions"][c] += 1
            if 2 * sum(held[i]) > t.sum():
                counts["found"][c] += 1
                counts["split"][c] += sum(10 * n >= t.sum() for n in held[i] if n) > 1
                most = [j for j, n in enumerate(held[i]) if 2 * n > t.sum()]
                counts["merged"][c] += any(
                    2 * held[o][j] > regions[o].sum()
                    for j in most
                    for o in range(len(regions))
                    if o != i
                )
                continue
            as_other = [j for j in range(k) if 2 * (t & (predicted == j)).sum() > t.sum()]
            counts["missed"][c] += not as_other
            for j in as_other:
                taken[c, j] += 1
    return counts, taken
