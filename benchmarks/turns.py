"""Processes that are measured in turns: a machine that is slower for a minute is so for all."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any


def turn(call: Callable[[], Any]) -> float:
    """One pass to warm the caches up, then the median of two, ms."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def take_turns(known: Any, one: Callable[[], Any]) -> None:
    """Say what is known, then answer every line by a turn."""
    print(json.dumps(known), flush=True)
    for _ in sys.stdin:
        print(json.dumps(one()), flush=True)


class Player:
    """A fresh process on one core that takes turns."""

    def __init__(self, module: str, words: list[str], core: int) -> None:
        self.words = words
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), sys.executable, "-m", module, *words],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.known = self._line()

    def turn(self) -> Any:
        """What it says after its next turn."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._line()

    def close(self) -> None:
        """No more turns."""
        self.process.communicate()

    def _line(self) -> Any:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if line[0] in '{"0123456789':
                return json.loads(line)
        sys.exit(f"{' '.join(self.words)} ended with {self.process.wait()}")
