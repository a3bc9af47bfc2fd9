"""The family of tracks: HOTA, identity scores and CLEAR over the frames of many sequences.

Frames are kept as tracks and IoUs, and scored at the end, because an identity is only known then.
The scores are in `hota.py`, `identity.py` and `clear.py`, their sums in `counts.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.objects.sides import drawn_only
from maskloom.metrics.scores import Scores, mean
from maskloom.metrics.tracks.counts import TRACK_METRICS, TRACK_RULES, TrackCounts, TrackRules
from maskloom.metrics.tracks.kept_frames import KeptFrames, State
from maskloom.metrics.tracks.row_frames import row_frames
from maskloom.metrics.tracks.sequences import Frame, checked_frame

_NOBODY = "no track on either side"


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
        self._counts: list[tuple[int, str, TrackCounts]] | None = None
        self.counters = np.zeros(3, np.int64)

    def update(
        self,
        truth: Rows,
        predicted: Rows,
        *,
        sequence: str = "",
        order: int | None = None,
        ignore: Masks | None = None,
        unlabelled: Collection[int] = (),
        where: str = "",
    ) -> dict[str, Score]:
        """Add one frame of masks whose `track` says who is who.

        Args:
            truth: see `row_frames.row_frames` for what is an object and what is not judged.
            predicted: likewise, in the same frame.
            sequence: name of the sequence; the same track in two sequences is two tracks.
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
        sequence: str = "",
        order: int | None = None,
        category: int = 0,
    ) -> dict[str, Score]:
        """Add one class of a frame whose IoUs are known.

        Args:
            truth: (n,) ids of true tracks, each once.
            predicted: (m,) ids of predicted tracks, each once.
            iou: (n, m) similarity in [0, 1].
            sequence: name of the sequence.
            order: place of the frame; by default the order of updates.
            category: position of the class.

        Returns:
            as `update`.

        Raises:
            DataError: an id is twice in the frame, or the table does not fit.
        """
        return self._add({category: checked_frame(truth, predicted, iou)}, sequence, order)

    def _add(
        self, found: Mapping[int, Frame], sequence: str, order: int | None
    ) -> dict[str, Score]:
        self._counts = None
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
        self._counts = None
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
        self._counts = None
        self.kept.load(state)
        self.counters = counters.astype(np.int64)

    def counts(self) -> list[tuple[int, str, TrackCounts]]:
        """(category, name of the sequence, counts), in rising order of both.

        Raises:
            UsageError: a frame of a sequence was given twice.
        """
        if self._counts is None:
            scored = set(self.taxonomy.scored)
            self._counts = [
                (k, name, TrackCounts.of(one, self.rules.threshold))
                for k, name, one in self.kept.sequences()
                if k in scored
            ]
        return self._counts

    def result(self) -> Scores:
        """Scores over all sequences.

        Raises:
            UsageError: a frame of a sequence was given twice.
        """
        found = self._scores(self.counts())
        absent = TrackCounts()
        told = {**absent.scores(self.rules), **absent.plain(), "reason": _NOBODY}
        per_class = {}
        for k in self.taxonomy.scored:
            one = self.taxonomy[k]
            row = {"name": one.name, "kind": one.kind, **told}
            per_class[one.key] = found.per_class.get(one.key, row)
        return replace(found, per_class=per_class)

    def by_sequence(self) -> dict[str, Scores]:
        """Scores of each sequence alone, with a row of each class that occurs in it.

        Raises:
            UsageError: a frame of a sequence was given twice.
        """
        groups: dict[str, list[tuple[int, str, TrackCounts]]] = {}
        for one in self.counts():
            groups.setdefault(one[1], []).append(one)
        return {name: self._scores(groups[name]) for name in sorted(groups)}

    def _scores(self, parts: list[tuple[int, str, TrackCounts]]) -> Scores:
        of_class: dict[int, list[TrackCounts]] = {}
        for k, _, one in parts:
            of_class.setdefault(k, []).append(one)
        rows = {k: self._class_row(k, of_class[k]) for k in sorted(of_class)}
        present = [row for row in rows.values() if "reason" not in row]
        metrics: dict[str, Score] = {n: mean([row[n] for row in present]) for n in TRACK_METRICS}
        why = "no such detection: the divisor is 0" if present else _NOBODY
        reasons = {n: why for n, value in metrics.items() if value is None}
        per_class = {self.taxonomy[k].key: row for k, row in rows.items()}
        return Scores(metrics, reasons, per_class, self._notes())

    def _class_row(self, k: int, parts: list[TrackCounts]) -> dict[str, Any]:
        whole = TrackCounts()
        for one in parts:
            whole.add(one)
        category = self.taxonomy[k]
        row = {"name": category.name, "kind": category.kind, **whole.scores(self.rules)}
        row |= whole.plain()
        return row if whole.tracks else {**row, "reason": _NOBODY}

    def _notes(self) -> tuple[str, ...]:
        said = "boxes or other drawings of the truth", "predicted boxes or other drawings"
        return tuple(
            f"{n} {what} have no mask and are not followed"
            for n, what in zip(self.counters[1:].tolist(), said, strict=True)
            if n
        )
