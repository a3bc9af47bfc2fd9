"""What is kept of each prediction and of each true object: some bytes, from which tables follow."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.generic]

PREDICTIONS: dict[str, type[np.generic]] = {
    "order": np.int64,
    "rank": np.int32,
    "score": np.float64,
    "category": np.int32,
    "kind": np.uint8,
    "gains": np.int32,
}
"""Of each judged prediction: its sample, its place there by falling score, what it is (an index
of `kinds.KINDS`), and the category of the object that it would find if it were put right, or -1."""

OBJECTS: dict[str, type[np.generic]] = {
    "category": np.int32,
    "area": np.float64,
    "iou": np.float64,
    "fine": np.bool_,
}
"""Of each true object: px, IoU with the prediction that found it or 0, found at 0.75 too."""


class Columns:
    """Arrays of one length that grow by the rows of a sample.

    Args:
        kinds: name → type.
    """

    def __init__(self, kinds: Mapping[str, type[np.generic]]) -> None:
        self.kinds = kinds
        self._parts: dict[str, list[Column]] = {name: [] for name in kinds}

    def add(self, rows: Mapping[str, Column]) -> None:
        """Rows of one sample: an array of each name."""
        for name, kind in self.kinds.items():
            self._parts[name].append(np.asarray(rows[name], kind))

    def merge(self, other: Columns) -> None:
        """Add the rows of another worker."""
        for name, parts in self._parts.items():
            parts.extend(other._parts[name])

    def table(self) -> dict[str, Column]:
        """All rows, in the order in which they were added."""
        return {
            name: np.concatenate([np.zeros(0, kind), *self._parts[name]])
            for name, kind in self.kinds.items()
        }

    def state(self, prefix: str) -> dict[str, Column]:
        """All rows, by prefixed names."""
        return {prefix + name: column for name, column in self.table().items()}

    def load(self, state: Mapping[str, Column], prefix: str) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: arrays of another type, or that differ in length.
        """
        n = len(state[prefix + next(iter(self.kinds))])
        for name, kind in self.kinds.items():
            found = state[prefix + name]
            if found.dtype != kind or found.shape != (n,):
                raise ValueError(f"{prefix}{name} is {found.dtype}{found.shape}")
        self._parts = {name: [state[prefix + name]] for name in self.kinds}
