"""Which predicted segment is which true one, and the counts that panoptic quality is made of.

Works on pairs of segments that share pixels (`contingency.py`). What a segment is, is
`segments.py`; scores over a data set are `panoptic.py`.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Rows
from maskloom.core.report import Score
from maskloom.metrics.segments import VOID_SEGMENT

# An IoU above 1/2 is a whole multiple of 2**-53, so sums of such multiples are exact.
_UNIT = 2**53


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """Pairs of segments that share pixels.

    Args:
        truth, predicted: (P,) int64 rows of each pair.
        pixels: (P,) int64 pixels that they share.
        n_predicted: M, the number of predicted segments.
    """

    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    pixels: NDArray[np.int64]
    n_predicted: int

    def sums(self, pairs: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(M,) pixels of each prediction in some of the pairs."""
        out = np.zeros(self.n_predicted, np.int64)
        np.add.at(out, self.predicted[pairs], self.pixels[pairs])
        return out


@dataclass(slots=True, eq=False)
class SegmentCounts:
    """What PQ is made of, one value per category.

    Args:
        tp, fp, fn: (K,) int64 matched, extra and missed segments.
        iou: K sums of the IoU of matches, in units of 2**-53.
    """

    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    iou: list[int]

    @classmethod
    def zero(cls, n_categories: int) -> SegmentCounts:
        """Nothing counted yet."""
        tp, fp, fn = np.zeros((3, n_categories), np.int64)
        return cls(tp, fp, fn, [0] * n_categories)

    def add(self, other: SegmentCounts) -> None:
        """Add what was counted elsewhere."""
        self.tp += other.tp
        self.fp += other.fp
        self.fn += other.fn
        self.iou = [one + more for one, more in zip(self.iou, other.iou, strict=True)]

    def rows(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The categories that occur, and their tp, fp, fn and sum of IoU."""
        there = np.flatnonzero(self.tp + self.fp + self.fn)
        fit = np.array([self.iou[k] / _UNIT for k in there.tolist()], np.float64)
        return there, np.stack([self.tp[there], self.fp[there], self.fn[there], fit], axis=1)

    def qualities(self, k: int) -> tuple[float, float, float] | None:
        """(pq, sq, rq) of a category; None where neither side has a segment of it.

        Source: Kirillov et al. 2019, equation 1, and panopticapi `PQStat.pq_average`: without a
        match sq is 0, and enters means.
        """
        tp, fp, fn = int(self.tp[k]), int(self.fp[k]), int(self.fn[k])
        if tp + fp + fn == 0:
            return None
        fit, among = self.iou[k] / _UNIT, tp + 0.5 * fp + 0.5 * fn
        return fit / among, fit / tp if tp else 0.0, tp / among

    def means(self, positions: Collection[int]) -> tuple[Score, ...]:
        """Means of pq, sq and rq over those of some categories that occur."""
        found = [q for k in positions if (q := self.qualities(k)) is not None]
        if not found:
            return None, None, None
        return tuple(math.fsum(values) / len(found) for values in zip(*found, strict=True))


def match_segments(
    truth: Rows,
    predicted: Rows,
    shared: Shared,
    unlabelled: NDArray[np.int64],
    *,
    n_categories: int,
) -> SegmentCounts:
    """Matches, extra and missed segments of one sample.

    With |.| in pixels and v the part of prediction p on void truth, p matches the segment t of
    its category iff IoU = |p ∩ t| / (|p| + |t| - |p ∩ t| - v) > 1/2; no other can then match
    either of them. Crowds and void are not to be found. An unmatched p is extra unless more than
    half of it lies on void and on the last crowd of its category.

    Args:
        truth: N segments.
        predicted: M segments, none of them empty.
        shared: pixels of pairs of them.
        unlabelled: (M,) pixels of each prediction that count as on void beside those on
            segments of category `VOID_SEGMENT`.
        n_categories: K.

    Source: panopticapi `pq_compute_single_core`. Deviation: areas of the truth are those of its
    pixels, not what the file states.
    """
    t, p = truth, predicted
    counts = SegmentCounts.zero(n_categories)
    t_areas, p_areas = t.masks.areas, p.masks.areas
    real = ~t.crowd & (t.category != VOID_SEGMENT)
    same = t.category[shared.truth] == p.category[shared.predicted]
    void = unlabelled + shared.sums(t.category[shared.truth] == VOID_SEGMENT)
    union = t_areas[shared.truth] + p_areas[shared.predicted] - shared.pixels
    union -= void[shared.predicted]
    hit = same & real[shared.truth] & (2 * shared.pixels > union)
    excused = same & np.isin(shared.truth, last_crowds(t))
    ignored = 2 * (void + shared.sums(excused)) > p_areas
    real[shared.truth[hit]] = False
    ignored[shared.predicted[hit]] = True
    matched = p.category[shared.predicted[hit]]
    counts.tp += np.bincount(matched, minlength=n_categories)
    counts.fp += np.bincount(p.category[~ignored], minlength=n_categories)
    counts.fn += np.bincount(t.category[real], minlength=n_categories)
    units = (shared.pixels[hit] / union[hit] * _UNIT).astype(np.int64)
    for k, unit in zip(matched.tolist(), units.tolist(), strict=True):
        counts.iou[k] += unit
    return counts


def last_crowds(t: Rows) -> NDArray[np.int64]:
    """The last crowd row of each category."""
    crowds = np.flatnonzero(t.crowd & (t.category != VOID_SEGMENT))[::-1]
    _, first = np.unique(t.category[crowds], return_index=True)
    return crowds[first]
