"""The family of thin structures: clDice and the error of length, per class over class maps.

What they are is `thin.py` and `lengths.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import codes
from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.confusion import joint_counts
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import Scores, mean, mean_over
from maskloom.metrics.shape.counts import errors_of
from maskloom.metrics.shape.kept import Kept, State, named_row
from maskloom.metrics.shape.lengths import checked_spacing, skeleton_length
from maskloom.metrics.shape.thin import THIN_RULES, ThinRules, centreline_dice, lines_of

_SHARES = ("cldice", "cl_precision", "cl_sensitivity")
_COLUMNS = (*_SHARES, "truth_length", "predicted_length")
THIN_METRICS = (*_SHARES, "length_error", "length_bias")


class ThinMetrics:
    """clDice of a data set: per class the mean over samples, then the mean over classes.

    A sample counts for a class that has a judged pixel on either side. Thinning takes its time:
    name the classes that are thin.

    Args:
        taxonomy: of the class maps.
        rules: of the convention.
        categories: positions of the classes to thin; None is all that are scored.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        rules: ThinRules = THIN_RULES["maskloom"],
        *,
        categories: Collection[int] | None = None,
    ) -> None:
        self.taxonomy, self.rules = taxonomy, rules
        self.categories = tuple(
            k for k in taxonomy.scored if categories is None or k in set(categories)
        )
        self.kept = Kept(_COLUMNS, len(taxonomy), ("unspaced",))

    def update(
        self,
        truth: NDArray[Any],
        predicted: NDArray[Any],
        *,
        order: int | None = None,
        spacing: Sequence[float] | None = None,
    ) -> dict[str, Score]:
        """Thin and compare one pair of class maps.

        Args:
            truth: (H, W) or (D, H, W), uint8 or uint16 of positions, void and background codes.
            predicted: the same shape.
            order: place of the sample; by default the order of updates.
            spacing: distance of neighbours along each axis; lengths are in px without. clDice
                counts pixels and knows no spacing.

        Returns:
            cldice and length_error of this sample: means over its classes.

        Raises:
            DataError: shapes differ, a type or a value is wrong, or spacing does not fit.
        """
        counts = joint_counts(truth, predicted, len(self.taxonomy))
        steps = checked_spacing(spacing, truth.ndim)
        judged = truth != codes(truth.dtype)[0]
        place = self.kept.begin(order)
        self.kept.counters["unspaced"] += not spacing
        found = []
        for k in self.categories:
            if counts[k].any() or counts[:, k].any():
                lines = lines_of(truth == k, predicted == k, judged)
                lengths = [
                    skeleton_length(side, steps)
                    for side in (lines.truth_skeleton, lines.predicted_skeleton)
                ]
                row = {
                    **centreline_dice(lines, self.rules),
                    "truth_length": lengths[0],
                    "predicted_length": lengths[1],
                }
                self.kept.values.add(place, k, row)
                found.append((row["cldice"], abs(lengths[1] - lengths[0])))
        return {"cldice": mean([c for c, _ in found]), "length_error": mean([e for _, e in found])}

    def merge(self, other: ThinMetrics) -> None:
        """Add what another worker compared; each sample needs its own `order`."""
        self.kept.merge(other.kept)

    def resampled(
        self, weights: NDArray[np.int64], orders: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """Scores of resamples; see `SampleValues.totals`."""
        own, categories, values = self.kept.values.table()
        off = np.abs(values[:, 4] - values[:, 3])
        columns = np.stack([values[:, 0], off], axis=1)
        each = SampleValues.of(("cldice", "length_error"), own, categories, columns)
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
        """Means over samples per class, and over the classes where they are defined."""
        rows = {self.taxonomy[k].key: self._class_row(k) for k in self.categories}
        metrics: dict[str, Score] = {
            name: mean([row[name] for row in rows.values()]) for name in THIN_METRICS
        }
        absent = all(not row["samples"] for row in rows.values())
        why = "no class occurs in the truth or the prediction"
        why = why if absent else "no skeleton of a class is there to divide by"
        reasons = {name: why for name, value in metrics.items() if value is None}
        blank = self.kept.columns()["cldice"].count(None)
        unspaced, samples = (self.kept.counters[name] for name in ("unspaced", "samples"))
        mixed = unspaced if unspaced < samples else 0
        said = (
            (blank, "times a class has no cldice in a sample, for want of a skeleton"),
            (
                mixed,
                f"of {samples} samples have no spacing: their lengths are px among those in its "
                "units",
            ),
        )
        return Scores(metrics, reasons, rows, tuple(f"{n} {what}" for n, what in said if n))

    def _class_row(self, k: int) -> dict[str, Any]:
        columns = self.kept.columns(k)
        sides = zip(columns["truth_length"], columns["predicted_length"], strict=True)
        found = errors_of([p - t for t, p in sides if t is not None and p is not None])
        row = named_row(
            self.taxonomy,
            k,
            {
                **{name: mean(columns[name]) for name in _SHARES},
                "length_error": found.mae,
                "length_bias": found.bias,
                "samples": len(columns["cldice"]),
            },
        )
        if not row["samples"]:
            row["reason"] = "absent from truth and prediction"
        elif row["cldice"] is None:
            row["reason"] = "a skeleton is empty in every sample"
        return row
