"""A report as what the page prints: cells of text with the share that their bar shows.

Formatting only; the words are `words.py`, the markup is the template.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from maskloom.core.report import Confusion, Report
from maskloom.report.drawing import Color
from maskloom.report.gallery import Panel
from maskloom.report.words import Meaning, headline, meaning, ranking

_NAMED = ("key", "name", "kind", "color", "void", "reason")
_FIRST = (
    *("miou", "iou", "dice", "precision", "recall", "accuracy"),
    *("ap", "ap50", "ap75", "pq", "sq", "rq"),
)
_CONFUSED = 12


@dataclass(frozen=True, slots=True)
class PageCell:
    """One cell: its text, the share of its bar (None: no bar), what hovering says, if words."""

    text: str
    share: float | None = None
    title: str = ""
    words: bool = False


@dataclass(frozen=True, slots=True)
class PageRow:
    """One row of a table: its name, its class colour if there is one, its cells."""

    name: str
    cells: tuple[PageCell, ...]
    color: str = ""


@dataclass(frozen=True, slots=True)
class PageTable:
    """Columns with their hover text, and rows."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[PageRow, ...]

    @property
    def wordy(self) -> tuple[bool, ...]:
        """Per column: it holds words, which are set to the left."""
        return tuple(
            any(row.cells[i].words for row in self.rows if i < len(row.cells))
            for i in range(len(self.columns))
        )


@dataclass(frozen=True, slots=True)
class PageScore:
    """One score with what it means."""

    label: str
    text: str
    sentence: str
    name: str
    share: float | None = None


@dataclass(frozen=True, slots=True)
class HeatCell:
    """Share of the row in tenths (0..10), its percentage as text, its count as hover text."""

    level: int
    text: str
    title: str
    diagonal: bool


@dataclass(frozen=True, slots=True)
class Heat:
    """A confusion matrix for the page; `mixed` lists its largest confusions."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell, ...]], ...]
    mixed: PageTable
    tall: bool
    dense: bool


def scores(report: Report) -> tuple[list[PageScore], list[PageScore]]:
    """The scores to print large, and the others."""
    large = headline(report)
    rest = [name for name in report.metrics if name not in large]
    return [_score(report, n) for n in large], [_score(report, n) for n in rest]


def class_table(report: Report, colors: Mapping[str, str]) -> PageTable | None:
    """Per-class scores, lowest first; undefined ones come last."""
    if not report.per_class:
        return None
    by = ranking(report)
    rows = sorted(report.per_class.items(), key=lambda item: _rank(item[1].get(by) if by else None))
    columns = sorted(_columns(row for _, row in rows), key=lambda name: name != by)
    return PageTable(
        tuple((meaning(c).label, meaning(c).sentence) for c in columns),
        tuple(
            _row(str(row.get("name", key)), row, columns, _class_color(row, key, colors))
            for key, row in rows
        ),
    )


def named_table(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> PageTable | None:
    """Rows of scores under their names: samples, slices."""
    listed = list(rows)
    if not listed:
        return None
    columns = _columns(row for _, row in listed)
    return PageTable(
        tuple((meaning(c).label, meaning(c).sentence) for c in columns),
        tuple(_row(name, row, columns) for name, row in listed),
    )


def heat(confusion: Confusion) -> Heat:
    """Rows as shares of the truth, with counts for hovering."""
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
    return Heat(confusion.columns, tuple(rows), _mixed(confusion), n > 6, n > 12)


def legend(panels: Sequence[Panel], report: Report) -> list[tuple[str, str]]:
    """(name, CSS colour) of every class that a picture shows, in the report's order of classes."""
    order = {str(row.get("name", key)): i for i, (key, row) in enumerate(report.per_class.items())}
    shown = {name: css(color) for panel in panels for name, color in panel.legend}
    return sorted(shown.items(), key=lambda item: order.get(item[0], len(order)))


def css(color: Color) -> str:
    """An RGB triple as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*(int(v) for v in color))


def facts(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested JSON as (dotted name, text) pairs."""
    if isinstance(value, Mapping):
        return [
            pair
            for key, item in value.items()
            for pair in facts(item, f"{name}.{key}" if name else str(key))
        ]
    if isinstance(value, list | tuple):
        if any(isinstance(item, Mapping | list | tuple) for item in value):
            return [p for i, item in enumerate(value) for p in facts(item, f"{name}.{i}")]
        return [(name, ", ".join(map(str, value)) or "–")]
    return [(name, "–" if value is None else str(value))]


def cell(value: Any, about: Meaning | None = None, title: str = "") -> PageCell:
    """A value as text: whole numbers with separators, fractions with three decimals and a bar."""
    if value is None or (isinstance(value, Real) and math.isnan(value)):
        return PageCell("–", title=title or "undefined")
    if isinstance(value, bool | np.bool_):
        return PageCell("yes" if value else "no")
    if isinstance(value, Integral) and (about is None or about.unit != "fraction"):
        return PageCell(f"{int(value):,}")
    if isinstance(value, Real):
        number = float(value)
        if about is not None and about.unit == "fraction" and 0 <= number <= 1:
            return PageCell(f"{number:.3f}", number)
        return PageCell(f"{number:,.3f}" if abs(number) < 1000 else f"{number:,.0f}")
    if isinstance(value, Mapping | list | tuple):
        text = "; ".join(f"{k} {v}" if k else v for k, v in facts(value))
        return PageCell(text, words=True)
    return PageCell(str(value), words=True)


def _score(report: Report, name: str) -> PageScore:
    about = meaning(name)
    reason = report.reasons.get(name, "")
    shown = cell(report.metrics[name], about)
    sentence = (
        f"{about.sentence} Undefined: {reason}".strip() if shown.text == "–" else about.sentence
    )
    return PageScore(about.label, shown.text, sentence, name, shown.share)


# Recalls at few guesses say little of images with many objects, and widen the table.
_LONG = frozenset({"ar1", "ar10"})


def _columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    present = list(
        dict.fromkeys(
            name for row in rows for name in row if name not in _NAMED and name not in _LONG
        )
    )
    first = [name for name in _FIRST if name in present]
    return [*first, *(name for name in present if name not in first)]


def _row(name: str, row: Mapping[str, Any], columns: Sequence[str], color: str = "") -> PageRow:
    why = str(row.get("reason", ""))
    return PageRow(name, tuple(cell(row.get(c), meaning(c), why) for c in columns), color)


def _rank(value: Any) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else float(value)


def _class_color(row: Mapping[str, Any], key: str, colors: Mapping[str, str]) -> str:
    own = row.get("color")
    if isinstance(own, list | tuple) and len(own) == 3:
        return css((own[0], own[1], own[2]))
    return colors.get(str(row.get("name", key)), "")


def _heat_cell(count: int, total: int, names: tuple[str, str]) -> HeatCell:
    share = count / total if total else 0.0
    percent = 100 * share
    text = "" if count == 0 else "<1" if percent < 0.5 else f"{percent:.0f}"
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
