"""What the scores of tracks are made of, for one class: counts that sequences add up to.

HOTA, identity scores and CLEAR have their own counts (`hota.py`, `identity.py`, `clear.py`); here
they travel together, also as one line of numbers, which resamples weigh.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.report import Score
from maskloom.metrics.scores import mean_over, quotient
from maskloom.metrics.tracks.clear import CLEAR_SCORES, ClearCounts, clear_counts
from maskloom.metrics.tracks.hota import ALPHAS, HOTA_SCORES, HotaCounts, hota_counts
from maskloom.metrics.tracks.identity import ID_SCORES, IdentityCounts, identity_counts
from maskloom.metrics.tracks.sequences import TrackSequence

TRACK_METRICS = (*HOTA_SCORES, *ID_SCORES, *CLEAR_SCORES)
Floats = NDArray[np.float64]

_IDENTITY = tuple(one.name for one in fields(IdentityCounts))
_CLEAR = ("tp", "fp", "fn", "idsw", "iou")
_AT = [f"{name}_{i}" for name in ("hit", "lost", "extra") for i in range(len(ALPHAS))]
_SUMS = [f"{name}_{i}" for name in ("loc", "ass", "re", "pr") for i in range(len(ALPHAS))]
COLUMNS = (*_AT, *_SUMS, *_IDENTITY, *_CLEAR, "tracks")
"""The names of the numbers of a line."""


@dataclass(frozen=True, slots=True)
class TrackRules:
    """What a convention says about tracks.

    Args:
        threshold: IoU from which on a detection can match, for identity scores and CLEAR.
        undefined: the value of a score whose divisor is 0; None leaves it out and says why.
        loc_without_matches: loc_a at thresholds of HOTA that no detection reaches; None leaves
            them out of its mean.
    """

    threshold: float = 0.5
    undefined: Score = None
    loc_without_matches: Score = None


TRACK_RULES: dict[str, TrackRules] = {
    "maskloom": TrackRules(),
    "trackeval": TrackRules(undefined=0.0, loc_without_matches=1.0),
}
"""`maskloom` differs from TrackEval where there is nothing to divide by: there, at a threshold that
no detection reaches, loc_a is 1, so that a tracker whose masks are all poor gains by it."""


@dataclass(slots=True, eq=False)
class TrackCounts:
    """Counts of one class over some sequences.

    Args:
        hota, identity, clear: of the three kinds of scores.
        tracks: of both sides.
        sequences: in which the class occurs.
    """

    hota: HotaCounts = field(default_factory=HotaCounts.zero)
    identity: IdentityCounts = field(default_factory=IdentityCounts)
    clear: ClearCounts = field(default_factory=ClearCounts)
    tracks: int = 0
    sequences: int = 0

    @classmethod
    def of(cls, sequence: TrackSequence, threshold: float) -> TrackCounts:
        """Those of one sequence."""
        return cls(
            hota_counts(sequence),
            identity_counts(sequence, threshold=threshold),
            clear_counts(sequence, threshold=threshold),
            sequence.n_truth + sequence.n_predicted,
            1,
        )

    def add(self, other: TrackCounts) -> None:
        """Add other sequences."""
        self.hota.add(other.hota)
        self.identity.add(other.identity)
        self.clear.add(other.clear)
        self.tracks += other.tracks
        self.sequences += other.sequences

    def scores(self, rules: TrackRules) -> dict[str, Score]:
        """Each of `TRACK_METRICS`."""
        found: dict[str, Score] = {
            **self.hota.scores(rules.loc_without_matches),
            **self.identity.scores(),
            **self.clear.scores(),
        }
        if self.tracks and rules.undefined is not None:
            return {n: rules.undefined if v is None else v for n, v in found.items()}
        return found

    def plain(self) -> dict[str, Any]:
        """The counts that are told beside the scores."""
        return {**asdict(self.clear), **asdict(self.identity), "sequences": self.sequences}

    def line(self) -> Floats:
        """The numbers named by `COLUMNS`."""
        singles = [getattr(self.identity, name) for name in _IDENTITY]
        singles += [getattr(self.clear, name) for name in _CLEAR]
        parts = (self.hota.counts.reshape(-1), self.hota.sums.reshape(-1), singles, [self.tracks])
        return np.concatenate([np.asarray(part, np.float64) for part in parts])


def line_scores(lines: Floats, rules: TrackRules) -> dict[str, Floats]:
    """The scores of many sums of lines at once, by the formulas of `TrackCounts.scores`.

    Args:
        lines: (..., len(COLUMNS)).
        rules: of the convention.

    Returns:
        name → (...) values, NaN where undefined.
    """
    n = len(ALPHAS)
    tp, fn, fp, loc, ass, recall, precision = (lines[..., i * n : (i + 1) * n] for i in range(7))
    whole = tp + fn + fp
    some = np.maximum(tp, whole > 0)
    det, associated = quotient(tp, whole), quotient(ass, some)
    located = quotient(loc, tp)
    if rules.loc_without_matches is not None:
        located = np.where(tp > 0, located, rules.loc_without_matches)
    curves = (np.sqrt(det * associated), det, associated, located, quotient(tp, tp + fn),
              quotient(tp, tp + fp), quotient(recall, some), quotient(precision, some))  # fmt: skip
    out = {name: mean_over(values) for name, values in zip(HOTA_SCORES, curves, strict=True)}
    right, extra, lost, hit, false, missed, switched, iou, tracks = np.moveaxis(
        lines[..., 7 * n :], -1, 0
    )
    true = hit + missed
    parts = (
        (2 * right, 2 * right + extra + lost),
        (right, right + extra),
        (right, right + lost),
        (hit - false - switched, true),
        (iou, hit),
        (hit - false, true),
        (iou - false - switched, true),
    )
    for name, (above, below) in zip((*ID_SCORES, *CLEAR_SCORES), parts, strict=True):
        out[name] = quotient(above, below)
    if rules.undefined is not None:
        out = {k: np.where(np.isnan(v), rules.undefined, v) for k, v in out.items()}
    return {name: np.where(tracks > 0, values, np.nan) for name, values in out.items()}
