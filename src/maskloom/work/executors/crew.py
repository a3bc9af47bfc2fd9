"""What an executor needs of its workers: the protocol that each kind of them fulfils."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Shard = tuple[Any, ...]
Work = Callable[[Any], Any]
Heard = Callable[[int, int], None]
"""Is called with a task and the number of its items that are newly done."""


@dataclass(frozen=True, slots=True)
class News:
    """How a task ended: it returned a value, it raised, or its worker died.

    Args:
        task: its number.
        kind: which of these.
        value: the value, the exception, or the cause of death as a clause.
    """

    task: int
    kind: Literal["value", "raised", "died"]
    value: Any


class Crew(Protocol):
    """Workers that know one piece of work at a time."""

    @property
    def workers(self) -> int:
        """How many tasks run at once."""
        ...

    def begin(self, work: Work, heard: Heard) -> None:
        """What to do with the shards that follow, and who counts their items."""

    def free(self) -> bool:
        """Whether another task can start."""
        ...

    def start(self, task: int, shard: Shard) -> None:
        """Give a task to a worker."""

    def news(self, timeout_s: float) -> list[News]:
        """Which tasks ended; waits at most so long for one."""
        ...

    def stop(self) -> None:
        """End all tasks at once."""

    def close(self) -> None:
        """End the workers."""
