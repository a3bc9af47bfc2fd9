"""One class of one sequence as numbers: who is in each frame, and how far boxes or masks agree.

HOTA (`hota.py`), identity scores (`identity.py`) and CLEAR (`clear.py`) start from it; frames of
masks become it in `row_frames.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import DataError

Ids = NDArray[np.int64]
Table = NDArray[np.float64]

SLACK = float(np.finfo(np.float64).eps)
"""An IoU that rounding put just below a threshold still reaches it, as in TrackEval."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Who is in one frame, and the P pairs that meet.

    Args:
        truth: (n,) int64 ids of true tracks, each once.
        predicted: (m,) int64 ids of predicted tracks, each once.
        rows: (P,) int64 places in `truth`, rising.
        columns: (P,) int64 places in `predicted`, rising within a row.
        values: (P,) float64 IoU, above 0 and at most 1.
    """

    truth: Ids
    predicted: Ids
    rows: Ids
    columns: Ids
    values: NDArray[np.float64]

    @classmethod
    def of(cls, truth: Ids, predicted: Ids, iou: Table) -> Frame:
        """From a table (n, m) of IoU."""
        rows, columns = np.nonzero(iou)
        return cls(truth, predicted, rows, columns, iou[rows, columns])

    @property
    def iou(self) -> Table:
        """(n, m) float64 in [0, 1], made anew each time: most of it is 0."""
        out = np.zeros((len(self.truth), len(self.predicted)))
        out[self.rows, self.columns] = self.values
        return out


@dataclass(frozen=True, slots=True, eq=False)
class TrackSequence:
    """Frames in the order of time; tracks are numbered from 0 without gaps.

    Args:
        frames: with numbers in place of ids.
        n_truth: true tracks.
        n_predicted: predicted tracks.
    """

    frames: tuple[Frame, ...]
    n_truth: int
    n_predicted: int

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    @property
    def truth_lengths(self) -> Ids:
        """(n_truth,) int64 frames in which each true track is."""
        return _lengths([frame.truth for frame in self.frames], self.n_truth)

    @property
    def predicted_lengths(self) -> Ids:
        """(n_predicted,) int64 frames in which each predicted track is."""
        return _lengths([frame.predicted for frame in self.frames], self.n_predicted)


def track_sequence(frames: Sequence[Frame]) -> TrackSequence:
    """Frames with any ids as a sequence; frames without anybody are kept."""
    truth_ids = np.unique(np.concatenate([np.zeros(0, np.int64), *(f.truth for f in frames)]))
    ids = np.unique(np.concatenate([np.zeros(0, np.int64), *(f.predicted for f in frames)]))
    numbered = tuple(
        replace(
            f,
            truth=np.searchsorted(truth_ids, f.truth),
            predicted=np.searchsorted(ids, f.predicted),
        )
        for f in frames
    )
    return TrackSequence(numbered, len(truth_ids), len(ids))


def checked_frame(truth: Any, predicted: Any, iou: Any, *, where: str = "") -> Frame:
    """A frame from arrays or lists.

    Args:
        truth: (n,) ids of true tracks, whole numbers.
        predicted: (m,) ids of predicted tracks.
        iou: (n, m), similarity in [0, 1].
        where: the frame, for errors.

    Raises:
        DataError: an id is twice in the frame, or the table does not fit or holds other values.
    """
    sides = []
    for ids, side in ((truth, "truth"), (predicted, "prediction")):
        given = np.asarray(ids)
        given = given.astype(np.int64) if given.size == 0 else given
        if given.ndim != 1 or given.dtype.kind not in "iu":
            raise DataError(f"track ids of the {side} are no line of whole numbers", where=where)
        found, times = np.unique(given, return_counts=True)
        if (times > 1).any():
            seen = int(found[times > 1][0])
            raise DataError(f"a track of the {side} is twice in a frame", where=where, seen=seen)
        sides.append(given.astype(np.int64))
    table = np.asarray(iou, np.float64)
    shape = (len(sides[0]), len(sides[1]))
    if table.shape != shape and table.size == shape[0] * shape[1] == 0:
        table = np.zeros(shape)
    if table.shape != shape:
        raise DataError("IoU has not one row for each true track and one column for each predicted "
                        "one", where=where, seen=f"{table.shape}, tracks {shape}")  # fmt: skip
    if not ((table >= 0) & (table <= 1)).all():
        raise DataError("an IoU is not in [0, 1]", where=where)
    return Frame.of(sides[0], sides[1], table)


def _lengths(ids: list[Ids], n: int) -> Ids:
    return np.bincount(np.concatenate([np.zeros(0, np.int64), *ids]), minlength=n)
