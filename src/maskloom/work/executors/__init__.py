"""One way to spread work: `Executor.map(fn, shards)`, wherever it runs.

`serial` runs here, `pool` in processes of this machine, `ray_tasks` on a Ray cluster; what
becomes of workers that die is the same for all (`executor`). Cutting items into shards, and
errors of single items, are `work.shards`. Kept light: every worker process imports this.
"""

from __future__ import annotations

import os
from typing import Literal, get_args

from maskloom.errors import UsageError
from maskloom.work.executors.executor import Executor, Part

__all__ = ["Engine", "Executor", "Part", "open_executor", "worker_count"]

Engine = Literal["local", "ray"]


def open_executor(
    engine: Engine = "local",
    workers: int = 1,
    *,
    retries: int = 1,
    address: str | None = None,
) -> Executor:
    """An executor, to be used in `with`; no process starts before there is work.

    Args:
        engine: this machine, or Ray.
        workers: processes; 0 is one per usable core. One local worker is this process itself.
        retries: how often a shard is begun again whose worker died.
        address: of a Ray cluster that runs; None takes RAY_ADDRESS, and without it starts a
            small one on this machine.

    Raises:
        MissingExtra: Ray is not installed.
        UsageError: the engine is unknown, or workers or retries are negative.
    """
    if engine not in get_args(Engine):
        raise UsageError("unknown engine", where="--engine", seen=engine, hint="say local or ray")
    if retries < 0:
        raise UsageError("retries are 0 or more", seen=retries)
    count = worker_count(workers)
    if engine == "ray":
        from maskloom.work.executors.ray_tasks import RayTasks

        return Executor(RayTasks(count, address), retries=retries)
    if count == 1:
        from maskloom.work.executors.serial import Here

        return Executor(Here(), retries=retries)
    from maskloom.work.executors.pool import Processes

    return Executor(Processes(count), retries=retries)


def worker_count(workers: int) -> int:
    """How many workers a user means: 0 is one per core that this process may use.

    Raises:
        UsageError: it is negative.
    """
    if workers < 0:
        raise UsageError(
            "workers are 0 or more", where="--workers", seen=workers, hint="0 takes all cores"
        )
    if workers:
        return workers
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable is not None else os.cpu_count() or 1
