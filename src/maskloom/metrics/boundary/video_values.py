"""J and F of each video object in each frame, kept as columns, and what a sequence makes of them.

Measuring a frame is `video.py`.
"""

from __future__ import annotations

import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.report import Score
from maskloom.metrics.boundary.rules import VideoRules
from maskloom.metrics.scores import mean

FRAME = -1
"""The object number of the row that only says that a frame was there."""

PALETTE = 254
"""The highest number that a palette map gives an object; 255 is void there."""

_COLUMNS = ("sequence", "frame", "object", "shown")


@dataclass(frozen=True, slots=True)
class Statistics:
    """Mean, recall and decay of an object's values over the frames of its sequence."""

    mean: Score
    recall: Score
    decay: Score


@dataclass(frozen=True, slots=True)
class Span:
    """A whole sequence of the truth, of which maybe not all frames are measured.

    Args:
        first, last: places of its first and last frame.
        named: objects that the truth shows in the first.
    """

    first: int
    last: int
    named: tuple[int, ...]


def statistics(values: Sequence[Score], recall_above: float = 0.5) -> Statistics:
    """Mean, recall and decay of the values of one object, frame by frame.

    Args:
        values: in the order of frames; None where undefined, which is left out.
        recall_above: a frame counts for recall where its value is above.

    Returns:
        decay is the mean of the first quarter of frames less that of the last; adjacent quarters
        share a frame. None where a mean has no value.

    Source: Perazzi et al. 2016, section 4.2; davis2017-evaluation `db_statistics`. Deviations:
    there an undefined frame counts as not recalled, and the bounds of quarters are held in 8
    bits, so that sequences of more than 256 frames get the quarters of other frames.

    >>> statistics([1.0, 1.0, 0.8, 0.6, 0.4])
    Statistics(mean=0.76, recall=0.8, decay=0.5)
    """
    if not values:
        return Statistics(None, None, None)
    bounds = np.round(np.linspace(1, len(values), 5) + 1e-10).astype(int) - 1
    first, last = (mean(values[bounds[i] : bounds[i + 1] + 1]) for i in (0, 3))
    recalled = [None if v is None else float(v > recall_above) for v in values]
    decay = None if first is None or last is None else first - last
    return Statistics(mean(values), mean(recalled), decay)


class ObjectFrames:
    """Rows of sequence, frame, object, J and F, in any order; sequences go by their names.

    `spans` says of sequences what they are as a whole; of others, that the rows are all of it.
    """

    def __init__(self) -> None:
        self.spans: dict[str, Span] = {}
        self.names: list[str] = []
        self._places: dict[str, int] = {}
        self._keys = array.array("q")
        self._values = array.array("d")

    def add(
        self, sequence: str, frame: int, *, number: int, shown: bool, values: tuple[Score, Score]
    ) -> None:
        """A row of J and F; `shown` says whether the truth has pixels of the object there."""
        self._keys.extend((self._place(sequence), frame, number, int(shown)))
        self._values.extend(np.nan if v is None else v for v in values)

    def _place(self, sequence: str) -> int:
        if sequence not in self._places:
            self._places[sequence] = len(self.names)
            self.names.append(sequence)
        return self._places[sequence]

    def merge(self, other: ObjectFrames) -> None:
        """Add the rows of another worker."""
        moved = np.array([self._place(name) for name in other.names], np.int64)
        keys = np.array(other._keys, np.int64).reshape(-1, len(_COLUMNS))
        if len(keys):
            keys[:, 0] = moved[keys[:, 0]]
        self._keys.frombytes(keys.tobytes())
        self._values.extend(other._values)
        self.spans |= other.spans

    def table(self) -> tuple[list[str], NDArray[np.int64], NDArray[np.float64]]:
        """Sorted names, (N, 4) sequence, frame, object and shown, and (N, 2) J and F, sorted."""
        order = sorted(range(len(self.names)), key=self.names.__getitem__)
        keys = np.array(self._keys, np.int64).reshape(-1, len(_COLUMNS))
        values = np.array(self._values, np.float64).reshape(-1, 2)
        if len(keys):
            keys[:, 0] = np.argsort(order)[keys[:, 0]]
        by = np.lexsort(keys.T[::-1])
        return [self.names[i] for i in order], keys[by], values[by]

    def objects(
        self, rules: VideoRules
    ) -> Iterator[tuple[str, int, tuple[tuple[Score, ...], tuple[Score, ...]]]]:
        """Each object that is to be found: its sequence, number, and (J, F) frame by frame."""
        names, keys, values = self.table()
        for place, name in enumerate(names):
            own = keys[:, 0] == place
            span = self.spans.get(name)
            yield from _sequence_objects(name, keys[own, 1:], values[own], rules, span)

    def unknown(self, rules: VideoRules) -> int:
        """Objects of sequences that only the prediction shows."""
        names, keys, _ = self.table()
        wanted = {(name, number) for name, number, _ in self.objects(rules)}
        seen = {(names[s], int(n)) for s, n in np.unique(keys[:, [0, 2]], axis=0) if n != FRAME}
        return len(seen - wanted)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What is kept, as arrays."""
        names, keys, values = self.table()
        spans = sorted(self.spans.items())
        ends = [(one.first, one.last, len(one.named)) for _, one in spans]
        return {
            "sequences": np.array(names, np.str_),
            "keys": keys,
            "values": values,
            "spans": np.array([name for name, _ in spans], np.str_),
            "ends": np.array(ends, np.int64).reshape(-1, 3),
            "named": np.array([n for _, one in spans for n in one.named], np.int64),
        }

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: arrays are missing, or of another shape or kind.
        """
        if set(state) != {"sequences", "keys", "values", "spans", "ends", "named"}:
            raise ValueError(f"a state of video objects holds other arrays than {sorted(state)}")
        names, keys, values = (state[name] for name in ("sequences", "keys", "values"))
        kinds = [names.dtype.kind, keys.dtype.kind, values.dtype.kind]
        n = len(keys)
        shapes = [names.ndim == 1, keys.shape == (n, len(_COLUMNS)), values.shape == (n, 2)]
        if kinds != ["U", "i", "f"] or not all(shapes):
            raise ValueError(f"keys are {keys.dtype}{keys.shape}, values {values.shape}")
        given = [str(name) for name in names]
        if len(set(given)) != len(given):
            raise ValueError("a sequence is named twice")
        if n and not 0 <= int(np.min(keys[:, 0])) <= int(np.max(keys[:, 0])) < len(given):
            raise ValueError("a row is of a sequence that is not named")
        self.spans = _spans(state["spans"], state["ends"], state["named"])
        self.names, self._places = given, {name: i for i, name in enumerate(given)}
        self._keys = array.array("q", keys.astype(np.int64).tobytes())
        self._values = array.array("d", values.astype(np.float64).tobytes())


