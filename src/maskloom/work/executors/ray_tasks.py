"""The crew on a Ray cluster: one that runs, or a small one that is started for the work.

Ray's own retries and checkpoints are not used: what becomes of dead workers is `executor`, as
for processes of this machine. The object store carries shards and results alone, no pixels.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import re
import socket
import sys
from pathlib import Path
from typing import Any

from maskloom.errors import MaskloomError, MissingExtra
from maskloom.work.executors import worker
from maskloom.work.executors.crew import Heard, News, Shard, Work
from maskloom.work.executors.executor import unheard
from maskloom.work.threads import take_one_thread

STORE_BYTES = 128 * 2**20
_KNOCK_S = 10
# Deaths of the worker, its node or its results; anything else is a fault of ours or of Ray's.
_DEATHS = (
    "WorkerCrashedError",
    "NodeDiedError",
    "OutOfMemoryError",
    "ObjectLostError",
    "LocalRayletDiedError",
)


class RayTasks:
    """Tasks of a Ray cluster, each on one core.

    Args:
        workers: tasks at once; also the cores of a cluster that is started here.
        address: of a cluster that runs ("auto", "ray://host:10001"); None takes RAY_ADDRESS,
            and without it starts one on this machine, which `close` ends.

    Raises:
        MissingExtra: Ray is not installed.
    """

    def __init__(self, workers: int, address: str | None = None) -> None:
        self.workers = workers
        self._address = address or os.environ.get("RAY_ADDRESS")
        self._began = False
        self._running: dict[Any, int] = {}
        self._ray = _ray()
        self._remote: Any = None
        self._work: Any = None

    def begin(self, work: Work, heard: Heard) -> None:  # noqa: ARG002 (tasks tell only their end)
        """What to do; starts or joins the cluster."""
        self._join()
        self._work = self._ray.put(pickle.dumps(work, pickle.HIGHEST_PROTOCOL))

    def close(self) -> None:
        """End the tasks, and the cluster if it was started here."""
        self.stop()
        if self._began:
            self._began = False
            self._ray.shutdown()

    def free(self) -> bool:
        """Whether another task can start."""
        return len(self._running) < self.workers

    def start(self, task: int, shard: Shard) -> None:
        """Give a task to the cluster."""
        body = pickle.dumps(shard, pickle.HIGHEST_PROTOCOL)
        self._running[self._remote.remote(sys.path, str(Path.cwd()), self._work, body)] = task

    def news(self, timeout_s: float) -> list[News]:
        """What happened; waits at most so long for it."""
        done, _ = self._ray.wait(list(self._running), num_returns=1, timeout=timeout_s)
        return [self._result(reference) for reference in done]

    def stop(self) -> None:
        """End the tasks at once."""
        running, self._running = self._running, {}
        for reference in running:
            with contextlib.suppress(Exception):
                self._ray.cancel(reference, force=True)

    def _result(self, reference: Any) -> News:
        task = self._running.pop(reference)
        deaths = tuple(getattr(self._ray.exceptions, name) for name in _DEATHS)
        try:
            kind, body = self._ray.get(reference)
        except deaths as error:
            return News(task, "died", f"as Ray says: {type(error).__name__}")
        value = pickle.loads(body)
        return News(task, "value" if kind == "value" else "raised", value)

    def _join(self) -> None:
        if self._remote is not None and self._ray.is_initialized():
            return
        if not self._ray.is_initialized():
            quiet = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
            own = {"include_dashboard": False, "object_store_memory": STORE_BYTES}
            # Ray tells its makers of every start unless it is told not to.
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            given = (
                {"address": self._address} if self._address else {"num_cpus": self.workers, **own}
            )
            try:
                _knock(self._address)
                self._ray.init(**quiet, **given)
            except (OSError, RuntimeError, ValueError, self._ray.exceptions.RayError) as error:
                raise MaskloomError(
                    "Ray cannot be reached or started",
                    where=self._address,
                    seen=error,
                    hint="check the address, or use --engine local",
                ) from error
            self._began = True
        self._remote = self._ray.remote(num_cpus=1, max_retries=0)(_task)


def _task(paths: list[str], folder: str, work: bytes, shard: bytes) -> worker.Result:
    """Runs on the cluster; modules and files are found where the caller has them, if there."""
    take_one_thread()
    with contextlib.suppress(OSError):
        os.chdir(folder)
    sys.path += [path for path in paths if path not in sys.path]
    return worker.attempt(work, shard, unheard)


def _knock(address: str | None) -> None:
    """Find out in seconds that nobody listens, which takes Ray itself many minutes.

    Raises:
        OSError: nobody does.
    """
    match = re.fullmatch(r"(?:ray://)?([^/:]+):([0-9]{1,5})", address or "")
    if match:
        socket.create_connection((match[1], int(match[2])), _KNOCK_S).close()


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "the engine ray needs the package 'ray'",
            where="--engine",
            hint="install it with: pip install 'maskloom[scale]'",
        ) from error
