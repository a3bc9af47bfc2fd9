"""Which prediction is which object: COCO's greedy matching, and its precision-recall curve.

Kernels over one sample's objects as columns; nothing is decoded to pixels. What is counted
over a data set, and what the counts mean, is `instances.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskloom.core.algebra import overlapping
from maskloom.core.kernel import Ints, Rows, Segments, kernel

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Bits = NDArray[np.uint16]

LOWEST_IOU = 0.5
"""Pairs below the lowest threshold of any convention are not kept."""


@kernel
def candidates(
    predicted: tuple[Segments, Ints, Rows, Ints, Rows],
    truth: tuple[Segments, Ints, Rows, Ints, Rows],
    crowd: Flags,
) -> tuple[Ints, Ints, Floats]:
    """Pairs of one category that overlap by at least `LOWEST_IOU`.

    Each side is (segments, offsets, boxes, areas, category), sorted by category; truth of
    category -1 may be met by predictions of any. Against a crowd the union is the prediction's
    own area.

    Returns:
        CSR over predictions: offsets (D + 1), truth positions in rising order, IoU.
    """
    _, p_offsets, p_boxes, p_areas, p_category = predicted
    _, t_offsets, t_boxes, t_areas, t_category = truth
    n = p_category.size
    offsets = np.zeros(n + 1, np.int64)
    index, value = np.empty(n + 16, np.int64), np.empty(n + 16, np.float64)
    free = np.searchsorted(t_category, 0)
    k, i0 = 0, 0
    while i0 < n:
        i1 = np.searchsorted(p_category, p_category[i0], side="right")
        j0 = np.searchsorted(t_category, p_category[i0], side="left")
        j1 = np.searchsorted(t_category, p_category[i0], side="right")
        rows, boxes = p_offsets[i0 : i1 + 1], p_boxes[i0:i1]
        # Truth of any category comes before that of one, so positions rise.
        both = (
            overlapping(predicted[0], rows, boxes, truth[0], t_offsets[: free + 1], t_boxes[:free]),
            overlapping(
                predicted[0], rows, boxes, truth[0], t_offsets[j0 : j1 + 1], t_boxes[j0:j1]
            ),
        )
        for i in range(i0, i1):
            for side in range(2):
                found, near, shared = both[side]
                for c in range(found[i - i0], found[i - i0 + 1]):
                    j = near[c] + (j0 if side else 0)
                    union = p_areas[i] if crowd[j] else p_areas[i] + t_areas[j] - shared[c]
                    if shared[c] / union < LOWEST_IOU:
                        continue
                    if k == index.size:
                        index = np.concatenate((index, np.empty_like(index)))
                        value = np.concatenate((value, np.empty_like(value)))
                    index[k], value[k] = j, shared[c] / union
                    k += 1
            offsets[i + 1] = k
        i0 = i1
    return offsets, index[:k].copy(), value[:k].copy()


@kernel
def match(
    pairs: tuple[Ints, Ints, Floats], crowd: Flags, ignored: Flags, outside: Flags, levels: Floats
) -> tuple[Bits, Bits]:
    """Greedy matching in score order, per area range and IoU level.

    Each prediction takes the free object of highest IoU, an object that counts before one that
    is ignored, the later of equals; a crowd can be taken any number of times.

    Args:
        pairs: of `candidates`; within a category predictions come in falling score.
        crowd: (G,) objects that are regions of many.
        ignored: (A, G) objects that do not count, crowds among them.
        outside: (A, D) predictions whose own area is outside the range.
        levels: (T,) IoU thresholds, at most 16.

    Returns:
        hit and ignored, each (A, D) uint16 with bit t set for level t.

    Source: pycocotools 2.0.11 `COCOeval.evaluateImg`. Deviation: there a match with an
    annotation whose id is 0 counts as none.
    """
    offsets, index, value = pairs
    # ~ignored is formed once: the loops below are the hot ones.
    counting = ~ignored
    ranges, n = outside.shape
    hit = np.zeros((ranges, n), np.uint16)
    drop = np.zeros((ranges, n), np.uint16)
    for a in range(ranges):
        for t in range(levels.size):
            bit = np.uint16(1 << t)
            taken = np.zeros(crowd.size, np.bool_)
            for d in range(n):
                near = index[offsets[d] : offsets[d + 1]]
                ious = value[offsets[d] : offsets[d + 1]]
                best = _best(near, ious, taken, ignored[a], levels[t])
                if best < 0:
                    best = _best(near, ious, taken, counting[a], levels[t])
                if best >= 0:
                    taken[best] = not crowd[best]
                    hit[a, d] |= bit
                if ignored[a, best] if best >= 0 else outside[a, d]:
                    drop[a, d] |= bit
    return hit, drop


@kernel
def _best(near: Ints, ious: Floats, taken: Flags, barred: Flags, level: float) -> int:
    """The last of the free candidates with the highest IoU from `level` up, or -1."""
    best, level = -1, min(level, 1 - 1e-10)
    for c in range(near.size):
        if not taken[near[c]] and not barred[near[c]] and ious[c] >= level:
            level, best = ious[c], near[c]
    return best


@kernel
def average_precision(hit: Flags, positives: int, recalls: Floats) -> tuple[float, float]:
    """Mean interpolated precision at given recalls, and the recall reached.

    Args:
        hit: one flag for each prediction that counts, in falling score.
        positives: objects that count, at least one.
        recalls: rising, e.g. 0, 0.01, ... 1 in COCO.

    Source: pycocotools 2.0.11 `COCOeval.accumulate`. Deviation: precision is tp / (tp + fp)
    without its 2e-16 in the denominator.
    """
    n = hit.size
    precision, recall = np.empty(n, np.float64), np.empty(n, np.float64)
    found = 0
    for i in range(n):
        found += hit[i]
        precision[i] = found / (i + 1)
        recall[i] = found / positives
    for i in range(n - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    total, i = 0.0, 0
    for wanted in recalls:
        while i < n and recall[i] < wanted:
            i += 1
        if i == n:
            break
        total += precision[i]
    return total / recalls.size, recall[n - 1] if n else 0.0
