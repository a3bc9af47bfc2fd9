"""The crew of worker processes on this machine, each a fresh interpreter.

Fresh, because a fork of a process that runs threads may deadlock; and started by its own command
line rather than by `multiprocessing`, which would import the user's script a second time. A
worker holds one shard at a time, so that it is known what a dead one was at.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from typing import BinaryIO

from maskloom.errors import MaskloomError
from maskloom.work.executors.crew import Heard, News, Shard, Work
from maskloom.work.threads import ONE_THREAD

_WORK = -1
# Ctrl-C reaches the whole group: the parent ends its workers, they say nothing of their own.
_START = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "import sys; paths = {paths!r}; sys.path[:] = paths; "
    "from maskloom.work.executors.worker import main; main(paths)"
)
_Message = tuple["Process", tuple[int, str, bytes] | None]


class Process:
    """One process and the thread that hears it.

    Args:
        messages: where they go; None in place of a message says that it is dead.
    """

    def __init__(self, messages: queue.SimpleQueue[_Message]) -> None:
        self.task: int | None = None
        self.work = b""
        self.ready = False
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START.format(paths=sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **ONE_THREAD},
            )
        except OSError as error:
            raise _cannot_start(error) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._inbox = self._process.stdin
        self._messages = messages
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()

    def send(self, task: int, body: bytes) -> None:
        """Give it a message; one that is dead is heard of by its silence."""
        with contextlib.suppress(OSError):
            pickle.dump((task, body), self._inbox, pickle.HIGHEST_PROTOCOL)
            self._inbox.flush()

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once, without waiting until it is gone."""
        if self.alive():
            self._process.kill()

    def end(self) -> str:
        """Kill it if it still runs, and say how it ended.

        Raises:
            MaskloomError: it ended of itself before it was ready to work.
        """
        self.kill()
        code = self._process.wait()
        with contextlib.suppress(OSError):
            self._inbox.close()
        if code > 0 and not self.ready:
            raise _cannot_start(f"{sys.executable} ended with exit code {code}")
        if code >= 0:
            return f"which ended with exit code {code}"
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            short = " (perhaps for lack of memory)" if name == "SIGKILL" else ""
            return f"killed by {name}{short}"
        return f"killed by signal {-code}"

    def _listen(self, stream: BinaryIO) -> None:
        with stream:
            try:
                while True:
                    self._messages.put((self, pickle.load(stream)))
            except Exception:  # noqa: BLE001 (a stream that ends in a message ends in many ways)
                self._messages.put((self, None))


class Processes:
    """Worker processes, started when there is work and kept until `close`.

    Args:
        workers: how many at most.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._crew: list[Process] = []
        self._messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._work = b""
        self._heard: Heard | None = None

    def begin(self, work: Work, heard: Heard) -> None:
        """What to do, pickled once, and who counts."""
        self._work = pickle.dumps(work, pickle.HIGHEST_PROTOCOL)
        self._heard = heard
        if not self._crew:
            # What a broken map left to be heard is of tasks that nobody waits for.
            self._messages = queue.SimpleQueue()

    def free(self) -> bool:
        """Whether another task can start."""
        return sum(worker.task is not None for worker in self._crew) < self.workers

    def start(self, task: int, shard: Shard) -> None:
        """Give a task to a worker, a new one if all are at work."""
        idle = (worker for worker in self._crew if worker.task is None and worker.alive())
        worker = next(idle, None)
        if worker is None:
            worker = Process(self._messages)
            self._crew.append(worker)
        worker.task = task
        if worker.work is not self._work:
            worker.work = self._work
            worker.send(_WORK, self._work)
        worker.send(task, pickle.dumps(shard, pickle.HIGHEST_PROTOCOL))

    def news(self, timeout_s: float) -> list[News]:
        """What happened; waits at most so long for it."""
        try:
            worker, message = self._messages.get(timeout=timeout_s)
        except queue.Empty:
            # A child of the worker may hold its pipe open after it is dead.
            dead = [one for one in self._crew if not one.alive()]
            return [news for one in dead for news in self._bury(one)]
        if worker not in self._crew:
            return []
        if message is None:
            return self._bury(worker)
        task, kind, body = message
        if kind == "ready":
            worker.ready = True
            return []
        value = pickle.loads(body)
        if kind == "tick":
            assert self._heard is not None
            self._heard(task, value)
            return []
        worker.task = None
        return [News(task, "value" if kind == "value" else "raised", value)]

    def close(self) -> None:
        """End the workers."""
        self.stop()

    def stop(self) -> None:
        """End the workers at once."""
        crew, self._crew = self._crew, []
        for worker in crew:
            worker.kill()
        for worker in crew:
            worker.ready = True  # how it ended is no news any more
            worker.end()

    def _bury(self, worker: Process) -> list[News]:
        self._crew.remove(worker)
        cause = worker.end()
        if worker.task is None:
            return []
        return [News(worker.task, "died", cause)]


def _cannot_start(seen: object) -> MaskloomError:
    """A machine on which no worker process starts."""
    return MaskloomError(
        "no worker process could be started", seen=seen, hint="use one worker: --workers 1"
    )
