"""Items cut into shards, and items whose own errors do not end the batch.

A shard is told by the hash of its items' keys, never by their order, so that items that come
or go leave the others where they were. Where shards run is `executors`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Generic, TypeVar

from maskloom.errors import DataError, MaskloomError, UsageError
from maskloom.work import progress
from maskloom.work.executors import Executor

I = TypeVar("I")  # noqa: E741 (an item)
R = TypeVar("R")

LARGEST = 1024
_ROUNDS = 4  # shards per worker, so that an unlucky one does not leave the others idle
_SHARE = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
Keyed = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """One of several calls that divide a batch among them: `--shard 2/8`.

    Args:
        number: 1 to `of`.
        of: how many calls there are.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Share:
        """The share of a text `i/N`, counted from 1.

        Raises:
            UsageError: it is not of that form, or i is not within 1 to N.
        """
        match = _SHARE.fullmatch(text.strip())
        number, of = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= number <= of:
            raise UsageError(
                "no such shard",
                where="--shard",
                seen=text,
                hint="say i/N with i from 1 to N, e.g. 1/4, 2/4, 3/4 and 4/4 in four calls",
            )
        return cls(number, of)

    def has(self, key: str) -> bool:
        """Whether the item of this key is of this share; it is of exactly one of the N."""
        return key_hash(key) % self.of == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def key_hash(key: str) -> int:
    """64 bits that depend on the key alone, the same on every machine."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()[:8])


def cut(items: Sequence[I], key_of: Callable[[I], str], workers: int) -> list[tuple[I, ...]]:
    """Items in shards of about equal size: up to 1,024 items, four or more shards a worker.

    Args:
        items: any.
        key_of: the key of an item.
        workers: that share them.

    >>> sorted(len(shard) for shard in cut(range(10), str, 1))
    [1, 3, 3, 3]
    """
    if not items:
        return []
    size = min(LARGEST, ceil(len(items) / (_ROUNDS * max(1, workers))))
    ordered = sorted(items, key=lambda item: key_hash(key_of(item)))
    return [tuple(ordered[i : i + size]) for i in range(0, len(ordered), size)]


@dataclass(frozen=True, slots=True)
class Item(Generic[R]):
    """What became of one item.

    Args:
        key: its own.
        value: what the work returned, None if it failed.
        failure: why there is no value, in one sentence that names the item.
    """

    key: str
    value: R | None = None
    failure: str = ""


@dataclass(slots=True)
class EachItem(Generic[R]):
    """Work on a shard of (key, item) as work on each of them, with errors of single items kept.

    Args:
        make: makes the work on one item, once in each process and not before an item needs it;
            must be picklable. What it raises ends the batch.
        caught: of these errors the item dies and not the batch; () of none.
        there: the value of an item that was done before, or None.
    """

    make: Callable[[], Callable[[Any], R]]
    caught: type[MaskloomError] | tuple[()] = DataError
    there: Callable[[Any], R | None] | None = None
    _work: Callable[[Any], R] | None = field(default=None, init=False)

    def __call__(self, shard: tuple[Keyed, ...]) -> list[Item[R]]:
        """One result an item, in order."""
        return [self._done(key, item) for key, item in progress.track(shard, "items")]

    def _done(self, key: str, item: Any) -> Item[R]:
        try:
            value = None if self.there is None else self.there(item)
        except self.caught as error:
            return _failed(key, error)
        if value is not None:
            return Item(key, value)
        if self._work is None:
            self._work = self.make()
        try:
            return Item(key, self._work(item))
        except self.caught as error:
            return _failed(key, error)

    def __getstate__(self) -> tuple[Any, ...]:
        # What one process has made is not for another.
        return self.make, self.caught, self.there

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.make, self.caught, self.there = state
        self._work = None


def _failed(key: str, error: MaskloomError) -> Item[Any]:
    named = error.message if error.where is not None else f"{key}: {error.message}"
    return Item(key, failure=named)


def run_items(
    executor: Executor, work: EachItem[R], items: Sequence[Keyed], label: str, *, unit: str = ""
) -> Iterator[Item[R]]:
    """Run the work on every item, with a bar that counts them, and yield them as they finish.

    An item over which workers died is a failed one like any other.

    Args:
        executor: where.
        work: what.
        items: keys, unique, and what the work is to be told of each.
        label: of the bar.
        unit: what it counts.

    Raises:
        Cancelled: the run was asked to stop.
        MaskloomError: what `work.make` raised, or what an item raised that is not caught.
    """
    if not items:
        return
    shards = cut(items, lambda item: item[0], executor.workers)
    with progress.bar(label, len(items), unit) as bar:
        for part in executor.parts(work, shards, ticked=bar.advance):
            if part.lost:
                yield from (Item(key, failure=f"{key}: {part.lost}.") for key, _ in part.items)
            else:
                yield from part.value or ()
