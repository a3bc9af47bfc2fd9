"""The family of tracks as `evaluate` feeds it: frames of sequences, with intervals and a table.

The scores are those of `track_metrics.py`; whether the data have tracks at all is `ledger.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Floats, Ints
from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.outcome import Table, some_of
from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import Scores, mean_over
from maskloom.metrics.tracks.counts import (
    COLUMNS,
    TRACK_METRICS,
    TRACK_RULES,
    TrackRules,
    line_scores,
)
from maskloom.metrics.tracks.ledger import Ledger, State
from maskloom.metrics.tracks.row_frames import objects_in
from maskloom.metrics.tracks.track_metrics import TrackMetrics

COUNTS = ("idsw", "frag", "mt", "pt", "ml", "idtp", "idfp", "idfn")
"""What is told of each class beside its scores."""

_TOLD = ("hota", "det_a", "ass_a", "loc_a", "idf1", "mota")


class TrackFamily:
    """HOTA, identity scores and CLEAR of the frames of a data set.

    Args:
        taxonomy: of the labels.
        rules: of the convention.
    """

    def __init__(self, taxonomy: Taxonomy, rules: TrackRules = TRACK_RULES["maskloom"]) -> None:
        self.tracks = TrackMetrics(taxonomy, rules)
        self.ledger = Ledger()
        self._lines: SampleValues | None = None

    def update(
        self,
        truth: Rows,
        predicted: Rows,
        *,
        place: tuple[str, int],
        order: int,
        ignore: Masks | None = None,
        unlabelled: Collection[int] = (),
        where: str = "",
    ) -> dict[str, Score]:
        """Add one frame.

        Args:
            truth: rows whose `track` says who is who.
            predicted: likewise, in the same frame.
            place: name of the sequence, and place in it.
            order: of the sample in the data set.
            ignore: one row, the part of the frame that was not labelled.
            unlabelled: positions of categories that the truth does not list exhaustively here.
            where: the frame, for errors.

        Returns:
            det_a_50 of this frame, None where objects lack a track.
        """
        self._lines = None
        taxonomy = self.tracks.taxonomy
        true, found, _ = objects_in(truth, predicted, taxonomy, unlabelled=unlabelled)
        if not self.ledger.note(place[0], order, true, found):
            return {"det_a_50": None}
        own = self.tracks.update(
            *(truth, predicted), sequence=place[0], order=place[1],
            ignore=ignore, unlabelled=unlabelled, where=where,
        )  # fmt: skip
        return {"det_a_50": own["det_a_50"]}

    def merge(self, other: TrackFamily) -> None:
        """Add what another worker counted."""
        self._lines = None
        self.tracks.merge(other.tracks)
        self.ledger.merge(other.ledger)

    def result(self) -> Scores:
        """Scores over all sequences; none where no objects have tracks.

        Raises:
            UsageError: a frame of a sequence was given twice.
        """
        if self.ledger.silent:
            return Scores({}, notes=self.ledger.notes("scores of tracks"))
        if lost := self.ledger.lost():
            undefined: dict[str, Score] = dict.fromkeys(TRACK_METRICS)
            return Scores(undefined, dict.fromkeys(TRACK_METRICS, lost))
        found = self.tracks.result()
        notes = (*found.notes, *self._torn())
        table = {"sequences": self._table()}
        return Scores(found.metrics, found.reasons, found.per_class, notes, breakdowns=table)

    def _table(self) -> Table:
        found = self.tracks.by_sequence()
        rows = []
        for name in sorted(found, key=lambda name: (_last(found[name].metrics["hota"]), name)):
            cells = [found[name].metrics[column] for column in _TOLD]
            switches = sum(int(row["idsw"]) for row in found[name].per_class.values())
            rounded = [None if v is None else round(v, 4) for v in cells]
            rows.append((name, *rounded, switches))
        return Table(
            "Tracks of each sequence", ("sequence", *_TOLD, "idsw"), rows, "lowest HOTA first"
        )

    def _torn(self) -> tuple[str, ...]:
        """Tracks that are of several classes, which count as one track for each."""
        names, notes = self.tracks.taxonomy, []
        sides: tuple[Literal["truth", "predicted"], ...] = ("truth", "predicted")
        for side in sides:
            torn = self.tracks.kept.torn(side)
            told = [
                f"{track} of {sequence or 'the sequence'} ({', '.join(names[k].name for k in of)})"
                for (sequence, track), of in torn.items()
            ]
            if told:
                what = "truth" if side == "truth" else "prediction"
                notes.append(
                    f"{len(told)} tracks of the {what} change their class and count as one track "
                    f"for each: {some_of(told, 3)}"
                )
        return tuple(notes)

    def resampled(self, weights: Ints, orders: Ints) -> dict[str, NDArray[np.float64]]:
        """As `families.Family` says; samples of one sequence are taken equally often."""
        if self.ledger.silent or self.ledger.lost():
            return {}
        if self._lines is None:
            self._lines = self._drawn()
        taxonomy = self.tracks.taxonomy
        totals = self._lines.totals(weights, orders, len(taxonomy))
        found: dict[str, Floats] = line_scores(totals[:, list(taxonomy.scored)], self.tracks.rules)
        return {name: mean_over(values) for name, values in found.items()}

    def _drawn(self) -> SampleValues:
        counts = self.tracks.counts()
        at = np.array([self.ledger.orders[name] for _, name, _ in counts], np.int64)
        categories = np.array([k for k, _, _ in counts], np.int64)
        lines = np.array([one.line() for *_, one in counts]).reshape(-1, len(COLUMNS))
        return SampleValues.of(COLUMNS, at, categories, lines)

    def state(self) -> State:
        """What is counted, as arrays."""
        return {**self.tracks.state(), **self.ledger.state()}

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: it is not of this family or taxonomy.
        """
        self._lines = None
        self.ledger.load(state)
        self.tracks.load(state)


def _last(value: Score) -> float:
    """A score by which sequences are sorted, undefined ones last."""
    return np.inf if value is None else value
