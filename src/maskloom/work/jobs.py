"""An in-process table of long runs: threads, progress, cancellation, results, errors.

Not a queue that outlives the process, and not for spreading one run over cores: that is
the executors' task. `faces.rest` serves these jobs.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from maskloom.work.progress import Cancelled, using

State = Literal["queued", "running", "done", "failed", "cancelled"]
_OVER = ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Count:
    """How far one bar of a job is; `total` None is unknown."""

    label: str
    done: int
    total: int | None
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was when asked for; the table holds the newer one.

    Args:
        id: 32 hexadecimal digits.
        name: what runs, for people and filters.
        state: queued, running, done, failed or cancelled.
        created: UTC.
        started: UTC, None while queued.
        finished: UTC, None until over.
        counts: the open bars, outermost first.
        step: the last announcement.
        result: what the work returned, when done.
        error: what it raised, when failed.
    """

    id: str
    name: str
    state: State
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    counts: tuple[Count, ...] = ()
    step: str = ""
    result: Any = None
    error: BaseException | None = field(default=None, compare=False)

    @property
    def over(self) -> bool:
        """Whether the job will not change again."""
        return self.state in _OVER


class Jobs:
    """The table. Every method may be called from any thread.

    Args:
        workers: jobs that run at once; the rest wait in order.
        keep: finished jobs that are remembered; the oldest are forgotten first.
    """

    def __init__(self, workers: int = 1, *, keep: int = 1000) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="maskloom-job")
        self._keep = keep
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._stops: dict[str, threading.Event] = {}

    def submit(self, name: str, work: Callable[[], Any]) -> Job:
        """Queue the work and return its job."""
        job = Job(uuid.uuid4().hex, name, "queued", datetime.now(UTC))
        with self._lock:
            self._jobs[job.id] = job
            self._stops[job.id] = threading.Event()
            self._forget()
        self._pool.submit(self._run, job.id, work)
        return job

    def get(self, key: str) -> Job | None:
        """The job of that id as it is now; None if unknown or forgotten."""
        with self._lock:
            return self._jobs.get(key)

    def all(self) -> list[Job]:
        """Every remembered job, newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def cancel(self, key: str) -> Job | None:
        """Ask a job to stop: at once if queued, at its next progress if running."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.over:
                return job
            self._stops[key].set()
            if job.state == "queued":
                self._put(key, state="cancelled", finished=datetime.now(UTC))
            return self._jobs[key]

    def close(self) -> None:
        """Cancel everything and wait for the running work to notice."""
        for job in self.all():
            self.cancel(job.id)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, key: str, work: Callable[[], Any]) -> None:
        with self._lock:
            if key not in self._jobs or self._jobs[key].over:
                return
            self._put(key, state="running", started=datetime.now(UTC))
        changes: dict[str, Any]
        try:
            with using(_JobSink(self, key, self._stops[key])):
                changes = {"state": "done", "result": work()}
        except Cancelled:
            changes = {"state": "cancelled"}
        except BaseException as error:  # noqa: BLE001 (kept in the job for whoever asks)
            changes = {"state": "failed", "error": error}
        with self._lock:
            self._put(key, finished=datetime.now(UTC), counts=(), **changes)

    def _put(self, key: str, **changes: Any) -> None:
        self._jobs[key] = replace(self._jobs[key], **changes)

    def _show(self, key: str, **changes: Any) -> None:
        with self._lock:
            self._put(key, **changes)

    def _forget(self) -> None:
        over = [key for key, job in self._jobs.items() if job.over]
        for key in over[: max(0, len(over) - self._keep)]:
            del self._jobs[key], self._stops[key]


class _JobSink:
    """Progress of one job, written into the table."""

    def __init__(self, table: Jobs, key: str, stop: threading.Event) -> None:
        self._table = table
        self._key = key
        self._stop = stop
        self._counts: dict[int, Count] = {}
        self._next = 0

    def open(self, label: str, total: int | None, unit: str) -> int:
        self._next += 1
        self._counts[self._next] = Count(label, 0, total, unit)
        self._publish()
        return self._next

    def advance(self, key: int, n: int, note: str) -> None:
        count = self._counts[key]
        self._counts[key] = replace(count, done=count.done + n, note=note or count.note)
        self._publish()

    def close(self, key: int) -> None:
        self._counts.pop(key, None)
        self._publish()

    def step(self, text: str) -> None:
        self._table._show(self._key, step=text)

    def cancelled(self) -> bool:
        return self._stop.is_set()

    def _publish(self) -> None:
        self._table._show(self._key, counts=tuple(self._counts.values()))
