"""Frames as columns: what the family of tracks keeps, merges and sends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import UsageError
from maskloom.metrics.tracks.sequences import Frame, TrackSequence, track_sequence

State = dict[str, NDArray[np.generic]]
_Key = tuple[int, str, int]
_NONE = np.zeros(0, np.int64)
_COLUMNS = ("truth", "predicted", "rows", "columns", "iou")


class KeptFrames:
    """Frames of many sequences and classes, each with its pairs of an IoU above 0.

    Args:
        n_categories: positions of classes are below it.
    """

    def __init__(self, n_categories: int) -> None:
        self.n_categories = n_categories
        self._keys: list[_Key] = []
        self._frames: list[Frame] = []

    def add(self, category: int, sequence: str, order: int, frame: Frame) -> None:
        """A class of a frame: position of the class, name of the sequence, place in time."""
        self._keys.append((category, sequence, order))
        self._frames.append(frame)

    def merge(self, other: KeptFrames) -> None:
        """Add the frames of another worker."""
        self._keys.extend(other._keys)
        self._frames.extend(other._frames)

    def sequences(self) -> Iterator[tuple[int, str, TrackSequence]]:
        """(category, sequence, frames in the order of time), in rising order of both.

        Raises:
            UsageError: a frame of a sequence was added twice.
        """
        order = sorted(range(len(self._keys)), key=self._keys.__getitem__)
        own: list[Frame] = []
        for i, place in enumerate(order):
            key = self._keys[place]
            own.append(self._frames[place])
            following = self._keys[order[i + 1]] if i + 1 < len(order) else (-1, "", -1)
            if following == key:
                raise UsageError(
                    "a frame was given twice",
                    where=f"sequence {key[1]}".rstrip(),
                    seen=key[2],
                    hint="give each frame of a sequence an order of its own",
                )
            if following[:2] != key[:2]:
                yield key[0], key[1], track_sequence(own)
                own = []

    def torn(self, side: Literal["truth", "predicted"]) -> dict[tuple[str, int], tuple[int, ...]]:
        """(sequence, track) → its categories, of the tracks of a side that have several."""
        found: dict[tuple[str, int], set[int]] = {}
        for (category, sequence, _), frame in zip(self._keys, self._frames, strict=True):
            for track in getattr(frame, side).tolist():
                found.setdefault((sequence, track), set()).add(category)
        return {key: tuple(sorted(of)) for key, of in sorted(found.items()) if len(of) > 1}

    def state(self) -> State:
        """Everything kept, as arrays."""
        names = sorted({key[1] for key in self._keys})
        places = {name: place for place, name in enumerate(names)}
        rows = [
            (k, places[name], order, len(frame.truth), len(frame.predicted), len(frame.values))
            for (k, name, order), frame in zip(self._keys, self._frames, strict=True)
        ]
        return {
            "sequences": np.array(names, np.str_),
            "frames": np.array(rows, np.int64).reshape(-1, 6),
            "truth": np.concatenate([_NONE, *(frame.truth for frame in self._frames)]),
            "predicted": np.concatenate([_NONE, *(frame.predicted for frame in self._frames)]),
            "rows": np.concatenate([_NONE, *(frame.rows for frame in self._frames)]),
            "columns": np.concatenate([_NONE, *(frame.columns for frame in self._frames)]),
            "iou": np.concatenate([np.zeros(0), *(frame.values for frame in self._frames)]),
        }

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: arrays that are missing, of another shape or kind, or do not fit together.
        """
        missing = {"sequences", "frames", *_COLUMNS} - set(state)
        if missing:
            raise ValueError(f"{', '.join(sorted(missing))} missing from the state")
        rows, columns = state["frames"], [state[name] for name in _COLUMNS]
        kinds = "".join(column.dtype.kind for column in (rows, *columns))
        if kinds != "iiiiif" or rows.shape != (len(rows), 6):
            raise ValueError(f"frames are {rows.dtype}{rows.shape}, iou {state['iou'].dtype}")
        category, sizes = rows[:, 0].astype(np.int64), rows[:, 3:].astype(np.int64)
        lengths, given = sizes.sum(axis=0)[[0, 1, 2, 2, 2]], [column.size for column in columns]
        if (sizes < 0).any() or lengths.tolist() != given:
            raise ValueError(f"{given} values for {lengths}")
        for places, limits in zip(columns[2:4], sizes[:, :2].T, strict=True):
            beyond = places.astype(np.int64) >= np.repeat(limits, sizes[:, 2])
            if beyond.any() or places.astype(np.int64).min(initial=0) < 0:
                raise ValueError("values for a pair of tracks that are not in the frame")
        if len(rows) and not 0 <= int(category.min()) <= int(category.max()) < self.n_categories:
            raise ValueError(f"a category beyond the {self.n_categories} of the taxonomy")
        names, places = state["sequences"], rows[:, 1].astype(np.int64)
        if names.dtype.kind != "U" or names.ndim != 1:
            raise ValueError(f"sequences are {names.dtype}{names.shape}")
        if len(rows) and not 0 <= int(places.min()) <= int(places.max()) < len(names):
            raise ValueError("a frame is of a sequence that is not named")
        ends = np.cumsum(sizes, axis=0)[:-1].T[[0, 1, 2, 2, 2]]
        kinds_of = (np.int64, np.int64, np.int64, np.int64, np.float64)
        parts = [
            np.split(column.astype(kind), cuts)
            for column, cuts, kind in zip(columns, ends, kinds_of, strict=True)
        ]
        self._keys = [(int(k), str(names[s]), int(o)) for k, s, o in rows[:, :3].tolist()]
        self._frames = [Frame(*own) for own in list(zip(*parts, strict=True))[: len(rows)]]
