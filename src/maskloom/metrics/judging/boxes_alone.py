"""Scores where predictions are boxes without masks: those of masks say nothing there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from maskloom.metrics.judging.tally import Tally
from maskloom.metrics.objects.family import InstanceMetrics
from maskloom.metrics.objects.overlaps import BOXES
from maskloom.metrics.scores import Scores

_WHY = "no prediction has a mask"
_KEPT = ("name", "kind", "truth_objects", "key", "slice")


def only_boxes(tally: Tally) -> bool:
    """Whether objects were compared, and none of the predicted ones has a mask."""
    found = tally.families.get("instances")
    return isinstance(found, InstanceMetrics) and found.drawn_alone


def of_boxes(found: Scores) -> Scores:
    """The same, with nothing said of masks."""
    metrics = {
        name: value if name.startswith(BOXES.prefix) else None
        for name, value in found.metrics.items()
    }
    reasons = dict(found.reasons)
    reasons |= {name: _WHY for name, value in found.metrics.items() if value != metrics[name]}
    per_class = {key: row_of_boxes(row) for key, row in found.per_class.items()}
    return replace(
        found, metrics=metrics, reasons=reasons, per_class=per_class, curves=(), breakdowns={}
    )


def row_of_boxes(row: Mapping[str, Any]) -> dict[str, Any]:
    """A class or a sample with nothing said of masks."""
    return {k: v for k, v in row.items() if k in _KEPT or k.startswith(BOXES.prefix)}
