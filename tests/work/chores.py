"""Work for executors to do, in a module that worker processes can import."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

from maskloom.errors import DataError, UsageError
from maskloom.work import progress


def squares(shard):
    return [item * item for item in progress.track(shard, "items")]


def whose(shard):
    """Process, and how many threads its libraries may take."""
    return os.getpid(), os.environ.get("OMP_NUM_THREADS")


def loaded(shard, names):
    import sys

    return [name for name in names if name in sys.modules]


def die_once(shard, folder, victim):
    """Kill the own process at one item, the first time only."""
    done = []
    for item in progress.track(shard, "items"):
        mark = Path(folder) / f"died-{item}"
        if item == victim and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(item * item)
    return done


def fail(shard):
    raise UsageError("no such thing", where="here", seen=shard[0], hint="try another")


def print_much(shard):
    print("x" * 100_000)  # noqa: T201
    os.write(1, b"y" * 1000)
    return len(shard)


def exit_at_once(shard):
    os._exit(7)


def unpicklable(shard):
    return lambda: shard


def sleep_long(shard, folder):
    (Path(folder) / f"pid-{os.getpid()}").touch()
    time.sleep(600)


def sleep_items(shard, seconds):
    for _ in progress.track(shard, "items"):
        time.sleep(seconds)


def make_poisoned(raising, killing):
    """Work on one item of which some raise and some kill."""
    return partial(one_poisoned, raising, killing)


def one_poisoned(raising, killing, item):
    if item in raising:
        raise DataError("is rotten", seen=item)
    if item in killing:
        os.kill(os.getpid(), signal.SIGKILL)
    return item * 2


def make_nothing():
    raise UsageError("cannot be made")


def one_poisoned_shard(shard, killing):
    for item in shard:
        if item in killing:
            os.kill(os.getpid(), signal.SIGKILL)
    return len(shard)
