"""The crew of one: work is called in this process, shard by shard, in order."""

from __future__ import annotations

from maskloom.work import progress
from maskloom.work.executors.crew import Heard, News, Shard, Work
from maskloom.work.executors.ticks import TickSink


class Here:
    """No process, no pickling. Nothing shields it from work that kills its process."""

    workers = 1

    def __init__(self) -> None:
        self._work: Work | None = None
        self._heard: Heard | None = None
        self._next: tuple[int, Shard] | None = None

    def begin(self, work: Work, heard: Heard) -> None:
        """What to call, and who counts."""
        self._work, self._heard = work, heard

    def free(self) -> bool:
        """Whether nothing waits to be called."""
        return self._next is None

    def start(self, task: int, shard: Shard) -> None:
        """Keep the task; it runs when its end is asked for."""
        self._next = task, shard

    def news(self, timeout_s: float) -> list[News]:  # noqa: ARG002 (it has no other to wait for)
        """Call the work. What it raises passes through, with its own trace."""
        assert self._next is not None
        assert self._work is not None
        (task, shard), self._next = self._next, None
        with progress.using(TickSink(lambda n: self._tick(task, n), progress.current())):
            return [News(task, "value", self._work(shard))]

    def stop(self) -> None:
        """Forget what waits."""
        self._next = None

    def close(self) -> None:
        """Nothing is left to end."""

    def _tick(self, task: int, n: int) -> None:
        assert self._heard is not None
        self._heard(task, n)
