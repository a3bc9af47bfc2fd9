"""Keys of many samples in a fraction of the memory of as many Python texts.

A text costs 70 bytes and a place in a table another 100; here a key costs its letters and 12 bytes.
"""

from __future__ import annotations

import array
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


class KeyColumn:
    """Texts in a row, which can be found again.

    Args:
        keys: in any order; two may be equal.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._letters = bytearray()
        self._ends = array.array("q", [0])
        self._order: NDArray[np.int32] | None = None
        self._sorted = True
        self._doubled: str | None = None
        self._counted = 0
        for key in keys:
            self.append(key)

    def append(self, key: str) -> None:
        """Add one behind the others."""
        # Halves of surrogate pairs are text to JSON, and sort as Python sorts them.
        coded = key.encode("utf-8", "surrogatepass")
        self._sorted = self._sorted and (not len(self) or self._coded(len(self) - 1) <= coded)
        self._letters += coded
        self._ends.append(len(self._letters))
        self._order = None

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        return self._coded(index).decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))

    def __contains__(self, key: str) -> bool:
        return self.find(key) >= 0

    def _coded(self, index: int) -> bytearray:
        return self._letters[self._ends[index] : self._ends[index + 1]]

    def order(self) -> NDArray[np.int32]:
        """(N,) positions that sort the keys as Python sorts texts; equal ones stay as they were."""
        if self._order is None:
            rows = range(len(self))
            self._order = np.array(
                rows if self._sorted else sorted(rows, key=self._coded), np.int32
            )
        return self._order

    def doubled(self) -> str | None:
        """A key that is there twice."""
        if self._counted < len(self):
            pairs = pairwise(self.order().tolist())
            same = (one for one, two in pairs if self._coded(one) == self._coded(two))
            first = next(same, None)
            self._doubled = None if first is None else self[first]
            self._counted = len(self)
        return self._doubled

    def find(self, key: str) -> int:
        """The first position of a key, or -1."""
        order = range(len(self)) if self._sorted else self.order()
        wanted = key.encode("utf-8", "surrogatepass")
        low, high = 0, len(order)
        while low < high:
            middle = (low + high) // 2
            if self._coded(order[middle]) < wanted:
                low = middle + 1
            else:
                high = middle
        return int(order[low]) if low < len(order) and self._coded(order[low]) == wanted else -1
