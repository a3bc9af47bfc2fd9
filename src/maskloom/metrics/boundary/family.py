"""Outline scores of class maps over a data set: Boundary IoU and Boundary F1.

Bands and contours of one sample are found by `class_maps.py`; objects are scored by their own
families, which take bands from `bands.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.boundary.class_maps import class_outlines
from maskloom.metrics.boundary.contours import ContourCounts
from maskloom.metrics.boundary.rules import (
    BOUNDARY_RULES,
    CONTOUR_RULES,
    BoundaryRules,
    ContourRules,
)
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import Scores, mean, mean_over, quotient

BOUNDARY_METRICS = ("boundary_iou", "boundary_f1")

_BAND = ("band_shared", "band_union")
_CONTOUR = ("truth_contour", "predicted_contour", "truth_met", "predicted_met")
_ABSENT = "absent from truth and prediction"
_NO_BAND = "every pixel of it is void in the truth"
_NO_CONTOUR = "it has no contour within any frame, in the truth or the prediction"


class BoundaryMetrics:
    """Outline scores of a data set: update with each sample, merge workers, ask for the result.

    A class counts in the samples where either map shows it, whatever the rules say of empty
    masks. Counts of pixels are kept for each sample and class, nothing else.

    Args:
        taxonomy: of the class maps.
        rules: what is a band.
        contour_rules: what is a contour, and within which tolerance two meet.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        rules: BoundaryRules = BOUNDARY_RULES["maskloom"],
        contour_rules: ContourRules = CONTOUR_RULES["maskloom"],
    ) -> None:
        self.taxonomy, self.rules, self.contour_rules = taxonomy, rules, contour_rules
        self.samples = 0
        self.counts = SampleValues((*_BAND, *_CONTOUR))

    def update(
        self, truth: NDArray[Any], predicted: NDArray[Any], *, order: int | None = None
    ) -> dict[str, Score]:
        """Count the outlines of one pair of class maps.

        Args:
            truth: (H, W) uint8 or uint16: positions, void and background codes.
            predicted: the same shape; its void pixels are of no class.
            order: place of the sample; by default the number of updates so far.

        Returns:
            boundary_iou and boundary_f1 of this sample alone, means over the classes where they
            are defined; None where they are for none.

        Raises:
            DataError: shapes differ, a type is wrong, or a value is not a category.
        """
        place = self.samples if order is None else order
        scored = set(self.taxonomy.scored)
        own = []
        for one in class_outlines(
            truth, predicted, len(self.taxonomy), self.rules, self.contour_rules
        ):
            if one.category not in scored:
                continue
            row = (one.band_shared, one.band_union, *astuple(one.contours))
            self.counts.add(place, one.category, dict(zip(self.counts.names, row, strict=True)))
            own.append(np.array([row]))
        self.samples += 1
        return {
            "boundary_iou": mean([self._iou(rows) for rows in own]),
            "boundary_f1": mean([self._f1(rows) for rows in own]),
        }

    def merge(self, other: BoundaryMetrics) -> None:
        """Add what another worker counted; each sample needs its own `order`."""
        self.counts.merge(other.counts)
        self.samples += other.samples

    def result(self) -> Scores:
        """Scores over everything counted so far: means over classes, not weighted.

        Of a class, pixels of all samples are summed and then divided where the rules say
        `pooled`, else the values of samples are averaged.

        Source: Cheng et al. 2021; Csurka et al. 2013 for a mean over classes of contours. The
        data-set-level quotient of bands is ours, after the IoU of class maps.
        """
        _, categories, values = self.counts.table()
        rows = {k: values[categories == k] for k in self.taxonomy.scored}
        ious = {k: self._iou(rows[k]) for k in rows}
        f1s = {k: self._f1(rows[k]) for k in rows}
        metrics: dict[str, Score] = {
            "boundary_iou": mean(list(ious.values())),
            "boundary_f1": mean(list(f1s.values())),
        }
        present = any(len(of) for of in rows.values())
        why = dict(zip(BOUNDARY_METRICS, ("band", "contour"), strict=True))
        reasons = {
            name: f"no class has a {why[name]} in the truth or the prediction"
            if present
            else "no class occurs in the truth or the prediction"
            for name, value in metrics.items()
            if value is None
        }
        per_class = {
            self.taxonomy[k].key: self._class_row(k, rows[k], ious[k], f1s[k]) for k in rows
        }
        return Scores(metrics, reasons, per_class, self._notes(rows))

    def resampled(
        self, weights: NDArray[np.int64], orders: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """Scores of resamples; see `SampleValues.totals`."""
        n = len(self.taxonomy)
        found = []
        for pooled, score, columns in (
            (self.rules.pooled, self._ious, slice(0, 2)),
            (self.contour_rules.pooled, self._f1s, slice(2, 6)),
        ):
            if pooled:
                totals = self.counts.totals(weights, orders, n)[..., columns]
                own = score(totals.reshape(-1, totals.shape[-1])).reshape(totals.shape[:2])
                found.append(np.where(totals.any(axis=-1), own, np.nan))
                continue
            places, categories, values = self.counts.table()
            each = SampleValues.of(("own",), places, categories, score(values[:, columns])[:, None])
            found.append(each.means(weights, orders, n)[..., 0])
        return {
            name: mean_over(values) for name, values in zip(BOUNDARY_METRICS, found, strict=True)
        }

    def _ious(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return quotient(rows[:, 0], rows[:, 1])

    def _f1s(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        empty = self.contour_rules.both_empty
        scores = [ContourCounts(*map(int, of)).f1(empty) for of in rows]
        return np.array([np.nan if v is None else v for v in scores], np.float64)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What is kept, as arrays."""
        return {**self.counts.state(), "samples": np.array([self.samples], np.int64)}

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: arrays are missing, or of another shape or kind, or classes unknown.
        """
        if set(state) != {"orders", "categories", "values", "samples"}:
            raise ValueError(f"a state of outlines holds other arrays than {sorted(state)}")
        if state["samples"].shape != (1,) or state["samples"].dtype.kind != "i":
            raise ValueError(f"samples are {state['samples'].dtype}{state['samples'].shape}")
        if not np.isin(state["categories"], self.taxonomy.scored).all():
            raise ValueError("a row is of no scored class of the taxonomy")
        self.counts.load(state)
        self.samples = int(state["samples"].astype(np.int64)[0])

    def _iou(self, rows: NDArray[np.generic]) -> Score:
        parts = [rows.sum(axis=0)] if self.rules.pooled else rows
        return mean([_quotient(of[0], of[1]) for of in parts])

    def _f1(self, rows: NDArray[np.generic]) -> Score:
        if not len(rows):
            return None
        rules = self.contour_rules
        parts = [rows.sum(axis=0)] if rules.pooled else rows
        return mean([ContourCounts(*map(int, of[2:])).f1(rules.both_empty) for of in parts])

    def _class_row(
        self, k: int, rows: NDArray[np.float64], iou: Score, f1: Score
    ) -> dict[str, Any]:
        category = self.taxonomy[k]
        totals = [int(n) for n in rows.sum(axis=0)]
        row: dict[str, Any] = {
            "name": category.name,
            "kind": category.kind,
            "boundary_iou": iou,
            "boundary_f1": f1,
            "samples": len(rows),
            **dict(zip(self.counts.names, totals, strict=True)),
        }
        if not len(rows):
            row["reason"] = _ABSENT
        elif iou is None:
            row["reason"] = _NO_BAND
        elif f1 is None:
            row["reason"] = _NO_CONTOUR
        return row

    def _notes(self, rows: Mapping[int, NDArray[np.float64]]) -> tuple[str, ...]:
        blank = sum(int((of[:, 2:4].sum(axis=1) == 0).sum()) for of in rows.values())
        if not blank:
            return ()
        told = "left out" if self.contour_rules.both_empty is None else "by the rule for no contour"
        return (
            f"boundary_f1: {blank} times a class has no contour in a sample, in the truth or the "
            f"prediction: it fills the frame or lies in void; {told}",
        )


def _quotient(shared: float, union: float) -> Score:
    return int(shared) / int(union) if union else None
