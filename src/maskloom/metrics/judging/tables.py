"""A report as tables for people at a terminal; `report/html.py` is the long form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from maskloom.core.outcome import Cell, Table, counted
from maskloom.core.report import Report
from maskloom.report.words import headline

_CLASS_COLUMNS = {
    "semantic": ("iou", "dice", "accuracy", "precision"),
    "instance": ("ap", "ap50", "ap75", "f1_50", "iou", "dice"),
    "panoptic": ("kind", "pq", "sq", "rq", "tp", "fp", "fn", "iou"),
}
_PLAIN = ("kind", "tp", "fp", "fn")
_OF_CLASSES = {"miou": "iou", "mean_accuracy": "accuracy"}
"""Means over classes → what they are means of."""
_DISTANCES = ("assd", "hd", "hd95")
_FEW = 8
"""Columns that a terminal has room for."""
_KEY = 40
_MOST_ROWS = 20
_SAMPLE_COLUMNS = ("pq", "sq", "rq", "f1_50", "miou", "pixel_accuracy")


def report_tables(report: Report, *, worst: int = 5) -> tuple[Table, ...]:
    """Scores, classes, breakdowns and slices if any, and the worst samples.

    Args:
        report: of `judge`.
        worst: at most so many samples.
    """
    n = len(report.per_sample)
    scores = [_score_row(report, name) for name in report.metrics]
    classes = _classes(report)
    absent = len(report.per_class) - len(classes)
    kinds = "class is" if absent == 1 else "classes are"
    note = f"{absent} {kinds} on neither side" if absent else ""
    tables = [
        Table(report.title, _score_head(report), scores, _score_note(report)),
        replace(_table("per class", "class", classes, _class_columns(report)), note=note),
    ]
    tables += map(_shortened, report.breakdowns.values())
    if report.per_slice:
        few = report.metrics if len(report.metrics) <= _FEW else headline(report, _FEW)
        names = ("samples", *few)
        tables.append(_table("per slice", "slice", report.per_slice.items(), names))
    if n > 1 and any(report.ranked_by in row for row in report.per_sample):
        low = [(_cut(str(row["key"])), row) for row in report.worst(worst)]
        names = tuple(name for name in _SAMPLE_COLUMNS if name in report.per_sample[0])
        shown = _table("worst samples", "sample", low, names)
        cut = any(key.startswith("…") for key, _ in low)
        tables.append(replace(shown, note="whole names are in --json" if cut else ""))
    return tuple(tables)


def _shortened(table: Table) -> Table:
    """The first rows of a long table."""
    more = len(table.rows) - _MOST_ROWS
    if more <= 0:
        return table
    told = f"{more} more are in --json and in --report"
    note = f"{table.note}; {told}" if table.note else told
    return replace(table, rows=table.rows[:_MOST_ROWS], note=note)


def _score_head(report: Report) -> tuple[str, ...]:
    return ("metric", "value", "low", "high") if report.intervals else ("metric", "value")


def _score_row(report: Report, name: str) -> tuple[Cell, ...]:
    value = _rounded(report.metrics[name])
    unit = report.provenance.get("unit of distances") if name in _DISTANCES else None
    label = f"{name} ({unit})" if unit else name
    if not report.intervals:
        return label, value
    low, high = report.intervals.get(name, (None, None))[:2]
    return label, value, _rounded(low), _rounded(high)


def _score_note(report: Report) -> str:
    n = len(report.per_sample)
    said = report.provenance.get("intervals")
    return counted(n, "sample") + (f"; low and high: {said}" if said else "")


def _classes(report: Report) -> list[tuple[str, Mapping[str, Any]]]:
    """Classes with a score; of panoptic labels the things come first, then the stuff."""
    names = [name for name in _class_columns(report) if name not in _PLAIN]
    rows = [
        (str(row["name"]), row)
        for row in report.per_class.values()
        if any(row.get(name) is not None for name in names)
    ]
    if report.task == "panoptic":
        rows.sort(key=lambda item: item[1]["kind"] != "thing")
    return rows


def _class_columns(report: Report) -> tuple[str, ...]:
    """Scores that were asked for where they are few, else those that are usual for the task."""
    there = {name for row in report.per_class.values() for name, v in row.items() if v is not None}
    usual = tuple(_CLASS_COLUMNS[report.task])
    asked = tuple(_OF_CLASSES.get(name, name) for name in report.metrics)
    if len(asked) > _FEW and there.intersection(usual) - {*_PLAIN}:
        return usual
    found = tuple(dict.fromkeys(name for name in asked if name in there))[:_FEW]
    return found or usual


def _table(
    title: str, head: str, rows: Iterable[tuple[str, Mapping[str, Any]]], names: Sequence[str]
) -> Table:
    cells = [(key, *(_rounded(row.get(name)) for name in names)) for key, row in rows]
    return Table(title, (head, *names), cells)


def _cut(key: str) -> str:
    """The end of a key, where keys of one folder differ."""
    return key if len(key) <= _KEY else "…" + key[1 - _KEY :]


def _rounded(value: float | None) -> float | None:
    return round(value, 4) if isinstance(value, float) else value
