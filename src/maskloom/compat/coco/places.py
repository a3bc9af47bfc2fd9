"""Where ids stand among those that are evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TABLE = 1 << 22
"""Ids below this are looked up in a table."""


class Places:
    """Positions of ids.

    Args:
        ids: in their order; any that a dict can hold.
    """

    def __init__(self, ids: Sequence[Any]) -> None:
        self._places = {one: place for place, one in enumerate(ids)}
        own = list(self._places)
        whole = bool(own) and all(isinstance(one, int | np.integer) for one in own)
        self._ids = np.array(own if whole else [], np.int64)
        self._by = np.argsort(self._ids)
        self._table: NDArray[np.int32] | None = None
        if whole and self._ids.min() >= 0 and self._ids.max() < _TABLE:
            self._table = np.full(int(self._ids.max()) + 2, -1, np.int32)
            self._table[self._ids] = np.arange(len(own))

    def __len__(self) -> int:
        return len(self._places)

    def find(self, one: Any) -> int:
        """The position of an id, or -1."""
        return self._places.get(one, -1)

    def of(self, ids: Sequence[Any]) -> NDArray[np.int32]:
        """The position of each of some ids, or -1."""
        if len(self._ids) and set(map(type, ids)) == {int}:
            return self.of_numbers(np.fromiter(ids, np.int64, len(ids)))
        return np.fromiter((self._places.get(one, -1) for one in ids), np.int32, len(ids))

    def of_numbers(self, ids: NDArray[np.int64]) -> NDArray[np.int32]:
        """The same of an array."""
        if not len(self._ids) or not len(ids):
            return np.full(len(ids), -1, np.int32)
        if self._table is not None and ids.min() >= 0:
            return self._table[np.minimum(ids, len(self._table) - 1)]
        known = self._ids[self._by]
        at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        return np.where(known[at] == ids, self._by[at], -1).astype(np.int32)
