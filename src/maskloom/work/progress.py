"""Progress, announcements and cancellation of long work, without a terminal.

Workers call `track`, `bar` and `step`; whoever started them installs a `Sink` with `using`
(the command line draws bars, a REST job keeps numbers, the default says nothing). The sink
is a context variable: threads that a worker starts see it only through `copy_context`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, Self, TypeVar

from maskloom.core import compiling

T = TypeVar("T")


class Cancelled(BaseException):
    """The run was asked to stop.

    Not an `Exception`, so that a batch which survives bad items does not survive this.
    """


class Sink(Protocol):
    """Where progress goes. Calls come from the worker's thread."""

    def open(self, label: str, total: int | None, unit: str) -> int:
        """A new bar; the returned number names it in later calls."""

    def advance(self, key: int, n: int, note: str) -> None:
        """`n` more units are done; an empty note leaves the last one."""

    def close(self, key: int) -> None:
        """The bar is over, whole or not."""

    def step(self, text: str) -> None:
        """One line: what begins now."""

    def cancelled(self) -> bool:
        """Whether the run was asked to stop."""


class Silent:
    """The sink that says nothing and is never cancelled."""

    outer: Sink | None = None
    """The sink that it stands before, which hears what concerns the whole process."""

    def open(self, label: str, total: int | None, unit: str) -> int:  # noqa: ARG002
        """Nothing."""
        return 0

    def advance(self, key: int, n: int, note: str) -> None:
        """Nothing."""

    def close(self, key: int) -> None:
        """Nothing."""

    def step(self, text: str) -> None:
        """Nothing."""

    def cancelled(self) -> bool:
        """Never."""
        return False


_SINK: ContextVar[Sink] = ContextVar("maskloom_progress", default=Silent())  # noqa: B039


def current() -> Sink:
    """Where progress goes now, to be handed to work that runs under a sink of its own."""
    return _SINK.get()


@contextmanager
def using(sink: Sink) -> Iterator[None]:
    """Send the progress of everything inside the block to `sink`."""
    token = _SINK.set(sink)
    try:
        yield
    finally:
        _SINK.reset(token)


class Bar:
    """One count that runs from 0 to `total`; a context manager made by `bar`."""

    def __init__(self, sink: Sink, label: str, total: int | None, unit: str) -> None:
        self._sink = sink
        self._key = sink.open(label, total, unit)

    def advance(self, n: int = 1, note: str = "") -> None:
        """`n` more units are done.

        Raises:
            Cancelled: the run was asked to stop.
        """
        self._sink.advance(self._key, n, note)
        if self._sink.cancelled():
            raise Cancelled

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sink.close(self._key)


def bar(label: str, total: int | None = None, unit: str = "") -> Bar:
    """A bar to advance by hand, inside `with`; `track` does it for a loop."""
    return Bar(_SINK.get(), label, total, unit)


def track(items: Iterable[T], label: str, total: int | None = None, unit: str = "") -> Iterator[T]:
    """Yield the items, counting each when the loop comes back for the next.

    Raises:
        Cancelled: the run was asked to stop.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with bar(label, total, unit) as progress:
        for item in items:
            yield item
            progress.advance()


def step(text: str) -> None:
    """Say in one line what begins now.

    Raises:
        Cancelled: the run was asked to stop.
    """
    sink = _SINK.get()
    if sink.cancelled():
        raise Cancelled
    sink.step(text)


_compiling_is_said = False


def _say_compiling() -> None:
    """Say once why the first run on a machine waits, where anything is said at all."""
    global _compiling_is_said  # noqa: PLW0603 - once a process
    sink: Sink | None = _SINK.get()
    while isinstance(sink, Silent):
        sink = sink.outer
    if sink is not None and not _compiling_is_said:
        _compiling_is_said = True
        sink.step("compiling kernels, as every first run after an installation or update does")


compiling.listen(_say_compiling)


def cancelled() -> bool:
    """Whether the run was asked to stop; for work that must tidy up before it does."""
    return _SINK.get().cancelled()
