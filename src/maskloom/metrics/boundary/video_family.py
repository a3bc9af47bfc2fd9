"""The family of video objects as `evaluate` feeds it: rows of frames, with intervals and a table.

J and F of a frame are `video.py`; an object is a track, and the same track of both sides is the
same object.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Floats, Ints
from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.outcome import Table
from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.boundary.rules import VIDEO_RULES, VideoRules
from maskloom.metrics.boundary.video import VIDEO_METRICS, VideoObjectMetrics, both
from maskloom.metrics.boundary.video_values import Span
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import Scores
from maskloom.metrics.tracks.ledger import Ledger, State
from maskloom.metrics.tracks.row_frames import objects_in

_VALUES = tuple(name for name in VIDEO_METRICS if name != "j_and_f")
_STATISTICS = ("mean", "recall", "decay")


class VideoFamily:
    """J and F of the tracks of a data set.

    Args:
        taxonomy: says what is void; an object is told by its track, not by its class.
        rules: of the convention.
    """

    def __init__(self, taxonomy: Taxonomy, rules: VideoRules = VIDEO_RULES["maskloom"]) -> None:
        self.taxonomy = taxonomy
        self.video = VideoObjectMetrics(rules)
        self.ledger = Ledger()
        self._drawn: SampleValues | None = None

    def update(
        self,
        truth: Rows,
        predicted: Rows,
        *,
        size: tuple[int, int],
        place: tuple[str, int],
        order: int,
        ignore: Masks | None = None,
        unlabelled: Collection[int] = (),
    ) -> dict[str, Score]:
        """Measure one frame.

        Args:
            truth: rows whose `track` says who is who.
            predicted: likewise.
            size: (H, W) of the frame.
            place: name of the sequence, and place in it.
            order: of the sample in the data set.
            ignore: one row, the part of the frame that was not labelled.
            unlabelled: positions of categories that the truth does not list exhaustively here.

        Returns:
            j, f and j_and_f of this frame; None where objects lack a track.

        Void and crowds of the truth, of whatever class, and what was not labelled are void.
        """
        self._drawn = None
        true, found, regions = objects_in(truth, predicted, self.taxonomy, unlabelled=unlabelled)
        if not self.ledger.note(place[0], order, true, found):
            return dict.fromkeys(("j", "f", "j_and_f"))
        hidden = regions.masks if ignore is None else Masks.concatenate([regions.masks, ignore])
        void = hidden.merge().dense(0) if hidden.areas.any() else None
        return self.video.update_masks(
            _by_track(true),
            _by_track(found),
            size=size,
            sequence=place[0],
            order=place[1],
            void=void,
        )

    def asks(self, sequence: str) -> bool:
        """Whether a sequence counts by what is not known yet: its ends and its first objects."""
        rules = self.video.rules
        whole = rules.first_names or rules.drop_first or rules.drop_last
        return whole and sequence not in self.video.rows.spans

    def tell(
        self,
        sequence: str,
        ends: tuple[int, int],
        first: Rows,
        *,
        unlabelled: Collection[int] = (),
    ) -> None:
        """Say what the whole sequence is, of which maybe not all frames are measured.

        Args:
            sequence: its name.
            ends: places of its first and last frame.
            first: rows of the truth in its first frame.
            unlabelled: positions of categories that the truth does not list exhaustively there.
        """
        objects, _, _ = objects_in(first, first.take([]), self.taxonomy, unlabelled=unlabelled)
        named = np.unique(objects.track[objects.track >= 0])
        self.video.rows.spans[sequence] = Span(*ends, tuple(named.tolist()))

    def merge(self, other: VideoFamily) -> None:
        """Add what another worker measured."""
        self._drawn = None
        self.video.merge(other.video)
        self.ledger.merge(other.ledger)

    def result(self) -> Scores:
        """Means over all objects; none where no objects have tracks."""
        if self.ledger.silent:
            return Scores({}, notes=self.ledger.notes("j and f"))
        if lost := self.ledger.lost():
            undefined: dict[str, Score] = dict.fromkeys(VIDEO_METRICS)
            return Scores(undefined, dict.fromkeys(VIDEO_METRICS, lost))
        found = self.video.result()
        over, *odd = found.notes
        table = {"video_objects": self._table(over)}
        return Scores(found.metrics, found.reasons, {}, tuple(odd), breakdowns=table)

    def _table(self, over: str) -> Table:
        rows = []
        for (sequence, number), (j, f) in self.video.objects().items():
            cells = [getattr(one, of) for one in (j, f) for of in _STATISTICS]
            rounded = [None if v is None else round(v, 4) for v in cells]
            fit = both(j.mean, f.mean)
            rows.append((np.inf if fit is None else fit, sequence, number, *rounded))
        columns = ("sequence", "object", *_VALUES)
        listed = [row[1:] for row in sorted(rows, key=lambda row: row[:3])]
        return Table("J and F of each object", columns, listed, f"{over}; lowest J&F first")

    def resampled(self, weights: Ints, orders: Ints) -> dict[str, NDArray[np.float64]]:
        """As `families.Family` says; samples of one sequence are taken equally often."""
        if self.ledger.silent or self.ledger.lost():
            return {}
        if self._drawn is None:
            self._drawn = self._values()
        means = self._drawn.means(weights, orders, 1)[:, 0]
        found: dict[str, Floats] = dict(zip(_VALUES, means.T, strict=True))
        return {"j_and_f": (found["j"] + found["f"]) / 2, **found}

    def _values(self) -> SampleValues:
        """The statistics of each object as a row of its sequence."""
        found = self.video.objects()
        at = np.array([self.ledger.orders[sequence] for sequence, _ in found], np.int64)
        rows = [[getattr(one, of) for one in pair for of in _STATISTICS] for pair in found.values()]
        values = np.array(rows, np.float64).reshape(-1, len(_VALUES))
        return SampleValues.of(_VALUES, at, np.zeros(len(at), np.int64), values)

    def state(self) -> State:
        """What is kept, as arrays."""
        video = {f"video.{name}": array for name, array in self.video.state().items()}
        return {**video, **self.ledger.state()}

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: arrays are missing, or of another shape or kind.
        """
        self._drawn = None
        self.ledger.load(state)
        first = "video."
        self.video.load({k[len(first) :]: v for k, v in state.items() if k.startswith(first)})


def _by_track(rows: Rows) -> dict[int, Masks]:
    """The parts of each object."""
    order = np.argsort(rows.track, kind="stable")
    tracks, starts = np.unique(rows.track[order], return_index=True)
    parts = np.split(order, starts)[1:]
    return {track: rows.masks[own] for track, own in zip(tracks.tolist(), parts, strict=True)}
