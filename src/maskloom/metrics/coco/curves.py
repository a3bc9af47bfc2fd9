"""COCO's curves of precision over recall, of one category at all levels, sizes and limits.

A curve is known by its hits: between two of them precision falls, so what is left of it after
interpolation is one value for each hit. Detections that hit at no level are only counted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, Rows, kernel, wide
from maskloom.metrics.objects.matching import Bits, Floats

EPSILON = float(np.spacing(1.0))
"""What pycocotools adds to the denominator of precision."""

Curves = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def curves(
    matched: tuple[Bits, Bits, Rows, Floats],
    positives: Ints,
    limits: Ints,
    recalls: Floats,
    *,
    levels: int,
    epsilon: float,
) -> Curves:
    """Interpolated precision at given recalls, recall reached, and scores, of one category.

    Args:
        matched: hit and drop (N, A) as bits of levels, rank in the image (N,), and score (N,), of
            all detections of the category by falling score.
        positives: (A,) objects that count.
        limits: (M,) most detections an image.
        recalls: (R,) e.g. 0, 0.01, ... 1.
        levels: T, at most 16.
        epsilon: added to the denominator of precision, `EPSILON` or 0.

    Returns:
        precision (T, R, A, M), recall (T, A, M) and scores (T, R, A, M) at which that precision
        is; -1 where no object counts, 0 beyond the recall that was reached.

    Source: pycocotools 2.0.11 `COCOeval.accumulate`.
    """
    shape = (levels, len(recalls), len(positives), len(limits))
    out = np.full(shape, -1.0), np.full((shape[0], *shape[2:]), -1.0), np.full(shape, -1.0)
    fill_curves(matched, positives, limits, recalls, epsilon, out)
    return out


@kernel
def fill_curves(
    matched: tuple[Bits, Bits, Rows, Floats],
    positives: Ints,
    limits: Ints,
    recalls: Floats,
    epsilon: float,
    out: Curves,
) -> None:
    """`curves`, written into its three arrays."""
    hit, drop, rank, score = matched
    levels, areas = out[1].shape[0], out[1].shape[1]
    place = np.empty((areas, levels, score.size), np.int32)
    precision = np.empty((areas, levels, score.size), np.float64)
    for m in range(limits.size):
        near = np.flatnonzero(rank < limits[m]).astype(np.int32)
        found = _hits(hit, drop, near, epsilon, place, precision)
        for a in range(areas):
            if positives[a] == 0:
                continue
            for t in range(levels):
                n = found[a, t]
                out[1][t, a, m] = n / positives[a]
                own = precision[a, t, :n]
                for i in range(n - 1, 0, -1):
                    own[i - 1] = max(own[i - 1], own[i])
                _interpolate(
                    (own, place[a, t, :n], near),
                    positives[a],
                    recalls,
                    score,
                    out[0][t, :, a, m],
                    out[2][t, :, a, m],
                )


@kernel
def _hits(
    hit: Bits, drop: Bits, near: Rows, epsilon: float, place: Rows, precision: Floats
) -> Ints:
    """Hits (A, T), their places among `near`, and precision when each is met."""
    areas, levels = place.shape[0], place.shape[1]
    every = np.uint16((1 << levels) - 1)
    found, false = np.zeros((areas, levels), np.int64), np.zeros((areas, levels), np.int64)
    plain = np.zeros(areas, np.int64)
    for i in range(near.size):
        for a in range(areas):
            h, d = hit[near[i], a], drop[near[i], a]
            if h | d == 0:
                plain[a] += 1
                continue
            if d == every:
                continue
            for t in range(levels):
                if d >> t & 1:
                    continue
                if h >> t & 1:
                    n = found[a, t]
                    wrong = plain[a] + false[a, t]
                    place[a, t, n] = i
                    precision[a, t, n] = (n + 1) / (wrong + (n + 1) + epsilon)
                    found[a, t] = n + 1
                else:
                    false[a, t] += 1
    return found


@kernel
def _interpolate(
    own: tuple[Floats, Rows, Rows],
    positives: int,
    recalls: Floats,
    score: Floats,
    precision: Floats,
    scores: Floats,
) -> None:
    """Precision and score at each recall; zeros from the first recall that is not reached on."""
    values, place, near = own
    precision[:] = 0.0
    scores[:] = 0.0
    n = wide(0)
    for r in range(recalls.size):
        if r and recalls[r] < recalls[r - 1]:
            n = 0
        while n < values.size and (n + 1) / positives < recalls[r]:
            n += 1
        if recalls[r] <= 0:
            # The first detection of all has this recall, whatever it is.
            if near.size == 0:
                break
            precision[r] = values[0] if values.size else 0.0
            scores[r] = score[near[0]]
            continue
        if n == values.size:
            break
        precision[r] = values[n]
        scores[r] = score[near[place[n]]]
