"""What people see: tables and lines on stdout; warnings and progress on stderr.

Plain aligned text wherever the stream is not a terminal; rich is imported only for one.
"""

from __future__ import annotations

import shutil
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, TextIO

from maskloom.core.outcome import Cell, Outcome, Table
from maskloom.work.progress import Sink

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 100
"""How wide a table is that goes elsewhere than to a terminal."""
# A file name may hold escape sequences that would move the cursor or recolour the terminal.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}


def printable(text: str) -> str:
    """The text with control characters spelled out, except tab and newline."""
    return text.translate(_CONTROLS)


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


def plain_table(table: Table, width: int | None = None) -> str:
    """Aligned columns two spaces apart; numbers to the right; no trailing blanks.

    Args:
        table: what to draw.
        width: how wide it may be: cells of text go on in further lines, but a word is never
            parted, so that what is copied from it is whole. None is $COLUMNS, else 100.
    """
    numeric = [
        any(_number(row[at]) for row in table.rows)
        and all(_number(row[at]) or row[at] is None for row in table.rows)
        for at in range(len(table.columns))
    ]
    body = [[cell_text(cell) for cell in row] for row in table.rows]
    grid = [list(table.columns), *body]
    limit = shutil.get_terminal_size((_WIDTH, 24)).columns if width is None else width
    widths = _fitted(grid, limit)
    lines = [
        "  ".join(
            text.rjust(wide) if right else text.ljust(wide)
            for text, wide, right in zip(parts, widths, numeric, strict=True)
        ).rstrip()
        for row in grid
        for parts in zip_longest(*map(_wrapped, row, widths), fillvalue="")
    ]
    ends = [printable(table.title)] * bool(table.title), [printable(table.note)] * bool(table.note)
    return "\n".join([*ends[0], *lines, *ends[1]])


def _fitted(grid: list[list[str]], limit: int) -> list[int]:
    """Widths of columns that together keep to a limit, as far as their longest words let them."""
    columns = list(zip(*grid, strict=True))
    widths = [max(map(len, cells)) for cells in columns]
    least = [max(len(word) for cell in cells for word in cell.split() or [""]) for cells in columns]
    excess = sum(widths) + 2 * (len(widths) - 1) - limit
    while excess > 0:
        room = [at for at in range(len(widths)) if widths[at] > least[at]]
        if not room:
            break
        widths[max(room, key=lambda at: widths[at])] -= 1
        excess -= 1
    return widths


def _wrapped(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def cell_text(cell: Cell) -> str:
    """A cell as people read it: None and NaN are "-", floats have four digits."""
    if cell is None or (isinstance(cell, float) and cell != cell):  # noqa: PLR0124 (NaN)
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.4f}" if abs(cell) < 1000 else f"{cell:.1f}"
    return printable(str(cell)).replace("\n", " ").replace("\t", " ")


def progress_sink(err: TextIO) -> Sink:
    """Bars with the time left on a terminal; now and then a line elsewhere."""
    return BarSink(err) if err.isatty() else LineSink(err)


def _number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _table(table: Table, out: TextIO) -> str:
    return _rich_table(table, out) if out.isatty() else plain_table(table)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, markup=False, highlight=False, emoji=False, soft_wrap=False)


def _rich_table(table: Table, out: TextIO) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable

    drawn = RichTable(
        title=printable(table.title) or None,
        caption=printable(table.note) or None,
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
    )
    for at, name in enumerate(table.columns):
        right = any(_number(row[at]) for row in table.rows)
        drawn.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    for row in table.rows:
        drawn.add_row(*(cell_text(cell) for cell in row))
    console = _console(out)
    with console.capture() as capture:
        console.print(drawn)
    return capture.get().rstrip("\n")


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
        if line.total and 0 < line.done < line.total:
            left = (now - line.began) / line.done * (line.total - line.done)
            text += f", {left:.0f} s left"
        self.step(f"{text}  {line.note}".rstrip())
