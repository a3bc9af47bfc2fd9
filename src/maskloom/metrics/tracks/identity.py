"""Identity scores: one predicted track for each true one over the whole sequence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from maskloom.core.report import Score
from maskloom.metrics.tracks.sequences import TrackSequence

ID_SCORES = ("idf1", "idp", "idr")


@dataclass(slots=True)
class IdentityCounts:
    """Detections with the right identity, and others; sums of sequences are sums of these.

    Args:
        idtp: detections on which the true and the predicted track that belong together meet.
        idfp: other predicted detections.
        idfn: other true detections.
    """

    idtp: int = 0
    idfp: int = 0
    idfn: int = 0

    def add(self, other: IdentityCounts) -> None:
        """Add another sequence."""
        self.idtp += other.idtp
        self.idfp += other.idfp
        self.idfn += other.idfn

    def scores(self) -> dict[str, Score]:
        """idf1 = 2 idtp / (2 idtp + idfp + idfn), idp and idr; None without a divisor."""
        tp, fp, fn = self.idtp, self.idfp, self.idfn
        parts = ((2 * tp, 2 * tp + fp + fn), (tp, tp + fp), (tp, tp + fn))
        return {n: a / b if b else None for n, (a, b) in zip(ID_SCORES, parts, strict=True)}


def identity_counts(sequence: TrackSequence, *, threshold: float = 0.5) -> IdentityCounts:
    """Pair whole tracks one-to-one so that as many detections as possible are right.

    Two tracks meet in the frames in which their IoU is at least the threshold, whoever else is
    there.

    Args:
        sequence: of one class.
        threshold: IoU from which on two detections are of one object, above 0.

    Source: Ristani et al. 2016, "Performance Measures and a Data Set for Multi-Target,
    Multi-Camera Tracking"; TrackEval `metrics/identity.py`, whose square table of costs has the
    same minimum.
    """
    met = np.zeros((sequence.n_truth, sequence.n_predicted), np.int64)
    for frame in sequence:
        near = frame.values >= threshold
        # A pair of tracks is once in a frame, so that no two of these are the same.
        met[frame.truth[frame.rows[near]], frame.predicted[frame.columns[near]]] += 1
    right = int(met[linear_sum_assignment(met, maximize=True)].sum())
    return IdentityCounts(
        right,
        int(sequence.predicted_lengths.sum()) - right,
        int(sequence.truth_lengths.sum()) - right,
    )
