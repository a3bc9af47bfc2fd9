"""The lines that pycocotools prints."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(line: str = "") -> None:
    """One line on standard output, which may be redirected."""
    sys.stdout.write(line + "\n")


@contextmanager
def timed(before: str, after: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    say(before)
    start = time.time()
    yield
    say(after.format(time.time() - start))
