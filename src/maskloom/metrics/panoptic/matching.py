"""Which predicted segment is which true one, and the counts that panoptic quality is made of.

Works on pairs of segments that share pixels, whatever they come from (`pairs.py`). What a
segment is, is `segments.py`; scores over a data set are `family.py`.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Floats, Ints, kernel
from maskloom.core.report import Score
from maskloom.metrics.panoptic.segments import VOID_SEGMENT

_Columns = tuple[Ints, NDArray[np.bool_], Ints]
_Shared = tuple[Ints, Ints, Ints]

# An IoU above 1/2 is a whole multiple of 2**-53, so sums of such multiples are exact.
_UNIT = 2**53


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Segments of one side.

    Args:
        category: (N,) int64 positions; `VOID_SEGMENT` for what is not judged.
        crowd: (N,) bool.
        areas: (N,) int64 px.
    """

    category: Ints
    crowd: NDArray[np.bool_]
    areas: Ints

    def __len__(self) -> int:
        return len(self.areas)

    def last_crowds(self) -> Ints:
        """The last crowd of each category."""
        crowds = np.flatnonzero(self.crowd & (self.category != VOID_SEGMENT))[::-1]
        if not len(crowds):
            return crowds
        _, first = np.unique(self.category[crowds], return_index=True)
        return crowds[first]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentPairs:
    """Segments of both sides of a sample, and the pairs of them that share pixels.

    Args:
        truth: N segments.
        predicted: M segments, none of them empty.
        one: (P,) int64 true segment of each pair.
        other: (P,) int64 predicted segment of each pair.
        pixels: (P,) int64 px that they share, at least 1.
        unlabelled: (M,) int64 px of each prediction that count as on void beside those on
            segments of category `VOID_SEGMENT`.
    """

    truth: Side
    predicted: Side
    one: Ints
    other: Ints
    pixels: Ints
    unlabelled: Ints


@dataclass(slots=True, eq=False)
class SegmentCounts:
    """What PQ is made of, one value per category.

    Args:
        tp: (K,) int64 matched segments.
        fp: (K,) int64 extra segments.
        fn: (K,) int64 missed segments.
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
        for k in np.flatnonzero(other.tp).tolist():
            self.iou[k] += other.iou[k]

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
        there, rows = self.rows()
        wanted = np.zeros(len(self.tp), np.bool_)
        wanted[list(positions)] = True
        tp, fp, fn, fit = rows[wanted[there]].T
        if not len(tp):
            return None, None, None
        among = tp + 0.5 * fp + 0.5 * fn
        columns = fit / among, fit / np.maximum(tp, 1.0), tp / among
        return tuple(math.fsum(values.tolist()) / len(tp) for values in columns)


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Pairs of segments that are one another's.

    Args:
        pairs: (H,) int64 places in `SegmentPairs`.
        iou: (H,) their IoU, above 1/2.
    """

    pairs: Ints
    iou: Floats


def matches_of(pairs: SegmentPairs) -> Matches:
    """Which predicted segment p is which true one t.

    With |.| in pixels and v the part of p on void truth, they match if they are of one category
    and IoU = |p ∩ t| / (|p| + |t| - |p ∩ t| - v) > 1/2; no other can then match either of them.
    Crowds and void are not to be found.

    Source: panopticapi `pq_compute_single_core`. Deviation: areas of the truth are those of its
    pixels, not what the file states.
    """
    return Matches(*_matched(_columns(pairs.truth), _columns(pairs.predicted), *_shared(pairs)))


def count_segments(pairs: SegmentPairs, matches: Matches, n_categories: int) -> SegmentCounts:
    """Matches, extra and missed segments of one sample.

    An unmatched prediction is extra unless more than half of it lies on void and on the last crowd
    of its category.

    Args:
        pairs: of the sample.
        matches: `matches_of` them, or some of these.
        n_categories: K.

    Source: panopticapi `pq_compute_single_core`.
    """
    counts = SegmentCounts.zero(n_categories)
    truth, predicted = _columns(pairs.truth), _columns(pairs.predicted)
    excuses = np.zeros(len(pairs.truth), np.bool_)
    excuses[pairs.truth.last_crowds()] = True
    table = counts.tp, counts.fp, counts.fn
    _count(truth, predicted, *_shared(pairs), excuses, matches.pairs, table)
    units = (matches.iou * _UNIT).astype(np.int64)
    matched = pairs.predicted.category[pairs.other[matches.pairs]]
    for k, unit in zip(matched.tolist(), units.tolist(), strict=True):
        counts.iou[k] += unit
    return counts


def _columns(side: Side) -> tuple[Ints, NDArray[np.bool_], Ints]:
    return side.category, side.crowd, side.areas


def _shared(pairs: SegmentPairs) -> tuple[tuple[Ints, Ints, Ints], Ints]:
    return (pairs.one, pairs.other, pairs.pixels), pairs.unlabelled


@kernel
def _void(truth: _Columns, shared: _Shared, unlabelled: Ints) -> Ints:
    """(M,) pixels of each prediction that are not judged."""
    out = unlabelled.copy()
    for k in range(shared[0].size):
        if truth[0][shared[0][k]] == VOID_SEGMENT:
            out[shared[1][k]] += shared[2][k]
    return out


@kernel
def _matched(
    truth: _Columns, predicted: _Columns, shared: _Shared, unlabelled: Ints
) -> tuple[Ints, Floats]:
    """Fields of `Matches`."""
    void = _void(truth, shared, unlabelled)
    hits, iou = np.empty(shared[0].size, np.int64), np.empty(shared[0].size, np.float64)
    n = 0
    for k in range(shared[0].size):
        t, p, pixels = shared[0][k], shared[1][k], shared[2][k]
        if truth[1][t] or truth[0][t] == VOID_SEGMENT or truth[0][t] != predicted[0][p]:
            continue
        union = truth[2][t] + predicted[2][p] - pixels - void[p]
        if 2 * pixels > union:
            hits[n], iou[n] = k, pixels / union
            n += 1
    return hits[:n], iou[:n]


@kernel
def _count(
    truth: _Columns,
    predicted: _Columns,
    shared: _Shared,
    unlabelled: Ints,
    excuses: NDArray[np.bool_],
    hits: Ints,
    table: _Shared,
) -> None:
    """Add to tp, fp and fn."""
    one, other, pixels = shared
    tp, fp, fn = table
    lost = _void(truth, shared, unlabelled)
    for k in range(one.size):
        if excuses[one[k]] and truth[0][one[k]] == predicted[0][other[k]]:
            lost[other[k]] += pixels[k]
    found, used = np.zeros(truth[0].size, np.bool_), np.zeros(predicted[0].size, np.bool_)
    for k in hits:
        found[one[k]] = used[other[k]] = True
        tp[truth[0][one[k]]] += 1
    for t in range(found.size):
        if not (found[t] or truth[1][t] or truth[0][t] == VOID_SEGMENT):
            fn[truth[0][t]] += 1
    for p in range(used.size):
        if not used[p] and 2 * lost[p] <= predicted[2][p]:
            fp[predicted[0][p]] += 1
