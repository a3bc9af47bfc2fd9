"""A report as what the page prints: cells of text with the share that their bar shows.

Formatting only; the words are `words.py`, the markup is the template.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from numbers import Integral, Real
from typing import Any

import numpy as np

from maskloom.core.report import Report
from maskloom.report.drawing import Color
from maskloom.report.gallery import VOID_NAME, Panel
from maskloom.report.meanings import Meaning
from maskloom.report.words import headline, meaning, ranked_classes, ranking

_NAMED = ("key", "name", "kind", "color", "void", "reason")
_FAMILIES = (
    ("miou", "iou", "dice", "precision", "recall", "accuracy"),
    ("ap", "ap50", "ap75", "f1_50"),
    ("pq", "sq", "rq"),
)
_MAIN = frozenset({
    "iou", "dice", "accuracy", "precision", "boundary_iou", "hd95",
    "ap", "ap50", "ap75", "f1_50", "pq", "sq", "rq",
    "truth_objects", "predicted_objects", "tp", "fp", "fn",
})  # fmt: skip
_COUNTS = (
    *("truth_pixels", "predicted_pixels", "truth_objects", "predicted_objects"),
    *("tp", "fp", "fn"),
)
_FITTING = 8
"""Columns of scores that a page has room for."""
_TURNED = 3
"""Up to so many classes stand side by side, with their scores below one another."""
VOID_CSS = "repeating-linear-gradient(135deg, #5a5a5a 0 2px, #c8c8c8 2px 4px)"


@dataclass(frozen=True, slots=True)
class PageCell:
    """One cell: its text, the share of its bar (None: no bar), hover text; if words, if code."""

    text: str
    share: float | None = None
    title: str = ""
    words: bool = False
    code: bool = False


@dataclass(frozen=True, slots=True)
class PageRow:
    """One row of a table: its name, its cells, its class colour and hover text if there are any."""

    name: str
    cells: tuple[PageCell, ...]
    color: str = ""
    title: str = ""


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
    """One score with what it means, and its interval as text."""

    label: str
    text: str
    sentence: str
    name: str
    share: float | None = None
    interval: str = ""


def scores(report: Report) -> tuple[list[PageScore], list[PageScore]]:
    """The scores to print large, and the others."""
    large = headline(report)
    rest = [name for name in report.metrics if name not in large]
    return [_score(report, n) for n in large], [_score(report, n) for n in rest]


def class_tables(report: Report, colors: Mapping[str, str]) -> list[PageTable]:
    """Per-class scores, lowest first; classes that occur on neither side are left out.

    Args:
        report: whose classes.
        colors: class name → CSS colour, of classes for which the report has none.

    Returns:
        no table without classes; one of few classes is turned, so that it fits the page; the
        less important columns of a wide one come as a second table.
    """
    by = ranking(report)
    rows = [item for item in ranked_classes(report) if not absent(item[1])]
    if not rows:
        return []
    columns = _columns((row for _, row in rows), by)
    if len(rows) <= _TURNED and len(columns) > _TURNED:
        return [_turned(rows, columns, report.task)]
    parts = [columns]
    if len(columns) > _FITTING:
        parts = [[c for c in columns if c in _MAIN], [c for c in columns if c not in _MAIN]]
    if report.task == "panoptic" and any("kind" in row for _, row in rows):
        parts[0] = ["kind", *parts[0]]
    shown = {key: _class_color(report, row, key, colors) for key, row in rows}
    return [
        PageTable(
            tuple((about.label, about.sentence) for about in abouts),
            tuple(_row(str(row.get("name", key)), row, part, shown[key]) for key, row in rows),
        )
        for part in parts
        for abouts in [[meaning(c, report.task) for c in part]]
        if part
    ]


def absent(row: Mapping[str, Any]) -> bool:
    """Whether a class has pixels or objects on neither side."""
    counts = [row[name] for name in _COUNTS if name in row]
    return bool(counts) and not any(counts)


def left_out(report: Report) -> int:
    """How many classes occur on neither side."""
    return sum(absent(row) for row in report.per_class.values())


def _turned(
    rows: Sequence[tuple[str, Mapping[str, Any]]], columns: Sequence[str], task: str
) -> PageTable:
    """A row per score, a column per class."""
    body = []
    for column in columns:
        about = meaning(column, task)
        cells = tuple(cell(r.get(column), about, str(r.get("reason", ""))) for _, r in rows)
        body.append(PageRow(about.label, cells, title=about.sentence))
    return PageTable(tuple((str(row.get("name", key)), "") for key, row in rows), tuple(body))


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


def legend(panels: Sequence[Panel], report: Report) -> list[tuple[str, str]]:
    """(name, CSS colour) of every class that a picture shows, in the report's order of classes."""
    order = {str(row.get("name", key)): i for i, (key, row) in enumerate(report.per_class.items())}
    shown = {
        name: VOID_CSS if name == VOID_NAME else css(color)
        for panel in panels
        for name, color in panel.legend
    }
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
    interval = ""
    if name in report.intervals:
        interval = " – ".join(cell(v, about).text for v in report.intervals[name][:2])
    return PageScore(about.label, shown.text, sentence, name, shown.share, interval)


# Recalls at few guesses say little of images with many objects, and widen the table.
_LONG = frozenset({"ar1", "ar10"})


def _columns(rows: Iterable[Mapping[str, Any]], by: str | None = None) -> list[str]:
    """The scores of some rows, that which ranks them first, then its relatives."""
    present = list(
        dict.fromkeys(
            name for row in rows for name in row if name not in _NAMED and name not in _LONG
        )
    )
    kin = next((family for family in _FAMILIES if by in family), ())
    first = [name for name in (*kin, *chain(*_FAMILIES)) if name in present]
    return list(dict.fromkeys((*first, *present)))


def _row(name: str, row: Mapping[str, Any], columns: Sequence[str], color: str = "") -> PageRow:
    why = str(row.get("reason", ""))
    return PageRow(name, tuple(cell(row.get(c), meaning(c), why) for c in columns), color)


def _class_color(
    report: Report, row: Mapping[str, Any], key: str, colors: Mapping[str, str]
) -> str:
    own = report.colors.get(key)
    return css(own) if own else colors.get(str(row.get("name", key)), "")
