"""Tables as text: plain columns anywhere, drawn ones with a rule below their heads on a terminal.

Words are never parted, so that what is copied from a table is whole; only a word that is longer
than the terminal goes on in its next line.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable
from itertools import zip_longest

from maskloom.core.outcome import Cell, Table

_WIDTH = 100
"""How wide a table is that goes elsewhere than to a terminal."""
_GAP = 2
# A file name may hold escape sequences that would move the cursor or recolour the terminal.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}


def printable(text: str) -> str:
    """The text with control characters spelled out, except tab and newline."""
    return text.translate(_CONTROLS)


def plain_table(table: Table, width: int | None = None) -> str:
    """Aligned columns two spaces apart; numbers to the right; no trailing blanks.

    Args:
        table: what to draw.
        width: how wide it may be: cells of text go on in further lines, but a word is never
            parted, so that what is copied from it is whole. None is $COLUMNS, else 100.
    """
    limit = shutil.get_terminal_size((_WIDTH, 24)).columns if width is None else width
    title = [printable(table.title)] * bool(table.title)
    note = _folded(printable(table.note), limit) if table.note else []
    return "\n".join([*title, *_lines(table, _fitted(_grid(table), limit)), *note])


def drawn_table(table: Table, width: int, strong: Callable[[str], str] = str) -> str:
    """A table for a terminal: its title over the whole width, a rule below the heads.

    A table whose words do not fit side by side becomes a list: per row its cells below one
    another, each after the name of its column.

    Args:
        table: what to draw.
        width: columns of the terminal.
        strong: makes the title and the heads stand out.
    """
    widths = _fitted(_grid(table), width)
    whole = sum(widths) + _GAP * (len(widths) - 1)
    if whole > width:
        body = _list(table, width)
    else:
        head, *lines = _blocks(table, widths)
        body = [*map(strong, head), "─" * whole, *(line for block in lines for line in block)]
    title, note = (
        _folded(printable(text), width) if text else [] for text in (table.title, table.note)
    )
    gaps = [""] * bool(title), [""] * bool(note)
    return "\n".join([*map(strong, title), *gaps[0], *body, *gaps[1], *note])


def _grid(table: Table) -> list[list[str]]:
    return [list(table.columns), *([cell_text(cell) for cell in row] for row in table.rows)]


def _lines(table: Table, widths: list[int]) -> list[str]:
    return [line for block in _blocks(table, widths) for line in block]


def _blocks(table: Table, widths: list[int]) -> list[list[str]]:
    """The lines of the heads and of each row."""
    numeric = [
        any(_number(row[at]) for row in table.rows)
        and all(_number(row[at]) or row[at] is None for row in table.rows)
        for at in range(len(table.columns))
    ]
    return [
        [
            (" " * _GAP)
            .join(
                text.rjust(wide) if right else text.ljust(wide)
                for text, wide, right in zip(parts, widths, numeric, strict=True)
            )
            .rstrip()
            for parts in zip_longest(*map(_wrapped, row, widths), fillvalue="")
        ]
        for row in _grid(table)
    ]


def _list(table: Table, width: int) -> list[str]:
    """Cells below one another, rows parted by blank lines."""
    margin = max(map(len, table.columns)) + _GAP
    lines: list[str] = []
    for row in table.rows:
        lines += [""] * bool(lines)
        for name, cell in zip(table.columns, row, strict=True):
            text = cell_text(cell)
            room = width - margin
            if max(map(len, text.split() or [""])) > room:
                lines += [name, *_folded(text, width)] if name else _folded(text, width)
                continue
            first, *rest = _wrapped(text, room)
            lines += [name.ljust(margin) + first, *(" " * margin + line for line in rest)]
    return [line.rstrip() for line in lines]


def _folded(text: str, width: int) -> list[str]:
    """Lines of at most so many characters; a word is parted only if it is longer than that."""
    return [
        part
        for line in text.split("\n")
        for part in textwrap.wrap(line, width, break_on_hyphens=False) or [""]
    ]


def _fitted(grid: list[list[str]], limit: int) -> list[int]:
    """Widths of columns that together keep to a limit, as far as their longest words let them."""
    columns = list(zip(*grid, strict=True))
    widths = [max(map(len, cells)) for cells in columns]
    least = [max(len(word) for cell in cells for word in cell.split() or [""]) for cells in columns]
    excess = sum(widths) + _GAP * (len(widths) - 1) - limit
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


def _number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)
