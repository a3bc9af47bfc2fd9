"""Items that are counted where the work runs, told where it is waited for."""

from __future__ import annotations

from collections.abc import Callable

from maskloom.work.progress import Silent, Sink


class TickSink(Silent):
    """Tells the advances of the outermost bar, and hears of cancellation from another sink.

    Bars inside it (the tiles of one image) are no items and are not told.

    Args:
        ticked: hears how many items are newly done.
        outer: knows whether the run was asked to stop; None never is.
    """

    def __init__(self, ticked: Callable[[int], None], outer: Sink | None = None) -> None:
        self._ticked = ticked
        self.outer = outer
        self._open: list[int] = []
        self._next = 0

    def open(self, label: str, total: int | None, unit: str) -> int:  # noqa: ARG002
        """A bar, which is the outermost if no other is open."""
        self._next += 1
        self._open.append(self._next)
        return self._next

    def advance(self, key: int, n: int, note: str) -> None:  # noqa: ARG002
        """Tell it if the bar is the outermost."""
        if self._open and self._open[0] == key:
            self._ticked(n)

    def close(self, key: int) -> None:
        """Forget the bar."""
        if key in self._open:
            self._open.remove(key)

    def cancelled(self) -> bool:
        """Whether the outer sink was asked to stop."""
        return self.outer is not None and self.outer.cancelled()
