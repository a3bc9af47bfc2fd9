"""Every prediction of a data set as columns, and the levels at which it is judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVELS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
AREAS_PX = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}


@dataclass(frozen=True, slots=True, eq=False)
class PredictionColumns:
    """Every prediction kept, one value each; bits are IoU levels, rows of `hit` area ranges."""

    order: NDArray[np.int64]
    category: NDArray[np.int32]
    rank: NDArray[np.int64]
    score: NDArray[np.float64]
    hit: NDArray[np.uint16]
    drop: NDArray[np.uint16]

    @classmethod
    def join(cls, parts: list[PredictionColumns]) -> PredictionColumns:
        """All predictions of several parts, or of none."""
        none, bits = np.zeros(0, np.int64), np.zeros((0, len(AREAS_PX)), np.uint16)
        empty = cls(none, none.astype(np.int32), none, none.astype(np.float64), bits, bits)
        columns = (
            np.concatenate([getattr(part, name) for part in (empty, *parts)])
            for name in cls.__slots__
        )
        return cls(*columns)

    def ranked(self) -> PredictionColumns:
        """By category, then falling score, sample order and rank."""
        by = np.lexsort((self.rank, self.order, -self.score, self.category))
        return PredictionColumns(*(getattr(self, name)[by] for name in self.__slots__))
