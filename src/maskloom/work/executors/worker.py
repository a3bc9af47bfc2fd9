"""What a worker process does: receive work once and shards after it, send back what became.

Imports little, so that it starts in a few hundredths of a second; the work brings its own
modules. The other end is `pool.Process`; `ray_tasks` uses `loaded` and `attempt` alone.
"""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import BinaryIO

from maskloom.errors import UsageError
from maskloom.work import progress
from maskloom.work.executors.crew import Shard, Work
from maskloom.work.executors.ticks import TickSink

Result = tuple[str, bytes]


def main(paths: list[str]) -> None:
    """Serve the parent over stdin and stdout until it closes them or is gone.

    Args:
        paths: where the parent finds modules.
    """
    sys.path[:] = paths
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # as the command line does: they are for developers
    inbox, outbox = _streams()
    messages: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(inbox, messages), daemon=True).start()
    work = b""
    _send(outbox, (-1, "ready", b""))
    while True:
        task, body = messages.get()
        if task < 0:
            work = body
            continue

        def tick(n: int, task: int = task) -> None:
            _send(outbox, (task, "tick", pickle.dumps(n)))

        kind, payload = attempt(work, body, tick)
        _send(outbox, (task, kind, payload))


def attempt(work: bytes, shard: bytes, ticked: Callable[[int], None]) -> Result:
    """Run pickled work on a pickled shard; whatever it raises is a result, too."""
    try:
        fn = loaded(work)
        items: Shard = pickle.loads(shard)
        with progress.using(TickSink(ticked)):
            return "value", pickle.dumps(fn(items), pickle.HIGHEST_PROTOCOL)
    except BaseException as error:  # noqa: BLE001 (raised again in the parent)
        return "raised", _pickled(error)


@lru_cache(maxsize=4)
def loaded(work: bytes) -> Work:
    """The work; the same object for the same bytes, so that it can keep what it has loaded.

    Raises:
        UsageError: it is of a module that cannot be imported here.
    """
    try:
        fn: Work = pickle.loads(work)
    except (AttributeError, ImportError) as error:
        raise UsageError(
            "a worker process cannot load what it is to do",
            seen=error,
            hint="define it in a module that can be imported, or use one worker",
        ) from error
    return fn


def _pickled(error: BaseException) -> bytes:
    """An exception with its trace as a note, or a RuntimeError that says the same."""
    trace = "".join(traceback.format_exception(error))
    try:
        error.add_note(f"In a worker process:\n{trace}")
        data = pickle.dumps(error)
        pickle.loads(data)
    except Exception:  # noqa: BLE001 (some exceptions cannot be pickled)
        data = pickle.dumps(RuntimeError(trace))
    return data


def _streams() -> tuple[BinaryIO, BinaryIO]:
    """Stdin and stdout for the parent alone: what libraries print goes to stderr."""
    inbox = os.fdopen(os.dup(0), "rb")
    outbox = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return inbox, outbox


def _receive(inbox: BinaryIO, messages: queue.SimpleQueue[tuple[int, bytes]]) -> None:
    """Pass messages on; a parent that is gone takes the worker with it, whatever it does."""
    try:
        while True:
            messages.put(pickle.load(inbox))
    except BaseException:  # noqa: BLE001 (a closed pipe shows itself in many ways)
        os._exit(0)


def _send(outbox: BinaryIO, message: tuple[int, str, bytes]) -> None:
    try:
        pickle.dump(message, outbox, pickle.HIGHEST_PROTOCOL)
        outbox.flush()
    except OSError:
        os._exit(0)
