"""Ids of the images of a COCO file by position: whole numbers, or texts as some tools write them.

A number takes eight bytes, and twelve more where numbers do not rise; a text its letters and
twelve. pycocotools reads both kinds, but not side by side.
"""

from __future__ import annotations

import array
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.key_column import KeyColumn

ImageId = int | str


class ImageIds:
    """Ids in a row, which can be found again.

    Args:
        ids: of one kind.
    """

    def __init__(self, ids: Iterable[ImageId] = ()) -> None:
        self._numbers = array.array("q")
        self._texts = KeyColumn()
        self._sorted: NDArray[np.int64] | None = None
        self._order: NDArray[np.int32] | None = None
        self._last = 0
        for one in ids:
            self.append(one)

    def append(self, value: ImageId) -> None:
        """Add one behind the others; a number has at most 64 bits with sign."""
        if isinstance(value, str):
            self._texts.append(value)
        else:
            self._numbers.append(value)
        self._sorted = None

    def __len__(self) -> int:
        return len(self._numbers) or len(self._texts)

    def __getitem__(self, position: int) -> ImageId:
        return self._texts[position] if len(self._texts) else self._numbers[position]

    def __iter__(self) -> Iterator[ImageId]:
        return iter(self._texts if len(self._texts) else self._numbers)

    @property
    def mixed(self) -> bool:
        """Whether there are numbers and texts."""
        return bool(self._numbers) and len(self._texts) > 0

    def doubled(self) -> ImageId | None:
        """An id that is there twice."""
        if len(self._texts):
            return self._texts.doubled()
        ids, _ = self._rising()
        again = np.flatnonzero(ids[1:] == ids[:-1])
        return int(ids[again[0]]) if len(again) else None

    def find(self, value: object) -> int:
        """The position of an id, or -1; a number that is written as a text is that number."""
        if len(self._texts):
            told = str(value) if type(value) is int else value
            return self._texts.find(told) if isinstance(told, str) else -1
        number = _number(value)
        if number is None or not self._numbers:
            return -1
        # They are asked for in order as a rule, each some times.
        last = self._last
        near = self._numbers[last : last + 2]
        at = last + near.index(number) if number in near else self._searched(number)
        self._last = max(at, 0)
        return at

    def _searched(self, number: int) -> int:
        ids, order = self._rising()
        at = int(np.searchsorted(ids, number))
        if at == len(ids) or ids[at] != number:
            return -1
        return at if order is None else int(order[at])

    def positions(self, values: NDArray[np.int64]) -> NDArray[np.int32]:
        """Where numbers stand, -1 for those that are no ids."""
        ids, order = self._rising()
        if not len(ids):
            return np.full(len(values), -1, np.int32)
        at = np.minimum(np.searchsorted(ids, values), len(ids) - 1).astype(np.int32)
        known = ids[at] == values
        return np.where(known, at if order is None else order[at], np.int32(-1))

    def _rising(self) -> tuple[NDArray[np.int64], NDArray[np.int32] | None]:
        """The numbers in rising order, and their positions where these are others."""
        if self._sorted is None:
            ids = np.array(self._numbers, np.int64)
            self._order = None
            if (ids[1:] < ids[:-1]).any():
                self._order = np.argsort(ids, kind="stable").astype(np.int32)
                ids = ids[self._order]
            self._sorted = ids
        return self._sorted, self._order


def _number(value: Any) -> int | None:
    """The number that an id says, be it as a text."""
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii():
        number = int(value) if len(value) < 20 else None
        return number if str(number) == value else None
    return value if type(value) is int and -(2**63) <= value < 2**63 else None