def _sequence_objects(
    name: str,
    keys: NDArray[np.int64],
    values: NDArray[np.float64],
    rules: VideoRules,
    span: Span | None,
) -> Iterator[tuple[str, int, tuple[tuple[Score, ...], tuple[Score, ...]]]]:
    """The objects of one sequence; keys are frame, object and shown."""
    frames = np.unique(keys[:, 0])
    shown = keys[keys[:, 2] == 1]
    if span is None:
        first = int(frames[0])
        named = shown[shown[:, 0] == first, 1].tolist()
        span = Span(first, int(frames[-1]), tuple(named))
    wanted = _named(span.named) if rules.first_names else np.unique(shown[:, 1]).tolist()
    dropped = [span.first] * rules.drop_first + [span.last] * rules.drop_last
    kept = frames[~np.isin(frames, dropped)]
    for number in wanted:
        rows = keys[:, 1] == number
        at = dict(zip(keys[rows, 0].tolist(), values[rows].tolist(), strict=True))
        neither = (rules.both_empty, rules.contour.both_empty)
        pairs = [at.get(int(frame), neither) for frame in kept]
        j, f = (tuple(_defined(pair[i]) for pair in pairs) for i in (0, 1))
        yield name, int(number), (j, f)


def _named(of_first: Sequence[int]) -> list[int]:
    """Objects that a first frame names: all up to its highest number, where that is a palette's."""
    highest = max(of_first, default=0)
    counted = range(1, highest + 1) if highest <= PALETTE else ()
    return sorted({*counted, *of_first})


def _spans(
    names: NDArray[np.generic], ends: NDArray[np.generic], named: NDArray[np.generic]
) -> dict[str, Span]:
    """What `ObjectFrames.state` gave of spans; ValueError where it gave no such thing."""
    kinds = names.dtype.kind + ends.dtype.kind + named.dtype.kind
    if kinds != "Uii" or ends.shape != (*names.shape, 3) or named.ndim != 1:
        raise ValueError(
            f"a state of spans is {names.dtype}{names.shape}, {ends.dtype}{ends.shape}"
        )
    rows = ends.astype(np.int64)
    bounds = np.concatenate([[0], np.cumsum(rows[:, 2])])
    if (rows[:, 2] < 0).any() or bounds[-1] != named.size:
        raise ValueError(f"a state of spans names {named.size} objects for {bounds[-1]}")
    objects = named.astype(np.int64).tolist()
    return {
        str(name): Span(first, last, tuple(objects[a:b]))
        for name, (first, last, _), a, b in zip(
            names, rows.tolist(), bounds[:-1], bounds[1:], strict=True
        )
    }


def _defined(value: Score) -> Score:
    return None if value is None or np.isnan(value) else value
