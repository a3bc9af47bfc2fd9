"""HOTA: how well objects are found, and how well they keep their identity, at equal weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from maskloom.core.report import Score
from maskloom.metrics.scores import mean
from maskloom.metrics.tracks.sequences import SLACK, Ids, Table, TrackSequence

ALPHAS = np.arange(1, 20) / 20
HOTA_SCORES = ("hota", "det_a", "ass_a", "loc_a", "det_re", "det_pr", "ass_re", "ass_pr")


@dataclass(slots=True, eq=False)
class HotaCounts:
    """What HOTA is made of, at each of A thresholds; sums of sequences are sums of these.

    Args:
        counts: (3, A) int64 tp, fn, fp: matched, missed and extra detections.
        sums: (4, A) float64 sums over matched detections of their IoU, and of the Jaccard index,
            recall and precision with which their two tracks are matched.
    """

    counts: NDArray[np.int64]
    sums: NDArray[np.float64]

    @classmethod
    def zero(cls) -> HotaCounts:
        """Nothing counted yet."""
        return cls(np.zeros((3, len(ALPHAS)), np.int64), np.zeros((4, len(ALPHAS))))

    def add(self, other: HotaCounts) -> None:
        """Add another sequence."""
        self.counts += other.counts
        self.sums += other.sums

    def curves(self, loc_without_matches: Score = None) -> Mapping[str, list[Score]]:
        """Each of `HOTA_SCORES` at each of `ALPHAS`; None where nothing is there to divide by.

        Args:
            loc_without_matches: loc_a at thresholds that no detection reaches.
        """
        tp, fn, fp = self.counts
        loc, ass, recall, precision = self.sums
        det = _quotients(tp, tp + fn + fp)
        # Where there are detections but no match, no association was right either.
        some = np.maximum(tp, tp + fn + fp > 0)
        associated = [_quotients(above, some) for above in (ass, recall, precision)]
        both = zip(det, associated[0], strict=True)
        located = [loc_without_matches if v is None else v for v in _quotients(loc, tp)]
        hota: list[Score] = [
            None if d is None or a is None else float(np.sqrt(d * a)) for d, a in both
        ]
        parts = (
            hota,
            det,
            associated[0],
            located,
            _quotients(tp, tp + fn),
            _quotients(tp, tp + fp),
            associated[1],
            associated[2],
        )
        return dict(zip(HOTA_SCORES, parts, strict=True))

    def scores(self, loc_without_matches: Score = None) -> dict[str, Score]:
        """Means over the thresholds at which a score is defined; None where at none."""
        curves = self.curves(loc_without_matches)
        return {name: mean(values) for name, values in curves.items()}


def hota_counts(sequence: TrackSequence) -> HotaCounts:
    """Match each frame of a sequence once, and count at every threshold.

    In each frame detections are paired one-to-one so that the sum of IoU times the alignment of
    their tracks is largest; the alignment of two tracks is the Jaccard index of their frames, each
    frame weighted by how exclusively the two overlap there. A pair counts at the thresholds that
    its IoU reaches. With c(a) matched frames of a pair of tracks of lengths t and p,

        hota = sqrt(det_a ass_a),   det_a = tp / (tp + fn + fp),
        ass_a = 1/tp sum over matches of c / (t + p - c)

    and ass_re, ass_pr with c / t and c / p, loc_a the mean IoU of matches.

    Source: Luiten et al. 2021, "HOTA", equations 7 to 15; TrackEval `metrics/hota.py`.
    """
    out = HotaCounts.zero()
    lengths = sequence.truth_lengths[:, None] + sequence.predicted_lengths[None, :]
    together = np.zeros(lengths.shape)
    for frame in sequence:
        iou = _exclusive(frame.iou)
        together[frame.truth[frame.rows], frame.predicted[frame.columns]] += iou[
            frame.rows, frame.columns
        ]
    aligned = together / (lengths - together) if together.size else together
    places, agreed = [np.zeros(0, np.int64)], [np.zeros(0)]
    for frame in sequence:
        n, m = len(frame.truth), len(frame.predicted)
        table = frame.iou
        rows, columns = linear_sum_assignment(
            aligned[np.ix_(frame.truth, frame.predicted)] * table, maximize=True
        )
        iou = table[rows, columns]
        hit = iou[None, :] >= ALPHAS[:, None] - SLACK
        tp = hit.sum(axis=1)
        out.counts += tp, n - tp, m - tp
        out.sums[0] += (hit * iou).sum(axis=1)
        kept = hit[0]
        pairs = frame.truth[rows[kept]], frame.predicted[columns[kept]]
        places.append(pairs[0] * lengths.shape[1] + pairs[1])
        agreed.append(iou[kept])
    out.sums[1:] = _associations(sequence, np.concatenate(places), np.concatenate(agreed))
    return out


def _associations(sequence: TrackSequence, places: Ids, iou: NDArray[np.float64]) -> Table:
    """(3, A) sums over pairs of tracks of the Jaccard index, recall and precision of matches.

    Args:
        sequence: of the matches.
        places: (K,) of the pair of each match in a table of all true and predicted tracks.
        iou: (K,) of each match.
    """
    out = np.zeros((3, len(ALPHAS)))
    # One table is used again and again: pairs that never match are 0 in it and stay so.
    table = np.zeros((sequence.n_truth, sequence.n_predicted))
    pairs, of_pair = np.unique(places, return_inverse=True)
    true = sequence.truth_lengths[pairs // max(1, sequence.n_predicted)]
    predicted = sequence.predicted_lengths[pairs % max(1, sequence.n_predicted)]
    for a, alpha in enumerate(ALPHAS):
        c = np.bincount(of_pair[iou >= alpha - SLACK], minlength=len(pairs))
        for row, whole in enumerate((true + predicted - c, true, predicted)):
            table.reshape(-1)[pairs] = c * (c / whole)
            out[row, a] = table.sum()
    return out


def _exclusive(iou: Table) -> Table:
    """IoU of each pair over all IoU that either of the two has in the frame."""
    whole = iou.sum(axis=0)[None, :] + iou.sum(axis=1)[:, None] - iou
    out = np.zeros_like(iou)
    np.divide(iou, whole, out=out, where=whole > SLACK)
    return out


def _quotients(above: NDArray[np.generic], below: NDArray[np.generic]) -> list[Score]:
    pairs = zip(above.tolist(), below.tolist(), strict=True)
    return [float(a) / b if b else None for a, b in pairs]
