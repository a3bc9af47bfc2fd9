"""Segmentations of many entries: run-length codes as columns, whatever else there is as it came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import DataError


class Codes:
    """Segmentations, added some at a time.

    Attributes:
        drawn: all of them.
        counts: those of all, where all are compressed strings; else empty.
    """

    def __init__(self) -> None:
        self.drawn: list[Any] = []
        self.counts: list[str | bytes] = []
        self._sizes: list[NDArray[np.int64]] = []
        self._plain = True

    def add(self, drawn: Sequence[Any]) -> None:
        """Add segmentations behind those that are here."""
        self.drawn.extend(drawn)
        if not self._plain or not drawn:
            return
        try:
            counts = [one["counts"] for one in drawn]
            sizes = _flat([one["size"] for one in drawn])
        except (KeyError, TypeError, ValueError, OverflowError):
            self._plain = False
        else:
            self._plain = set(map(type, counts)) <= {str, bytes}
            self.counts.extend(counts)
            self._sizes.append(sizes)
        if not self._plain:
            self.counts, self._sizes = [], []

    def take(self, rows: NDArray[np.int64]) -> Codes:
        """Those of some rows."""
        own, chosen = Codes(), rows.tolist()
        own.drawn = [self.drawn[i] for i in chosen] if self.drawn else []
        own.counts = [self.counts[i] for i in chosen] if self.counts else []
        own._plain = self._plain
        own._sizes = [np.concatenate(self._sizes)[rows]] if self._sizes else []
        return own

    def sizes(self, name: Callable[[int], str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of run-length codes, and their sizes (R, 2) [H, W].

        Args:
            name: of the entry at a place, for errors.

        Raises:
            DataError: a code without a size or without counts.
        """
        if self._plain:
            whole = np.concatenate([np.zeros((0, 2), np.int64), *self._sizes])
            return np.arange(len(whole)), whole
        rows = np.flatnonzero([isinstance(one, dict) for one in self.drawn])
        for i in rows.tolist():
            one = self.drawn[i]
            size = one.get("size")
            whole_size = isinstance(size, list | tuple) and len(size) == 2
            if "counts" not in one or not whole_size or not all(isinstance(n, int) for n in size):
                raise DataError(
                    'runs have "counts" and a "size" of two whole numbers [H, W]',
                    where=f"{name(i)}, segmentation",
                    seen=str(one)[:80],
                )
        return rows, _flat([self.drawn[i]["size"] for i in rows.tolist()])


def _flat(sizes: Sequence[Any]) -> NDArray[np.int64]:
    if not set(map(len, sizes)) <= {2}:
        raise ValueError
    return np.fromiter(chain.from_iterable(sizes), np.int64, 2 * len(sizes)).reshape(-1, 2)
