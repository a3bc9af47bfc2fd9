"""Samples that are made when they are asked for, from columns that their format keeps.

A sample with its mappings takes a kilobyte, and a conversion holds two data sets at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from maskloom.core.key_column import KeyColumn
from maskloom.core.sample import Sample

_BLOCK = 256
Rows = NDArray[np.int32]
Make = Callable[[Rows], Iterable[Sample]]


class LazySamples(Sequence[Sample]):
    """Samples by position.

    Args:
        keys: of all rows, unique.
        make: rows → their samples, in this order.
        rows: which rows, in which order.
    """

    def __init__(self, keys: KeyColumn, make: Make, rows: Rows) -> None:
        self._keys, self._make, self._rows = keys, make, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> LazySamples: ...
    def __getitem__(self, index: int | slice) -> Sample | LazySamples:
        if isinstance(index, slice):
            return LazySamples(self._keys, self._make, self._rows[index])
        at = range(len(self))[index]
        return next(iter(self._make(self._rows[at : at + 1])))

    def __iter__(self) -> Iterator[Sample]:
        for first in range(0, len(self), _BLOCK):
            yield from self._make(self._rows[first : first + _BLOCK])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    # Equal by value, and samples hold mappings: as a list, it has no hash.
    __hash__ = None  # type: ignore[assignment]

    def keys(self) -> Iterator[str]:
        """Of the samples, in order."""
        return (self._keys[row] for row in self._rows.tolist())

    def by_key(self) -> LazySamples:
        """The same, sorted by key."""
        rank = np.empty(len(self._keys), np.int32)
        rank[self._keys.order()] = np.arange(len(rank), dtype=np.int32)
        return LazySamples(self._keys, self._make, self._rows[np.argsort(rank[self._rows])])

    def doubled(self) -> str | None:
        """A key that two rows have, or two samples because a row is there twice."""
        rows = np.sort(self._rows)
        again = rows[1:][rows[1:] == rows[:-1]]
        return self._keys[int(again[0])] if len(again) else self._keys.doubled()

    def named(self, key: str) -> Sample:
        """That of a key of the rows."""
        return next(iter(self.of([key])))

    def of(self, keys: Iterable[str]) -> LazySamples:
        """Those of some keys of the rows, in this order."""
        rows = np.array([self._keys.find(key) for key in keys], np.int32)
        return LazySamples(self._keys, self._make, rows)


def doubled_key(samples: Sequence[Sample]) -> str | None:
    """A key that two samples have."""
    if isinstance(samples, LazySamples):
        return samples.doubled()
    seen: set[str] = set()
    for sample in samples:
        if sample.key in seen:
            return sample.key
        seen.add(sample.key)
    return None


def keys_of(samples: Sequence[Sample]) -> Iterator[str]:
    """Keys in order, without making samples for them."""
    return samples.keys() if isinstance(samples, LazySamples) else (s.key for s in samples)


def sorted_by_key(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Samples in the order of their keys."""
    if isinstance(samples, LazySamples):
        return samples.by_key()
    return sorted(samples, key=lambda sample: sample.key)


def finder(samples: Sequence[Sample]) -> Callable[[str], Sample]:
    """Key → sample, for keys that are there."""
    if isinstance(samples, LazySamples):
        return samples.named
    return {sample.key: sample for sample in samples}.__getitem__


def picked(samples: Sequence[Sample], keys: Iterable[str]) -> Sequence[Sample]:
    """The samples of some keys, all of which are there, in this order."""
    if isinstance(samples, LazySamples):
        return samples.of(keys)
    return tuple(map(finder(samples), keys))
