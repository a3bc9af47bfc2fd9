"""Shards in, parts out as they finish, over any crew of workers; and what is done about deaths.

A shard whose worker died is begun again; after some attempts it is taken apart, and its items
are tried one by one, so that only the one that kills is given up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from maskloom.core.outcome import counted
from maskloom.errors import MaskloomError
from maskloom.work import progress
from maskloom.work.executors.crew import Crew, News, Shard

I = TypeVar("I")  # noqa: E741 (an item)
R = TypeVar("R")
_POLL_S = 0.2


def unheard(done: int) -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True)
class Part(Generic[R]):
    """What became of a shard, or of one item of a shard that was taken apart.

    Args:
        shard: index of the shard.
        items: those that the value is of.
        value: what the work returned; None if lost.
        lost: why there is no value: workers that began these items died.
    """

    shard: int
    items: Shard
    value: R | None = None
    lost: str = ""


class Executor:
    """Runs the same work on many shards; a context manager that ends its workers.

    Work is a callable of a module, or a `partial` of one, that takes a shard: a tuple of small
    descriptions (paths and keys, never pixels). Other processes get it pickled, have one native
    thread each, and keep the object between shards. Work counts finished items with
    `progress.track`. What it raises ends the map and is raised here.

    Args:
        crew: the workers.
        retries: further attempts at a shard whose worker died, and at a single item.
    """

    def __init__(self, crew: Crew, *, retries: int = 1) -> None:
        self._crew = crew
        self._retries = retries

    @property
    def workers(self) -> int:
        """How many shards run at once."""
        return self._crew.workers

    def map(
        self,
        fn: Callable[[tuple[I, ...]], R],
        shards: Sequence[tuple[I, ...]],
        *,
        ticked: Callable[[int], None] = unheard,
    ) -> Iterator[tuple[int, R]]:
        """Run the work on every shard and yield (index of the shard, value) as they finish.

        A shard that killed workers and was taken apart gives a value for each item.

        Args:
            fn: the work.
            shards: what to run it on.
            ticked: called here with the number of items that are newly done.

        Raises:
            Cancelled: the run was asked to stop; workers are ended at once.
            MaskloomError: workers died over an item; raised when all others are done.
        """
        lost: list[Part[R]] = []
        for part in self.parts(fn, shards, ticked=ticked):
            if part.lost:
                lost.append(part)
            else:
                yield part.shard, part.value  # type: ignore[misc]  # R may be None itself
        if lost:
            raise MaskloomError(
                f"{counted(len(lost), 'item')} could not be done",
                where=lost[0].items[0],
                seen=lost[0].lost,
                hint="give the workers more memory, or use fewer of them",
            )

    def parts(
        self,
        fn: Callable[[tuple[I, ...]], R],
        shards: Sequence[tuple[I, ...]],
        *,
        ticked: Callable[[int], None] = unheard,
    ) -> Iterator[Part[R]]:
        """Like `map`, with lost items as parts of their own rather than as an error at the end.

        Raises:
            Cancelled: the run was asked to stop; workers are ended at once.
        """
        waiting = deque((n, _Task(n, tuple(shard))) for n, shard in enumerate(shards))
        following = len(waiting)
        running: dict[int, _Task] = {}
        counts = _Counts([len(shard) for shard in shards], ticked)
        self._crew.begin(fn, lambda task, n: counts.ticked(running[task], n))
        try:
            while waiting or running:
                while waiting and self._crew.free():
                    number, task = waiting.popleft()
                    running[number] = task
                    self._crew.start(number, task.items)
                for news in self._crew.news(_POLL_S):
                    task = running.pop(news.task)
                    if news.kind == "raised":
                        raise news.value
                    again = task.after_death(self._retries) if news.kind == "died" else []
                    # What died goes to the end, so that it holds nobody up.
                    waiting.extend((following + n, one) for n, one in enumerate(again))
                    following += len(again)
                    if not again:
                        counts.over(task)
                        yield _part(task, news)
                if progress.cancelled():
                    raise progress.Cancelled
        except BaseException:
            self._crew.stop()
            raise

    def close(self) -> None:
        """End the workers."""
        self._crew.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(slots=True)
class _Task:
    shard: int
    items: Shard
    alone: bool = False
    deaths: int = 0
    ticks: int = 0

    def after_death(self, retries: int) -> list[_Task]:
        """What to try next; nothing if the item is to be given up."""
        self.deaths += 1
        self.ticks = 0
        if self.deaths <= retries:
            return [self]
        if len(self.items) > 1:
            return [_Task(self.shard, (item,), alone=True) for item in self.items]
        return []


class _Counts:
    """Items done of each shard, so that what is done twice is told once."""

    def __init__(self, sizes: list[int], ticked: Callable[[int], None]) -> None:
        self._sizes = sizes
        self._told = [0] * len(sizes)
        self._alone = [0] * len(sizes)
        self._ticked = ticked

    def ticked(self, task: _Task, n: int) -> None:
        """An attempt at a shard is so many items further; single items count when over."""
        if not task.alone:
            task.ticks += n
            self._reached(task.shard, task.ticks)

    def over(self, task: _Task) -> None:
        """Nothing more is heard of these items."""
        self._alone[task.shard] += len(task.items)
        self._reached(task.shard, self._alone[task.shard])

    def _reached(self, shard: int, done: int) -> None:
        new = min(done, self._sizes[shard]) - self._told[shard]
        if new > 0:
            self._told[shard] += new
            self._ticked(new)


def _part(task: _Task, news: News) -> Part[Any]:
    if news.kind == "value":
        return Part(task.shard, task.items, news.value)
    times = counted(task.deaths, "time")
    why = f"given up: its worker process died {times}, the last {news.value}"
    return Part(task.shard, task.items, lost=why)
