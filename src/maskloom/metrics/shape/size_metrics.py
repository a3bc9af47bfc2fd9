"""The family of sizes: how far the area or volume of each class is off.

Definitions are in `counts.py`. How long lines are is `thin_metrics.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.confusion import joint_counts
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import Scores, mean, mean_over, quotient
from maskloom.metrics.shape.counts import errors_of, relative_errors
from maskloom.metrics.shape.kept import Kept, State, named_row
from maskloom.metrics.shape.lengths import checked_spacing

SIZE_METRICS = ("area_error", "area_rmse", "area_bias", "area_error_relative")
_COLUMNS = ("truth_area", "predicted_area")


class SizeMetrics:
    """Errors of area (volume) of a data set: per class over samples, then the mean over classes.

    A sample counts for a class that has a judged pixel on either side.

    Args:
        taxonomy: of the class maps.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.kept = Kept(_COLUMNS, len(taxonomy), ("unspaced",))

    def update(
        self,
        truth: NDArray[Any],
        predicted: NDArray[Any],
        *,
        order: int | None = None,
        spacing: Sequence[float] | None = None,
    ) -> dict[str, Score]:
        """Measure one pair of class maps; pixels that are void in the truth count nowhere.

        Args:
            truth: (H, W) or (D, H, W), uint8 or uint16 of positions, void and background codes.
            predicted: the same shape.
            order: place of the sample; by default the order of updates.
            spacing: distance of neighbours along each axis; areas are in px without.

        Returns:
            area_error and area_error_relative of this sample: means over its classes.

        Raises:
            DataError: shapes differ, a type or a value is wrong, or spacing does not fit.
        """
        counts = joint_counts(truth, predicted, len(self.taxonomy))
        unit = math.prod(checked_spacing(spacing, truth.ndim))
        place = self.kept.begin(order)
        self.kept.counters["unspaced"] += not spacing
        areas = [
            (int(counts[k].sum()) * unit, int(counts[:, k].sum()) * unit, k)
            for k in self.taxonomy.scored
        ]
        here = [(t, p, k) for t, p, k in areas if t or p]
        for t, p, k in here:
            self.kept.values.add(place, k, {"truth_area": t, "predicted_area": p})
        found = size_scores([t for t, _, _ in here], [p for _, p, _ in here])
        return {name: found[name] for name in ("area_error", "area_error_relative")}

    def merge(self, other: SizeMetrics) -> None:
        """Add what another worker measured; each sample needs its own `order`."""
        self.kept.merge(other.kept)

    def resampled(
        self, weights: NDArray[np.int64], orders: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """Scores of resamples; see `SampleValues.totals`."""
        own, categories, values = self.kept.values.table()
        off = np.abs(values[:, 1] - values[:, 0])
        columns = np.stack([off, quotient(off, values[:, 0])], axis=1)
        each = SampleValues.of(("area_error", "area_error_relative"), own, categories, columns)
        found = mean_over(each.means(weights, orders, len(self.taxonomy)), axis=1)
        return dict(zip(each.names, found.T, strict=True))

    def state(self) -> State:
        """Everything kept, as arrays."""
        return self.kept.state()

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: it is not of this family.
        """
        self.kept.load(state)

    def result(self) -> Scores:
        """Errors per class over samples, and their means over the classes that occur."""
        per_class: dict[str, dict[str, Any]] = {}
        for k in self.taxonomy.scored:
            columns = self.kept.columns(k)
            t, p = (_numbers(columns[name]) for name in _COLUMNS)
            row = named_row(self.taxonomy, k, {**size_scores(t, p), "samples": len(t)})
            if not t:
                row["reason"] = "absent from truth and prediction"
            elif row["area_error_relative"] is None:
                row["reason"] = "absent from the truth: no share of its area exists"
            per_class[self.taxonomy[k].key] = row
        metrics: dict[str, Score] = {
            name: mean([row[name] for row in per_class.values()]) for name in SIZE_METRICS
        }
        why = "no class occurs in the truth or the prediction"
        reasons = {name: why for name, value in metrics.items() if value is None}
        if metrics["area_error"] is not None and "area_error_relative" in reasons:
            reasons["area_error_relative"] = "no class occurs in the truth"
        unspaced = self.kept.counters["unspaced"]
        samples = self.kept.counters["samples"]
        note = (
            f"{unspaced} of {samples} samples have no spacing: their areas are px among those in "
            "its units"
        )
        mixed = 0 < unspaced < samples
        return Scores(metrics, reasons, per_class, (note,) if mixed else ())


def size_scores(truth: Sequence[float], predicted: Sequence[float]) -> dict[str, Score]:
    """`SIZE_METRICS` of paired sizes: errors as in `counts.errors_of`, and mean |e| / true size."""
    differences = [p - t for t, p in zip(truth, predicted, strict=True)]
    found = errors_of(differences)
    relative = mean(relative_errors(differences, truth))
    return dict(zip(SIZE_METRICS, (found.mae, found.rmse, found.bias, relative), strict=True))


def _numbers(column: Sequence[Score]) -> list[float]:
    return [value for value in column if value is not None]
