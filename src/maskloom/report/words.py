"""What scores are called in a report, which come first, and what is said of them in plain words.

It computes nothing; the definitions with their sources are in `metrics/`. The table of meanings
is `meanings.py`; a score without an entry there is still shown, under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from maskloom.core.report import Report
from maskloom.report.meanings import MEANINGS, Meaning

CURVES: dict[str, str] = {
    "lr": "learning rate",
    "loss": "sum of all",
    "ce": "classes of pixels (cross-entropy)",
    "dice": "overlap of classes (Dice)",
    "distance": "distance to the objects' rims",
    "object": "object or not, of proposals",
    "anchor": "boxes of proposals",
    "class": "classes of objects",
    "box": "boxes of objects",
    "mask": "masks of objects",
    "semantic": "classes of pixels (cross-entropy)",
}
"""What the logged columns of a training are called; of `val_...` it is the name of the score."""

HEADLINES: dict[str, tuple[str, ...]] = {
    "semantic": ("miou", "dice", "pixel_accuracy", "boundary_iou", "mean_accuracy"),
    "instance": (
        *("hota", "j_and_f", "ap", "ap50", "ap75", "f1_50", "aji", "pq"),
        *("box_ap", "box_ap50", "box_ap75"),
    ),
    "panoptic": ("pq", "sq", "rq", "pq_things", "pq_stuff"),
}
FIRST = {"instance": ("hota", "ap"), "panoptic": ("pq",)}
RANKING = ("iou", "miou", "ap", "pq", "f1_50", "dice")


_OF_PIXELS = frozenset({"iou", "dice", "precision", "recall", "accuracy"})


def meaning(name: str, task: str = "semantic") -> Meaning:
    """The entry of a score, or one made from its name.

    Args:
        name: of the score.
        task: of the report; beside scores of objects, those of pixels say that they are.
    """
    found = MEANINGS.get(name) or Meaning(name.replace("_", " "))
    if task == "semantic" or name not in _OF_PIXELS:
        return found
    label = found.label if name in ("iou", "dice") else found.label.lower()
    return replace(found, label=f"Pixel {label}")


def curve_name(column: str) -> str:
    """What a logged column of a training is called."""
    if column.startswith("val_"):
        return meaning(column.removeprefix("val_")).label
    return CURVES.get(column, column.replace("_", " "))


def headline(report: Report, n: int = 4) -> list[str]:
    """Names of the up to `n` scores to show large, the task's own first."""
    own = [m for m in HEADLINES.get(report.task, ()) if m in report.metrics]
    first = [m for m in own if report.metrics[m] is not None] or own
    return [*first, *(m for m in report.metrics if m not in first)][:n]


def ranking(report: Report) -> str | None:
    """The score that orders the class table: the task's own or `iou`, if any class has it."""
    names = (*FIRST.get(report.task, ()), *RANKING)
    return next((n for n in names if any(n in row for row in report.per_class.values())), None)


def ranked_classes(report: Report) -> list[tuple[str, Mapping[str, Any]]]:
    """(key, row) of the classes, lowest score first, equals by name, undefined ones last."""
    by = ranking(report)

    def order(item: tuple[str, Mapping[str, Any]]) -> tuple[bool, float, str]:
        score = item[1].get(by) if by else None
        return score is None, float(score or 0.0), str(item[1].get("name", item[0]))

    return sorted(report.per_class.items(), key=order) if by else list(report.per_class.items())


def verdict(report: Report) -> str:
    """One sentence: the main score, the weakest class and the weakest sample."""
    names = headline(report, 1)
    if not names:
        return ""
    value = report.metrics[names[0]]
    label = meaning(names[0]).label
    if value is None:
        return f"{label} is undefined: {report.reasons.get(names[0], 'nothing to score')}."
    parts = [f"{label} is {value:.3f}"]
    counted = len(report.per_sample)
    if counted:
        parts[0] += f" over {counted:,} {'image' if counted == 1 else 'images'}"
    parts += _weakest(report)
    low = report.worst(1)[0].get(report.ranked_by) if counted > 1 else None
    if low is not None and low < 1:
        unit = "" if report.ranked_by == names[0] else f"{meaning(report.ranked_by).label} "
        parts.append(f"the weakest image is {report.worst(1)[0]['key']} ({unit}{low:.3f})")
    return "; ".join(parts) + "."


def _weakest(report: Report) -> list[str]:
    """What to say of the class at the top of the table, if there are several."""
    by = ranking(report)
    scored = [(k, row) for k, row in ranked_classes(report) if by and row.get(by) is not None]
    if by is None or len(scored) < 2:
        return []
    key, row = scored[0]
    equals = sum(other[by] == row[by] for _, other in scored)
    if equals == len(scored):
        return []
    if equals > 1:
        return [f"{equals} of {len(scored)} classes share the lowest score ({row[by]:.3f})"]
    return [f"the weakest class is {row.get('name', key)} ({row[by]:.3f})"]
