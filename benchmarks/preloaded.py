"""Processes that begin with everything imported, so that hundreds can be started and killed.

Importing torch costs seconds, forking a process that has imported it a few milliseconds. The
parent only imports, forks, waits and kills: it never computes, so no thread of a native library
is lost in a fork, and what a child does is what a fresh process would do.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable

Work = Callable[[], None]


def start(work: Work) -> int:
    """Run the work in a child; its id."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - a child must never return into the parent's code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def run(work: Work) -> float:
    """Run the work in a child to its end; seconds it took.

    Raises:
        SystemExit: it failed; it has said why.
    """
    begun = time.perf_counter()
    _, status = os.waitpid(start(work), 0)
    if status:
        raise SystemExit(f"a child ended with status {status}")
    return time.perf_counter() - begun


def kill_after(work: Work, seconds: float) -> bool:
    """Run the work in a child and kill it after so many seconds; whether it was killed in time.

    Raises:
        SystemExit: it failed before.
    """
    child = start(work)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.0005)
    else:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    if status:
        raise SystemExit(f"a child ended with status {status} before it was killed")
    return False


def until_done(
    work: Work, check: Work, clock: random.Random, longest: float, *, note: Work = lambda: None
) -> int:
    """Start the work again and again, killing it, until it once comes to its end.

    Args:
        work: goes on where it was killed.
        check: run in a child after every kill; raises if something is broken.
        clock: decides when to kill.
        longest: a kill comes after 0 to so many seconds.
        note: called in the parent after every kill; may look at files, must not compute.

    Returns:
        how often it was killed.
    """
    kills = 0
    while kill_after(work, clock.uniform(0, longest)):
        kills += 1
        note()
        run(check)
    return kills
