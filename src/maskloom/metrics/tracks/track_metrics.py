"""The family of tracks: HOTA, identity scores and CLEAR over the frames of many sequences.

Frames are kept as tracks and IoUs, and scored at the end, because an identity is only known then.
The scores are in `hota.py`, `identity.py` and `clear.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.objects import drawn_only
from maskloom.metrics.scores import Scores, mean
from maskloom.metrics.tracks.clear import CLEAR_SCORES, ClearCounts, clear_counts
from maskloom.metrics.tracks.hota import HOTA_SCORES, HotaCounts, hota_counts
from maskloom.metrics.tracks.identity import ID_SCORES, IdentityCounts, identity_counts
from maskloom.metrics.tracks.kept_frames import KeptFrames, State
from maskloom.metrics.tracks.row_frames import row_frames
from maskloom.metrics.tracks.sequences import Frame, TrackSequence, checked_frame

TRACK_METRICS = (*HOTA_SCORES, *ID_SCORES, *CLEAR_SCORES)


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


class TrackMetrics:
    """Tracks of a data set: update with each frame, merge workers, ask for the result.

    Counts of a class are summed over sequences, as TrackEval combines them; metrics are means over
    the classes that occur.

    Args:
        taxonomy: of the labels; objects of void categories are no objects.
        rules: of the convention.
    """

    def __init__(self, taxonomy: Taxonomy, rules: TrackRules = TRACK_RULES["maskloom"]) -> None:
        self.taxonomy, self.rules = taxonomy, rules
        self.kept = KeptFrames(len(taxonomy))
        self.counters = np.zeros(3, np.int64)

    def update(
        self,
        truth: Rows,
        predicted: Rows,
        *,
        sequence: int = 0,
        order: int | None = None,
        ignore: Masks | None = None,
        unlabelled: Collection[int] = (),
        where: str = "",
    ) -> dict[str, Score]:
        """Add one frame of masks whose `track` says who is who.

        Args:
            truth: see `row_frames.row_frames` for what is an object and what is not judged.
            predicted: likewise, in the same frame.
            sequence: number of the sequence; the same track in two sequences is two tracks.
            order: place of the frame; by default the order of updates.
            ignore: one row, the part of the frame that was not labelled.
            unlabelled: positions of categories that the truth does not list exhaustively here.
            where: the frame, for errors.

        Returns:
            det_a_50 (tp / (tp + fp + fn) at IoU 1/2; None without an object), truth_objects and
            predicted_objects of this frame alone.

        Raises:
            DataError: a row has no track.
        """
        found = row_frames(
            truth, predicted, self.taxonomy, ignore=ignore, unlabelled=unlabelled, where=where
        )
        drawn = (drawn_only(rows, self.taxonomy) for rows in (truth, predicted))
        self.counters[1:] += list(drawn)
        return self._add(found, sequence, order)

    def update_frame(
        self,
        truth: Any,
        predicted: Any,
        iou: Any,
        *,
        sequence: int = 0,
        order: int | None = None,
        category: int = 0,
    ) -> dict[str, Score]:
        """Add one class of a frame whose IoUs are known.

        Args:
            truth: (n,) ids of true tracks, each once.
            predicted: (m,) ids of predicted tracks, each once.
            iou: (n, m) similarity in [0, 1].
            sequence: number of the sequence.
            order: place of the frame; by default the order of updates.
            category: position of the class.

        Returns:
            as `update`.

        Raises:
            DataError: an id is twice in the frame, or the table does not fit.
        """
        return self._add({category: checked_frame(truth, predicted, iou)}, sequence, order)

    def _add(
        self, found: Mapping[int, Frame], sequence: int, order: int | None
    ) -> dict[str, Score]:
        place = int(self.counters[0]) if order is None else order
        self.counters[0] += 1
        n = m = tp = 0
        for k, frame in found.items():
            self.kept.add(k, sequence, place, frame)
            n, m = n + len(frame.truth), m + len(frame.predicted)
            near = frame.iou >= 0.5
            tp += int(near[linear_sum_assignment(near, maximize=True)].sum())
        whole = n + m - tp
        return {
            "det_a_50": tp / whole if whole else None,
            "truth_objects": n,
            "predicted_objects": m,
        }

    def merge(self, other: TrackMetrics) -> None:
        """Add the frames of another worker; each frame of a sequence needs its own `order`."""
        self.kept.merge(other.kept)
        self.counters += other.counters

    def state(self) -> State:
        """Everything kept, as arrays."""
        return {**self.kept.state(), "counters": self.counters.copy()}

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: it is not of this family or taxonomy.
        """
        counters = state.get("counters", np.zeros(0))
        if counters.dtype.kind != "i" or counters.shape != (3,):
            raise ValueError(f"counters are {counters.dtype}{counters.shape}")
        self.kept.load(state)
        self.counters = counters.astype(np.int64)

    def result(self) -> Scores:
        """Scores over all sequences.

        Raises:
            UsageError: a frame of a sequence was given twice.
        """
        return self._result({0: list(self.kept.sequences())})[0]

    def by_sequence(self) -> dict[int, Scores]:
        """Scores of each sequence alone.

        Raises:
            UsageError: a frame of a sequence was given twice.
        """
        groups: dict[int, list[tuple[int, int, TrackSequence]]] = {}
        for one in self.kept.sequences():
            groups.setdefault(one[1], []).append(one)
        return self._result(groups)

    def _result(
        self, groups: Mapping[int, list[tuple[int, int, TrackSequence]]]
    ) -> dict[int, Scores]:
        out = {}
        for name, parts in groups.items():
            rows = {k: self._class_row(k, [s for c, _, s in parts if c == k])
                    for k in self.taxonomy.scored}  # fmt: skip
            present = [row for row in rows.values() if "reason" not in row]
            metrics: dict[str, Score] = {
                n: mean([row[n] for row in present]) for n in TRACK_METRICS
            }
            why = "no such detection: the divisor is 0" if present else "no track on either side"
            reasons = {n: why for n, value in metrics.items() if value is None}
            per_class = {self.taxonomy[k].key: row for k, row in rows.items()}
            out[name] = Scores(metrics, reasons, per_class, self._notes())
        return out

    def _class_row(self, k: int, sequences: list[TrackSequence]) -> dict[str, Any]:
        hota, identity, clear = HotaCounts.zero(), IdentityCounts(), ClearCounts()
        tracks = 0
        for one in sequences:
            tracks += one.n_truth + one.n_predicted
            hota.add(hota_counts(one))
            identity.add(identity_counts(one, threshold=self.rules.threshold))
            clear.add(clear_counts(one, threshold=self.rules.threshold))
        scores = {
            **hota.scores(self.rules.loc_without_matches),
            **identity.scores(),
            **clear.scores(),
        }
        if tracks and self.rules.undefined is not None:
            scores = {n: self.rules.undefined if v is None else v for n, v in scores.items()}
        category = self.taxonomy[k]
        row = {"name": category.name, "kind": category.kind, **scores}
        row |= {**asdict(clear), **asdict(identity), "sequences": len(sequences)}
        return row if tracks else {**row, "reason": "no track on either side"}

    def _notes(self) -> tuple[str, ...]:
        said = "boxes or other drawings of the truth", "predicted boxes or other drawings"
        return tuple(
            f"{n} {what} have no mask and are not followed"
            for n, what in zip(self.counters[1:].tolist(), said, strict=True)
            if n
        )
