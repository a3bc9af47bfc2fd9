"""Who hears that kernels are being compiled: a wait of seconds, once after an installation.

`kernel.py` says so; whoever shows progress listens. It stands apart because that module imports
numba, which takes its time, and many commands need no kernel.
"""

from __future__ import annotations

from collections.abc import Callable

_LISTENERS: list[Callable[[], None]] = []


def listen(heard: Callable[[], None]) -> None:
    """Call `heard` whenever a kernel that no cache holds begins to be compiled."""
    _LISTENERS.append(heard)


def begun() -> None:
    """A kernel begins to be compiled."""
    for heard in _LISTENERS:
        heard()
