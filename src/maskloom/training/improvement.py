"""Two runs on the same validation samples: the parent's scores before, the new run's after.

Both are judged with the labels as they are now, so that what differs is the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskloom.core.outcome import Table, counted, was
from maskloom.core.report import Report
from maskloom.core.run import SELECTED_BY
from maskloom.report.words import meaning, ranking
from maskloom.training.beginning import Beginning

_SHOWN = 12


def comparison(beginning: Beginning, after: Report) -> dict[str, Any]:
    """Metric by metric and class by class: before, after, change.

    Returns:
        {"parent", "labels", "metrics": {name: {"before", "after", "change"}}, "per_class": {key:
        {"name", and the same of the score that ranks the classes}}, "notes"}.
    """
    before = beginning.before
    metrics = {
        name: _change(before["metrics"].get(name), value) for name, value in after.metrics.items()
    }
    by = ranking(after)
    per_class = {
        key: {"name": row.get("name", key), "score": by}
        | _change(before["per_class"].get(key, {}).get(by), row.get(by))
        for key, row in after.per_class.items()
        if by is not None and by in row
    }
    return {
        "parent": dict(beginning.parent),
        "labels": dict(beginning.labels),
        "metrics": metrics,
        "per_class": per_class,
        "notes": list(before.get("notes", ())),
    }


def comparison_tables(compared: Mapping[str, Any]) -> tuple[Table, ...]:
    """Before, after and change, for people: the scores, and the classes where there are several."""
    note = " ".join((_label_words(compared), *map(_sentence, compared["notes"]))).strip()
    columns = ("before", "after", "change")
    said = [(n, r) for n, r in compared["metrics"].items() if {r["before"], r["after"]} != {None}]
    scores = [(meaning(name).label, *_cells(row)) for name, row in said[:_SHOWN]]
    tables = [
        Table("Before and after, on the same validation samples", ("score", *columns), scores, note)
    ]
    defined = [r for r in compared["per_class"].values() if {r["before"], r["after"]} != {None}]
    classes = sorted(defined, key=lambda row: row["change"] or 0.0)
    if len(classes) > 1:
        label = meaning(classes[0]["score"]).label
        rows = [(row["name"], *_cells(row)) for row in classes]
        tables.append(Table(f"{label} of each class, before and after", ("class", *columns), rows))
    return tuple(tables)


def comparison_verdict(compared: Mapping[str, Any], after: Report) -> str:
    """One sentence on the score by which runs are chosen."""
    name, row = _selection(compared, after)
    if row.get("change") is None:
        return ""
    direction = "rose" if row["change"] > 0 else "fell" if row["change"] < 0 else "stayed"
    count = len(after.per_sample)
    text = (
        f"{meaning(name).label} {direction} from {row['before']:.3f} to {row['after']:.3f} "
        f"({row['change']:+.3f}) on the same {counted(count, 'validation image')}"
    )
    labels = _label_words(compared)
    return f"{text}. {labels}" if labels else f"{text}."


def comparison_warning(compared: Mapping[str, Any], after: Report, run: str) -> str:
    """What to know where the new run is worse than the one it began from; else "".

    Args:
        compared: of `comparison`.
        after: the new run's scores.
        run: what to call the new run.
    """
    name, row = _selection(compared, after)
    if (row.get("change") or 0.0) >= 0:
        return ""
    parent = compared["parent"]["path"]
    return (
        f"{run} is worse than {parent}, which it began from: {meaning(name).label} is "
        f"{row['after']:.3f} after {row['before']:.3f}; {parent} is still there to predict with"
    )


def _selection(compared: Mapping[str, Any], after: Report) -> tuple[str, Mapping[str, Any]]:
    """The score that keeps weights and orders runs, before and after."""
    name = SELECTED_BY[after.task]
    return name, compared["metrics"].get(name, {})


def _change(before: Any, after: Any) -> dict[str, Any]:
    known = isinstance(before, int | float) and isinstance(after, int | float)
    return {"before": before, "after": after, "change": after - before if known else None}


def _cells(row: Mapping[str, Any]) -> tuple[str, str, str]:
    shown = ["–" if row[n] is None else f"{row[n]:.4f}" for n in ("before", "after")]
    return shown[0], shown[1], "–" if row["change"] is None else f"{row['change']:+.4f}"


def _label_words(compared: Mapping[str, Any]) -> str:
    labels = compared["labels"]
    if not labels:
        return ""
    changed, added, removed = (labels[name] for name in ("changed", "added", "removed"))
    since = f"since {compared['parent']['id']} was trained"
    of = labels["samples"]
    parts = [f"{changed} of {counted(of, 'labelled image')} {was(changed)} changed {since}"]
    parts += [f"{added} {was(added)} added"] if added else []
    parts += [f"{removed} {was(removed)} removed"] if removed else []
    return _sentence(", ".join(parts))


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
