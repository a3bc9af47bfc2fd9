"""What people see: tables and lines on stdout; warnings and progress on stderr.

Plain aligned text wherever the stream is not a terminal; rich is imported only for one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from maskloom.core.outcome import Outcome, Table
from maskloom.faces.tables import drawn_table, plain_table, printable
from maskloom.work.progress import Sink

if TYPE_CHECKING:
    from rich.console import Console


def show(outcome: Outcome, out: TextIO, err: TextIO) -> None:
    """Write tables and lines to `out`, warnings and failures to `err`."""
    blocks = [_table(table, out) for table in outcome.tables]
    if outcome.lines:
        blocks.append("\n".join(printable(line) for line in outcome.lines))
    if blocks:
        out.write("\n\n".join(blocks) + "\n")
        out.flush()
    err.writelines(f"warning: {printable(text)}\n" for text in outcome.warnings)
    err.writelines(f"failed: {printable(text)}\n" for text in outcome.failures)
    err.flush()


def progress_sink(err: TextIO) -> Sink:
    """Bars with the time left on a terminal; now and then a line elsewhere."""
    return BarSink(err) if err.isatty() else LineSink(err)


def _table(table: Table, out: TextIO) -> str:
    if not out.isatty():
        return plain_table(table)
    from rich.text import Text

    console = _console(out)

    def strong(text: str) -> str:
        with console.capture() as capture:
            console.print(Text(text, style="bold"), end="", soft_wrap=True)
        return capture.get()

    return drawn_table(table, console.width, strong)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, markup=False, highlight=False, emoji=False, soft_wrap=False)


class BarSink:
    """Bars with counts and time left, gone when they are full."""

    def __init__(self, stream: TextIO) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._console = _console(stream)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}", markup=False),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._open: set[int] = set()

    def open(self, label: str, total: int | None, unit: str) -> int:
        """A new bar below the open ones."""
        if not self._open:
            self._progress.start()
        key = self._progress.add_task(printable(label), total=total, unit=unit, note="")
        self._open.add(key)
        return int(key)

    def advance(self, key: int, n: int, note: str) -> None:
        """Move the bar; the note stands at its right."""
        from rich.progress import TaskID

        self._progress.update(TaskID(key), advance=n)
        if note:
            self._progress.update(TaskID(key), note=printable(note))

    def close(self, key: int) -> None:
        """Remove the bar, and the display with the last one."""
        from rich.progress import TaskID

        self._progress.remove_task(TaskID(key))
        self._open.discard(key)
        if not self._open:
            self._progress.stop()

    def step(self, text: str) -> None:
        """A line above the bars."""
        self._console.print(printable(text))

    def cancelled(self) -> bool:
        """Never: the command line is stopped by a signal."""
        return False


_AT_ONCE = 0.2
"""Seconds in which a bar is told what an earlier run had done."""
_FEW = 3
"""Units that tell a pace."""


@dataclass(slots=True)
class _Line:
    label: str
    total: int | None
    unit: str
    began: float
    said: float
    done: int = 0
    note: str = ""
    unsaid: bool = False
    steady: tuple[float, int] | None = None
    """When the first unit of this run was over, and how many were: starting up is behind."""


class LineSink:
    """One line per bar every ten seconds, for logs.

    Args:
        stream: where to write.
        every: seconds between lines of one bar.
        clock: seconds, monotonic.
    """

    def __init__(
        self, stream: TextIO, *, every: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._every = every
        self._clock = clock
        self._lines: dict[int, _Line] = {}
        self._next = 0

    def open(self, label: str, total: int | None, unit: str) -> int:
        """Nothing is said until the first interval is over."""
        self._next += 1
        now = self._clock()
        self._lines[self._next] = _Line(label, total, unit, now, now)
        return self._next

    def advance(self, key: int, n: int, note: str) -> None:
        """Count, and say so when the interval is over."""
        line = self._lines[key]
        line.done += n
        line.note = note or line.note
        line.unsaid = True
        now = self._clock()
        if line.steady is None and now - line.began >= _AT_ONCE:
            line.steady = now, line.done
        if now - line.said >= self._every:
            line.said, line.unsaid = now, False
            self._say(line, now)

    def close(self, key: int) -> None:
        """A last line, if the bar has spoken before and moved since."""
        line = self._lines.pop(key)
        if line.said > line.began and line.unsaid:
            self._say(line, self._clock())

    def step(self, text: str) -> None:
        """The text as a line."""
        self._stream.write(printable(text) + "\n")
        self._stream.flush()

    def cancelled(self) -> bool:
        """Never: the command line is stopped by a signal."""
        return False

    def _say(self, line: _Line, now: float) -> None:
        text = f"{line.label}: {line.done}"
        if line.total:
            text += f"/{line.total}"
        text += f" {line.unit}".rstrip()
        left = self._left(line, now)
        if left is not None:
            text += f", {left:.0f} s left"
        self.step(f"{text}  {line.note}".rstrip())

    def _left(self, line: _Line, now: float) -> float | None:
        """Seconds that are left, at the pace since the start-up; None while that is not known."""
        if not line.total or line.steady is None or line.done >= line.total:
            return None
        took, units = now - line.steady[0], line.done - line.steady[1]
        if units < _FEW and (units < 1 or took < self._every):
            return None
        return took / units * (line.total - line.done)
