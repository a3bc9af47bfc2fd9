"""Everything that is counted over some samples, for any task; `judge.py` says what of it counts."""

from __future__ import annotations

from typing import Any

from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.instances import InstanceMetrics
from maskloom.metrics.objects import InstanceRules
from maskloom.metrics.panoptic import PanopticMetrics
from maskloom.metrics.pixels import PixelMetrics


class Tally:
    """Everything counted over some samples: update → merge → result, in any order."""

    def __init__(self, taxonomy: Taxonomy, rules: InstanceRules) -> None:
        self.pixels = PixelMetrics(taxonomy)
        self.instances = InstanceMetrics(taxonomy, rules)
        self.panoptic = PanopticMetrics(taxonomy)
        self.samples = 0

    def merge(self, other: Tally) -> None:
        """Add what another worker or slice counted."""
        self.pixels.merge(other.pixels)
        self.instances.merge(other.instances)
        self.panoptic.merge(other.panoptic)
        self.samples += other.samples

    def result(self, task: str) -> tuple[dict[str, Score], dict[str, str], dict[str, Any]]:
        """(metrics, reasons, per class) of a task; scores of objects come first."""
        pixels = self.pixels.result()
        if task == "semantic":
            return dict(pixels.metrics), dict(pixels.reasons), dict(pixels.per_class)
        objects = self.panoptic.result() if task == "panoptic" else self.instances.result()
        per_class = {}
        for key, row in objects.per_class.items():
            both = {**row, **pixels.per_class[key]}
            why = [r["reason"] for r in (row, pixels.per_class[key]) if "reason" in r]
            per_class[key] = {**both, "reason": "; ".join(why)} if why else both
        return (
            {**objects.metrics, **pixels.metrics},
            {**objects.reasons, **pixels.reasons},
            per_class,
        )

    def notes(self, task: str) -> tuple[str, ...]:
        """What a reader must know of the scores of a task."""
        if task == "semantic":
            return ()
        return (self.panoptic if task == "panoptic" else self.instances).result().notes
