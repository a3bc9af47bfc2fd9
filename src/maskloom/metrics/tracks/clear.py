"""CLEAR: detections frame by frame, and how often a true track changes its predicted one."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import linear_sum_assignment

from maskloom.core.report import Score
from maskloom.metrics.tracks.sequences import SLACK, Frame, Ids, Table, TrackSequence

CLEAR_SCORES = ("mota", "motp", "moda", "smota")
_STAY = 1000.0
"""Worth more than any IoU: a track that was followed in the frame before is followed again."""


@dataclass(slots=True)
class ClearCounts:
    """What CLEAR is made of; sums of sequences are sums of these.

    Args:
        tp, fp, fn: matched, extra and missed detections.
        idsw: times a true track is matched by another predicted track than at its last match.
        frag: times the matching of a true track is taken up again.
        mt, pt, ml: true tracks matched in more than 80 %, in 20 % to 80 %, in less of their frames.
        iou: sum of the IoU of matches.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    idsw: int = 0
    frag: int = 0
    mt: int = 0
    pt: int = 0
    ml: int = 0
    iou: float = 0.0

    def add(self, other: ClearCounts) -> None:
        """Add another sequence."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def scores(self) -> dict[str, Score]:
        """The scores over t = tp + fn true detections; None where the divisor is 0.

        mota = (tp - fp - idsw) / t and moda = (tp - fp) / t, which are below 0 where most is
        wrong; motp = iou / tp; smota = (iou - fp - idsw) / t, which is sMOTSA for masks.
        """
        true = self.tp + self.fn
        parts = (
            (self.tp - self.fp - self.idsw, true),
            (self.iou, self.tp),
            (self.tp - self.fp, true),
            (self.iou - self.fp - self.idsw, true),
        )
        return {n: a / b if b else None for n, (a, b) in zip(CLEAR_SCORES, parts, strict=True)}


def clear_counts(sequence: TrackSequence, *, threshold: float = 0.5) -> ClearCounts:
    """Follow a sequence frame by frame.

    A frame's detections are paired one-to-one among those of at least the threshold: first as many
    as possible that were paired in the frame before, then for the largest sum of IoU. The frame
    before is the last one in which both sides had detections.

    Args:
        sequence: of one class.
        threshold: IoU from which on two detections can match.

    Source: Bernardin and Stiefelhagen 2008; Voigtlaender et al. 2019 (MOTS) for masks; TrackEval
    `metrics/clear.py`.
    """
    out = ClearCounts()
    last, before = np.full((2, sequence.n_truth), -1, np.int64)
    matched, begun = np.zeros((2, sequence.n_truth), np.int64)
    for frame in sequence:
        n, m = len(frame.truth), len(frame.predicted)
        if not n or not m:
            out.fn, out.fp = out.fn + n, out.fp + m
            continue
        iou = frame.iou
        rows, columns = _paired(frame, iou, before, threshold)
        true, guessed = frame.truth[rows], frame.predicted[columns]
        out.tp, out.fn, out.fp = out.tp + len(true), out.fn + n - len(true), out.fp + m - len(true)
        out.iou += float(iou[rows, columns].sum())
        out.idsw += int(((last[true] >= 0) & (last[true] != guessed)).sum())
        matched[true] += 1
        begun[true[before[true] < 0]] += 1
        last[true] = guessed
        before = np.full(sequence.n_truth, -1, np.int64)
        before[true] = guessed
    share = matched / np.maximum(1, sequence.truth_lengths)
    out.mt = int((share > 0.8).sum())
    out.pt = int((share >= 0.2).sum()) - out.mt
    out.ml = sequence.n_truth - out.mt - out.pt
    out.frag = int(np.maximum(begun - 1, 0).sum())
    return out


def _paired(frame: Frame, iou: Table, before: Ids, threshold: float) -> tuple[Ids, Ids]:
    """Places of the matched detections of both sides."""
    worth = iou + _STAY * (before[frame.truth][:, None] == frame.predicted[None, :])
    worth[iou < threshold - SLACK] = 0
    rows, columns = linear_sum_assignment(worth, maximize=True)
    taken = worth[rows, columns] > SLACK
    return rows[taken], columns[taken]
