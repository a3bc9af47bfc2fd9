"""Average precision of instance masks, as COCO defines it, and object counts per sample.

Objects are matched on runs (`matching.py`) and kept as columns: a few bytes per prediction,
from which averages, recalls and counts follow. Pixel scores are `pixels.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics import matching
from maskloom.metrics.coco.curves import curves
from maskloom.metrics.instance_columns import AREAS_PX, LEVELS, RECALLS, PredictionColumns
from maskloom.metrics.instance_resamples import instance_resamples
from maskloom.metrics.objects import (
    MASKLOOM_RULES,
    InstanceRules,
    drawn_only,
    predicted_objects,
    truth_objects,
)
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import Scores, mean
from maskloom.metrics.state import fill, numbers

_AVERAGED = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100")
INSTANCE_METRICS = (*_AVERAGED, "f1_50")
_LIMITS = np.array([1, 10, 100, 2**31 - 1])
"""Most predictions an image for recalls; the last keeps all, for average precision."""
_NUMBERS = ("samples", "unscored", "capped", "truth_drawn", "predicted_drawn")


class InstanceMetrics:
    """AP of a data set: update with each sample, merge workers, ask for the result.

    Args:
        taxonomy: of the labels; objects of void categories are no objects.
        rules: what the convention says.
    """

    def __init__(self, taxonomy: Taxonomy, rules: InstanceRules = MASKLOOM_RULES) -> None:
        self.taxonomy, self.rules = taxonomy, rules
        self.columns: list[PredictionColumns] = []
        self.positives = np.zeros((len(AREAS_PX), len(taxonomy)), np.int64)
        self.each = SampleValues(tuple(AREAS_PX))
        self.predictions = np.zeros(len(taxonomy), np.int64)
        self.samples = self.unscored = self.capped = 0
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
            truth: its objects; rows that are not masks are left out, rows of one instance id
                and category are one object.
            predicted: likewise, in the same frame; a row without a score counts as 1.0.
            order: place of the sample among equal scores; by default the order of updates.
            ignore: one row, the part of the frame that was not labelled.
            unlabelled: positions of categories that the truth does not list exhaustively here.

        Returns:
            f1_50 (None where there is no object on either side), truth_objects,
            predicted_objects: of this sample alone.
        """
        t = truth_objects(truth, self.taxonomy, self.rules, ignore=ignore, unlabelled=unlabelled)
        p, rank, unscored = predicted_objects(
            predicted, self.taxonomy, self.rules, unlabelled=unlabelled
        )
        low, high = np.array(list(AREAS_PX.values())).T[:, :, None]
        ignored = t.crowd | (t.area < low) | (t.area > high)
        outside = (p.area < low) | (p.area > high)
        pairs = matching.candidates(p.columns(), t.columns(), t.crowd)
        hit, drop = matching.match(pairs, t.crowd, ignored, outside, LEVELS)
        order = self.samples if order is None else order
        place = np.full(len(p), order, np.int64)
        self.columns.append(PredictionColumns(place, p.category, rank, p.score, hit, drop))
        k = len(self.taxonomy)
        positives = np.stack([np.bincount(t.category[~one], minlength=k) for one in ignored])
        self.positives += positives
        there = np.flatnonzero(positives.any(axis=0))
        self.each.extend(order, there, positives[:, there].T)
        objects = np.bincount(t.category[~t.crowd], minlength=k)
        most = self.rules.max_detections
        self.capped += int(most is not None and objects.max(initial=0) > most)
        self.predictions += np.bincount(p.category, minlength=k)
        self.samples += 1
        self.unscored += unscored
        self.truth_drawn += drawn_only(truth, self.taxonomy)
        self.predicted_drawn += drawn_only(predicted, self.taxonomy)
        return {
            "f1_50": _f1(hit, drop, int(objects.sum())),
            "truth_objects": int(objects.sum()),
            "predicted_objects": len(p),
        }

    def merge(self, other: InstanceMetrics) -> None:
        """Add what another worker matched; each sample needs its own `order`."""
        self.columns.extend(other.columns)
        self.positives += other.positives
        self.each.merge(other.each)
        self.predictions += other.predictions
        self.truth_drawn += other.truth_drawn
        self.predicted_drawn += other.predicted_drawn
        self.samples += other.samples
        self.unscored += other.unscored
        self.capped += other.capped

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
        self.columns = [PredictionColumns(**columns)]  # type: ignore[arg-type]

    def resampled(
        self, weights: NDArray[np.int64], orders: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """Scores of resamples; see `SampleValues.totals`."""
        positives = self.each.totals(weights, orders, len(self.taxonomy))
        table = PredictionColumns.join(self.columns).ranked()
        return instance_resamples(table, positives, weights, orders, self.taxonomy.scored)

    def result(self) -> Scores:
        """AP over everything matched so far.

        Source: Lin et al. 2014 (COCO) and pycocotools 2.0.11 `COCOeval`, iouType segm: IoU
        levels 0.50:0.05:0.95, 101 recalls, classes without an object left out of the mean.
        """
        table = PredictionColumns.join(self.columns).ranked()
        scores = {k: self._class_scores(table, k) for k in self.taxonomy.scored}
        metrics: dict[str, Score] = {
            name: mean([row[name] for row in scores.values()]) for name in _AVERAGED
        }
        objects = int(self.positives[0].sum())
        metrics["f1_50"] = _f1(table.hit, table.drop, objects)
        why = "the truth holds no such object" if objects else "the truth holds no object"
        reasons = {name: why for name, value in metrics.items() if value is None}
        per_class = {self.taxonomy[k].key: self._class_row(k, scores[k]) for k in scores}
        return Scores(metrics, reasons, per_class, self._notes())

    def _class_scores(self, table: PredictionColumns, k: int) -> dict[str, Score]:
        first, last = np.searchsorted(table.category, [k, k + 1])
        hit, drop, rank = table.hit[first:last], table.drop[first:last], table.rank[first:last]
        if not self.positives[0, k]:
            return dict.fromkeys(INSTANCE_METRICS)
        precision, recall, _ = curves(
            (hit, drop, rank.astype(np.int32), table.score[first:last]),
            np.ascontiguousarray(self.positives[:, k]),
            _LIMITS,
            RECALLS,
            levels=len(LEVELS),
            epsilon=0.0,
        )
        out: dict[str, Score] = {}
        for a, area in enumerate(AREAS_PX):
            found = precision[:, :, a, -1].mean(axis=1).tolist() if self.positives[a, k] else []
            out["ap" if area == "all" else f"ap_{area}"] = mean(found)
            if area == "all":
                out["ap50"], out["ap75"] = found[0], found[5]
        for m, most in enumerate(_LIMITS[:-1].tolist()):
            out[f"ar{most}"] = mean(recall[:, 0, m].tolist())
        out["f1_50"] = _f1(hit, drop, int(self.positives[0, k]))
        return out

    def _class_row(self, k: int, scores: Mapping[str, Score]) -> dict[str, Any]:
        category, objects = self.taxonomy[k], int(self.positives[0, k])
        row: dict[str, Any] = {
            "name": category.name,
            "kind": category.kind,
            **scores,
            "truth_objects": objects,
            "predicted_objects": int(self.predictions[k]),
        }
        if not objects:
            row["reason"] = "no object in the truth: left out of the means"
        return row

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self.truth_drawn:
            notes.append(
                f"{self.truth_drawn} boxes or other drawings of the truth have no mask and are no "
                "objects to find"
            )
        if self.predicted_drawn:
            notes.append(
                f"{self.predicted_drawn} predicted boxes or other drawings have no mask and are "
                "not scored"
            )
        if self.capped:
            notes.append(
                f"{self.capped} images hold more than {self.rules.max_detections} objects of one "
                "class, the limit on predictions: AP is capped there"
            )
        if self.unscored:
            notes.append(
                f"{self.unscored} predictions have no score and count as 1.0; among equal scores "
                "the order of rows decides, so AP is that of one operating point"
            )
        return tuple(notes)


def _f1(hit: NDArray[np.uint16], drop: NDArray[np.uint16], objects: int) -> Score:
    """2 tp / (predictions + objects) at IoU 0.5 over all sizes, ignored predictions left out."""
    counts = (drop[:, 0] & 1) == 0
    total = int(counts.sum()) + objects
    return 2 * int((hit[counts, 0] & 1).sum()) / total if total else None
