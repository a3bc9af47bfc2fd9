"""A confusion matrix as what the page prints: classes that occur, cells by their share of a row.

Formatting only; the counts come from the report.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.report import Confusion
from maskloom.report.pagedata import PageCell, PageRow, PageTable

_CONFUSED = 12
_TALL, _DENSE, _TINY = 6, 12, 30
"""Numbers of columns from which heads stand upright, cells shrink, and cells hold no text."""


@dataclass(frozen=True, slots=True)
class HeatCell:
    """Share of the row in tenths (0..10), its percentage as text, its count as hover text."""

    level: int
    text: str
    title: str
    diagonal: bool


@dataclass(frozen=True, slots=True)
class Heat:
    """A confusion matrix for the page; `mixed` lists its largest confusions.

    `absent` counts the classes that were left out.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell, ...]], ...]
    mixed: PageTable
    tall: bool
    dense: bool
    tiny: bool
    absent: int = 0


def occurring(confusion: Confusion) -> Confusion:
    """Without the classes that occur on neither side, and without a column of void where unused."""
    matrix = np.asarray(confusion.matrix, dtype=np.int64)
    n = len(confusion.rows)
    used: NDArray[np.bool_] = matrix.sum(axis=0) > 0
    seen = (matrix.sum(axis=1) > 0) | used[:n]
    if not seen.any():
        return confusion
    rows = np.flatnonzero(seen)
    columns = np.concatenate([rows, n + np.flatnonzero(used[n:])])
    return Confusion(
        matrix[np.ix_(rows, columns)],
        tuple(confusion.rows[i] for i in rows),
        tuple(confusion.columns[j] for j in columns),
        tuple(confusion.keys[i] for i in rows) if confusion.keys else (),
    )


def heat(confusion: Confusion) -> Heat:
    """Rows as shares of the truth, with counts for hovering; classes on neither side left out."""
    absent = len(confusion.rows)
    confusion = occurring(confusion)
    absent -= len(confusion.rows)
    matrix = np.asarray(confusion.matrix, dtype=np.int64)
    totals = matrix.sum(axis=1)
    rows = []
    for i, name in enumerate(confusion.rows):
        cells = tuple(
            _heat_cell(int(matrix[i, j]), int(totals[i]), (name, confusion.columns[j]))
            for j in range(len(confusion.columns))
        )
        rows.append((name, cells))
    n = len(confusion.columns)
    large = (n > _TALL, n > _DENSE, n > _TINY)
    return Heat(confusion.columns, tuple(rows), _mixed(confusion), *large, absent)


def _heat_cell(count: int, total: int, names: tuple[str, str]) -> HeatCell:
    share = count / total if total else 0.0
    if not count:
        return HeatCell(0, "", "", names[0] == names[1])
    percent = 100 * share
    whole = f"{percent:.0f}"
    # Neither 0 nor 100 is said of what is not quite so.
    text = "<1" if percent < 0.5 else ">99" if whole == "100" and count < total else whole
    title = f"{names[0]} → {names[1]}: {count:,} px, {percent:.2f} % of {names[0]}"
    return HeatCell(round(10 * share), text, title, names[0] == names[1])


def _mixed(confusion: Confusion) -> PageTable:
    matrix = np.asarray(confusion.matrix, dtype=np.int64)
    wrong = [
        (int(matrix[i, j]), i, j)
        for i, j in zip(*np.nonzero(matrix), strict=True)
        if confusion.rows[i] != confusion.columns[j]
    ]
    totals = matrix.sum(axis=1)
    rows = tuple(
        PageRow(
            confusion.rows[i],
            (
                PageCell(confusion.columns[j], words=True),
                PageCell(f"{count:,}"),
                PageCell(f"{count / totals[i]:.3f}", count / int(totals[i])),
            ),
        )
        for count, i, j in sorted(wrong, key=lambda w: (-w[0], w[1], w[2]))[:_CONFUSED]
    )
    return PageTable((("Predicted as", ""), ("Pixels", ""), ("Share of truth", "")), rows)
