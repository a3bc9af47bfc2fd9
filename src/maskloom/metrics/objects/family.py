"""Average precision of objects, as COCO defines it, and object counts per sample.

Objects are matched on runs (`overlaps.py`, `matching.py`) and kept as columns: a few bytes per
prediction, from which averages, recalls and counts follow (`scores.py`). Pixel scores
are `pixels.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.report import Curve, Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.objects.calibration import (
    OBJECT_CALIBRATION,
    object_calibration,
    object_calibration_resamples,
)
from maskloom.metrics.objects.columns import AREAS_PX, LEVELS, PredictionColumns
from maskloom.metrics.objects.curves import instance_curves
from maskloom.metrics.objects.matching import Bits, match
from maskloom.metrics.objects.notes import drawn_notes, instance_notes
from maskloom.metrics.objects.overlaps import MASKS, Overlap
from maskloom.metrics.objects.resamples import instance_resamples
from maskloom.metrics.objects.rows import Objects
from maskloom.metrics.objects.scores import AVERAGED, class_scores, f1
from maskloom.metrics.objects.sides import (
    MASKLOOM_RULES,
    InstanceRules,
    drawn_only,
    predicted_objects,
    truth_objects,
)
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import Scores, mean
from maskloom.metrics.state import fill, numbers

_NUMBERS = ("samples", "unscored", "capped", "silent", "truth_drawn", "predicted_drawn")


class InstanceMetrics:
    """AP of a data set: update with each sample, merge workers, ask for the result.

    Args:
        taxonomy: of the labels; objects of void categories are no objects.
        rules: what the convention says.
        overlap: by what objects overlap.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        rules: InstanceRules = MASKLOOM_RULES,
        overlap: Overlap = MASKS,
    ) -> None:
        self.taxonomy, self.rules, self.overlap = taxonomy, rules, overlap
        self.columns: list[PredictionColumns] = []
        self._ranked: PredictionColumns | None = None
        self.positives = np.zeros((len(AREAS_PX), len(taxonomy)), np.int64)
        self.each = SampleValues(tuple(AREAS_PX))
        self.predictions = np.zeros(len(taxonomy), np.int64)
        self.samples = self.unscored = self.capped = self.silent = 0
        self.truth_drawn = self.predicted_drawn = 0

    def update(
        self,
        truth: Rows,
        predicted: Rows,
        *,
        order: int | None = None,
        ignore: Masks | None = None,
        unlabelled: Collection[int] = (),
    ) -> dict[str, Score]:
        """Match one sample.

        Args:
            truth: its objects; rows that are not masks (or boxes, where these are compared) are
                left out, rows of one instance id and category are one object.
            predicted: likewise, in the same frame; a row without a score counts as 1.0.
            order: place of the sample among equal scores; by default the order of updates.
            ignore: one row, the part of the frame that was not labelled.
            unlabelled: positions of categories that the truth does not list exhaustively here.

        Returns:
            f1_50 (None where there is no object on either side), truth_objects,
            predicted_objects: of this sample alone.
        """
        order = self.samples if order is None else order
        common: Any = {"unlabelled": unlabelled, "boxed": self.overlap.boxed}
        t = truth_objects(truth, self.taxonomy, self.rules, ignore=ignore, **common)
        told = frozenset(t.category.tolist())
        p, rank, unscored = predicted_objects(
            predicted, self.taxonomy, self.rules, told=told, **common
        )
        hit, drop, positives = self._match(t, p, unlabelled)
        place = np.full(len(p), order, np.int64)
        self._ranked = None
        self.columns.append(PredictionColumns(place, p.category, rank, p.score, hit, drop))
        k = len(self.taxonomy)
        self.positives += positives
        there = np.flatnonzero(positives.any(axis=0))
        self.each.extend(order, there, positives[:, there].T)
        objects = np.bincount(t.category[~t.crowd], minlength=k)
        self.capped += int(self.rules.caps(objects))
        self.predictions += np.bincount(p.category, minlength=k)
        self.samples += 1
        self.unscored += unscored
        drawn, found = (
            drawn_only(rows, self.taxonomy, boxed=self.overlap.boxed) for rows in (truth, predicted)
        )
        self.truth_drawn += drawn
        self.predicted_drawn += found
        self.silent += int(not len(p) and not found and objects.any())
        return {
            f"{self.overlap.prefix}f1_50": f1(hit, drop, int(objects.sum())),
            "truth_objects": int(objects.sum()),
            "predicted_objects": len(p),
        }

    def _match(
        self, t: Objects, p: Objects, unlabelled: Collection[int]
    ) -> tuple[Bits, Bits, NDArray[np.int64]]:
        """Hits and ignored predictions of a sample, and (areas, K) objects to find."""
        low, high = np.array(list(AREAS_PX.values())).T[:, :, None]
        ignored = t.crowd | (t.area < low) | (t.area > high)
        outside = (p.area < low) | (p.area > high)
        if self.rules.partial and unlabelled:
            outside |= np.isin(p.category, list(unlabelled))
        pairs = self.overlap.pairs(p, t)
        hit, drop = match(pairs, t.crowd, ignored, outside, LEVELS)
        k = len(self.taxonomy)
        own = [np.bincount(t.category[~one], minlength=k) for one in ignored]
        return hit, drop, np.stack(own)

    def merge(self, other: InstanceMetrics) -> None:
        """Add what another worker matched; each sample needs its own `order`."""
        self._ranked = None
        self.columns.extend(other.columns)
        self.positives += other.positives
        self.each.merge(other.each)
        self.predictions += other.predictions
        self.truth_drawn += other.truth_drawn
        self.predicted_drawn += other.predicted_drawn
        self.samples += other.samples
        self.unscored += other.unscored
        self.capped += other.capped
        self.silent += other.silent

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What was matched, as arrays."""
        whole = PredictionColumns.join(self.columns)
        return {
            **{f"column.{name}": getattr(whole, name) for name in whole.__slots__},
            "positives": self.positives,
            "predictions": self.predictions,
            "numbers": np.array([getattr(self, name) for name in _NUMBERS], np.int64),
            **{f"each.{name}": array for name, array in self.each.state().items()},
        }

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: it is of another taxonomy, or columns differ in length.
        """
        fill(self.positives, state, "positives")
        fill(self.predictions, state, "predictions")
        for name, value in zip(_NUMBERS, numbers(state, "numbers", len(_NUMBERS)), strict=True):
            setattr(self, name, value)
        self.each.load({name: state[f"each.{name}"] for name in self.each.state()})
        whole = PredictionColumns.join([])
        columns = {}
        for name in whole.__slots__:
            found, kind = state[f"column.{name}"], getattr(whole, name)
            n = len(state["column.order"])
            if found.dtype != kind.dtype or found.shape != (n, *kind.shape[1:]):
                raise ValueError(f"{name} is {found.dtype}{found.shape}")
            columns[name] = found
        self._ranked = None
        self.columns = [PredictionColumns(**columns)]  # type: ignore[arg-type]

    def _table(self) -> PredictionColumns:
        """All predictions, ranked once: resamples ask for them again and again."""
        if self._ranked is None:
            self._ranked = PredictionColumns.join(self.columns).ranked()
        return self._ranked

    def resampled(
        self, weights: NDArray[np.int64], orders: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """Scores of resamples; see `SampleValues.totals`."""
        positives = self.each.totals(weights, orders, len(self.taxonomy))
        table = self._table()
        found = instance_resamples(table, positives, weights, orders, self.taxonomy.scored)
        if not self.overlap.prefix:
            sure = object_calibration_resamples(table, self.unscored, weights, orders)
            found[OBJECT_CALIBRATION] = sure
        return {f"{self.overlap.prefix}{name}": values for name, values in found.items()}

    def result(self) -> Scores:
        """AP over everything matched so far.

        Source: Lin et al. 2014 (COCO) and pycocotools 2.0.11 `COCOeval`: IoU levels
        0.50:0.05:0.95, 101 recalls, classes without an object left out of the mean.
        """
        table, prefix = self._table(), self.overlap.prefix
        found = {
            k: class_scores(table, k, np.ascontiguousarray(self.positives[:, k]))
            for k in self.taxonomy.scored
        }
        metrics: dict[str, Score] = {
            f"{prefix}{name}": mean([one.scores[name] for one in found.values()])
            for name in AVERAGED
        }
        objects = int(self.positives[0].sum())
        metrics[f"{prefix}f1_50"] = f1(table.hit, table.drop, objects)
        why = "the truth holds no such object" if objects else "the truth holds no object"
        reasons = {name: why for name, value in metrics.items() if value is None}
        per_class = {self.taxonomy[k].key: self._class_row(k, found[k].scores) for k in found}
        curves: tuple[Curve, ...] = ()
        if not prefix:
            named = {self.taxonomy[k].name: one.precision for k, one in found.items()}
            sure = object_calibration(table, self.unscored)
            scored = self.unscored < int(self.predictions.sum())
            curves = (*instance_curves(table, named, objects, scored=scored), *sure.curves)
            metrics[OBJECT_CALIBRATION] = sure.score
            reasons |= {OBJECT_CALIBRATION: sure.reason} if sure.score is None else {}
        return Scores(metrics, reasons, per_class, self._notes(), curves)

    @property
    def drawn_alone(self) -> bool:
        """Whether predictions are boxes or other drawings, and none a mask."""
        return bool(self.predicted_drawn) and not self.predictions.any()

    def _class_row(self, k: int, scores: Mapping[str, Score]) -> dict[str, Any]:
        category, objects = self.taxonomy[k], int(self.positives[0, k])
        row: dict[str, Any] = {
            "name": category.name,
            "kind": category.kind,
            **{f"{self.overlap.prefix}{name}": value for name, value in scores.items()},
            "truth_objects": objects,
            "predicted_objects": int(self.predictions[k]),
        }
        if not objects:
            row["reason"] = "no object in the truth: left out of the means"
        return row

    def _notes(self) -> tuple[str, ...]:
        limit = self.rules.limit
        drawn = self.truth_drawn, self.predicted_drawn
        return (
            *drawn_notes(*drawn, boxed=self.overlap.boxed),
            *instance_notes(self.samples, self.silent, self.unscored, self.capped, limit),
        )
