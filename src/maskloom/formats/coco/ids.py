"""Ids of a million entries as columns: those that came along stay, others get free numbers."""

from __future__ import annotations

import array
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NONE = -(2**63)
_NO_IDS = np.zeros(0, np.int64)


class IdColumn:
    """Ids that entries came with: 8 bytes each, but where one is larger than that."""

    def __init__(self) -> None:
        self._values = array.array("q")
        self._large: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._values)

    def append(self, value: object) -> None:
        """The id of the next entry; what is no whole number is none."""
        if type(value) is not int:
            value = _NONE
        elif not _NONE < value < 2**63:
            self._large[len(self._values)] = value
            value = _NONE
        self._values.append(value)

    def kept(self, entries: NDArray[np.int64]) -> Sequence[int] | NDArray[np.int64]:
        """Unique ids of some entries, in this order; see `kept_ids`."""
        own = np.frombuffer(self._values, np.int64)[entries] if self._values else _NO_IDS
        told = own != _NONE
        # Ids that rise, as nearly all do, need not be sorted.
        if not self._large and told.all() and (own[1:] > own[:-1]).all():
            return own
        top = int(own.max()) if told.any() else 0
        if self._large or top > 2**63 - 1 - len(own):
            return kept_ids(self._listed(entries.tolist()))
        # One array less while a copy is sorted.
        del entries
        if told.all():
            ranked = np.sort(own)
            if (ranked[1:] > ranked[:-1]).all():
                return own
            del ranked
        keeps = np.zeros(len(own), np.bool_)
        keeps[np.flatnonzero(told)[np.unique(own[told], return_index=True)[1]]] = True
        own[~keeps] = np.arange(top + 1, top + 1 + np.count_nonzero(~keeps))
        return own

    def _listed(self, entries: Sequence[int]) -> list[Any]:
        told = {_NONE: None}
        return [self._large.get(i, told.get(v, v)) for i in entries for v in (self._values[i],)]


def kept_image_ids(own: list[Any]) -> list[Any]:
    """Ids of images: texts where all came with one of their own, else numbers."""
    texts = {value for value in own if isinstance(value, str)}
    return own if len(texts) == len(own) else kept_ids(own)


def kept_ids(own: list[Any]) -> list[int]:
    """The ids that came along; what has none, or one that is taken, gets the next free number."""
    known = {v for v in own if type(v) is int}
    if len(known) == len(own):
        return own
    fresh = itertools.count(max(known, default=0) + 1)
    ids: list[int] = []
    for value in own:
        keeps = type(value) is int and value in known
        ids.append(value if keeps else next(fresh))
        known.discard(ids[-1])
    return ids
