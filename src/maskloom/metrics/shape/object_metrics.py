"""The family of objects without confidence: F1 at thresholds, AJI, and errors of counting.

What is counted is in `objects.py`, `aji.py` and `counts.py`. Average precision, for predictions
with scores, is `metrics/objects/family.py`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import UsageError
from maskloom.metrics.objects.notes import drawn_notes
from maskloom.metrics.objects.sides import drawn_only
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import Scores, mean, mean_over, quotient
from maskloom.metrics.shape.aji import aggregated_jaccard
from maskloom.metrics.shape.counts import errors_of
from maskloom.metrics.shape.joint import joint_ids
from maskloom.metrics.shape.kept import Kept, State, named_row
from maskloom.metrics.shape.objects import (
    MATCH_SCORES,
    OBJECT_RULES,
    Matched,
    ObjectRules,
    level_names,
    match_scores,
    matched_at,
)
from maskloom.metrics.shape.pairs import ObjectPairs, object_pairs
from maskloom.metrics.shape.row_pairs import row_pairs

Columns = Mapping[str, list[Score]]
_INDEXES = ("aji", "aji_plus")
COUNT_METRICS = (
    "count_error",
    "count_rmse",
    "count_bias",
    "count_error_matched",
    "count_rmse_matched",
)


class ObjectShapeMetrics:
    """Objects of a data set; a sample counts for a class that has an object on either side.

    Over the data set, `aji`, `aji_plus` and the errors of counting are means over samples, then
    over classes. Scores at thresholds come from counts summed over samples, and over classes too
    for the whole; where the rules say by image, they are means over samples and classes.

    Args:
        taxonomy: of the labels; objects of void categories are no objects.
        rules: of the convention.
    """

    def __init__(self, taxonomy: Taxonomy, rules: ObjectRules = OBJECT_RULES["maskloom"]) -> None:
        self.taxonomy, self.rules = taxonomy, rules
        self.named = level_names(rules.levels)
        names = [f"{count}_{n}" for n in self.named.values() for count in ("tp", "fp", "fn", "iou")]
        self.metrics = (
            *_INDEXES,
            *(f"{score}_{n}" for n in self.named.values() for score in MATCH_SCORES),
            *COUNT_METRICS,
        )
        columns = (*_INDEXES, "truth_objects", "predicted_objects", *names)
        self.kept = Kept(columns, len(taxonomy), ("truth_drawn", "predicted_drawn"))

    def update(
        self,
        truth: Rows,
        predicted: Rows,
        *,
        order: int | None = None,
        ignore: Masks | None = None,
        unlabelled: Collection[int] = (),
    ) -> dict[str, Score]:
        """Match the rows of one sample, class by class; masks may overlap.

        Args:
            truth: see `row_pairs.row_pairs` for what is an object and what is not judged.
            predicted: likewise, in the same frame.
            order: place of the sample; by default the order of updates.
            ignore: one row, the part of the frame that was not labelled.
            unlabelled: positions of categories that the truth does not list exhaustively here.

        Returns:
            aji, aji_plus, count_error (means over the classes of this sample), f1 at each
            threshold, truth_objects, predicted_objects.
        """
        found = row_pairs(truth, predicted, self.taxonomy, ignore=ignore, unlabelled=unlabelled)
        self.kept.counters["truth_drawn"] += drawn_only(truth, self.taxonomy)
        self.kept.counters["predicted_drawn"] += drawn_only(predicted, self.taxonomy)
        return self._add(found, order)

    def update_maps(
        self,
        truth: NDArray[Any],
        predicted: NDArray[Any],
        *,
        order: int | None = None,
        category: int | None = None,
        void: int | None = None,
    ) -> dict[str, Score]:
        """Match the objects of two id maps of one class.

        Args:
            truth: (H, W) or (D, H, W) of any integer dtype; every id but 0 is an object.
            predicted: the same shape.
            order: place of the sample; by default the order of updates.
            category: position of the class; may be left out where only one is scored.
            void: true id of pixels that are not judged.

        Returns:
            as `update`.

        Raises:
            UsageError: it does not say which of several classes the objects are of.
            DataError: shapes differ, or values are no whole numbers.
        """
        if category is None:
            if len(self.taxonomy.scored) != 1:
                raise UsageError(
                    "an id map holds objects of one class, and the taxonomy has several",
                    seen=len(self.taxonomy.scored),
                    hint="name the class with category=",
                )
            category = self.taxonomy.scored[0]
        pairs = object_pairs(joint_ids(truth, predicted), void=void)
        counts = len(pairs.truth_areas) > 0 or not pairs.excused.all()
        # Where the rules give nothing against nothing a number, such a sample counts too.
        counts |= self.rules.undefined is not None
        return self._add({category: pairs} if counts else {}, order)

    def _add(self, found: Mapping[int, ObjectPairs], order: int | None) -> dict[str, Score]:
        place = self.kept.begin(order)
        rows = [self._sample_row(pairs) for pairs in found.values()]
        for k, row in zip(found, rows, strict=True):
            self.kept.values.add(place, k, row)
        columns = {name: [row[name] for row in rows] for name in self.kept.values.names}
        scores = self._scores(columns)
        own = (*_INDEXES, *(f"f1_{n}" for n in self.named.values()), "count_error")
        objects = {
            n: sum(v or 0 for v in columns[n]) for n in ("truth_objects", "predicted_objects")
        }
        return {**{name: scores[name] for name in own}, **objects}

    def _sample_row(self, pairs: ObjectPairs) -> dict[str, Score]:
        row: dict[str, Score] = {
            "aji": aggregated_jaccard(pairs, self.rules.aji),
            "aji_plus": aggregated_jaccard(pairs, self.rules.aji_plus),
            "truth_objects": len(pairs.truth_areas),
            "predicted_objects": int((~pairs.excused).sum()),
        }
        for level, n in self.named.items():
            at = matched_at(pairs, level, single_precision=self.rules.single_precision)
            row |= {f"tp_{n}": at.tp, f"fp_{n}": at.fp, f"fn_{n}": at.fn, f"iou_{n}": at.iou}
        return row

    def merge(self, other: ObjectShapeMetrics) -> None:
        """Add what another worker matched by the same rules; each sample needs its own `order`."""
        self.kept.merge(other.kept)

    def resampled(
        self, weights: NDArray[np.int64], orders: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """Scores of resamples; see `SampleValues.totals`."""
        own, categories, values = self.kept.values.table()
        named = dict(zip(self.kept.values.names, values.T, strict=True))
        off = named["predicted_objects"] - named["truth_objects"]
        columns = {
            "aji": named["aji"],
            "aji_plus": named["aji_plus"],
            "count_error": np.abs(off),
            "count_bias": off,
        }
        stacked = np.stack(list(columns.values()), axis=1)
        each = SampleValues.of(tuple(columns), own, categories, stacked)
        found = mean_over(each.means(weights, orders, len(self.taxonomy)), axis=1)
        out = dict(zip(columns, found.T, strict=True))
        return {**out, "object_accuracy_50": self._accuracies(weights, orders, named)}

    def _accuracies(
        self,
        weights: NDArray[np.int64],
        orders: NDArray[np.int64],
        named: Mapping[str, NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        """Tp / (tp + fp + fn) at 0.5: of sums, or of means where the rules say by image."""
        own, nothing = self.kept.values.table()[0], np.zeros(len(named["aji"]), np.int64)
        hit = named["tp_50"]
        counts = np.stack([hit, hit + named["fp_50"] + named["fn_50"]], axis=1)
        if self.rules.by_image:
            share = quotient(counts[:, 0], counts[:, 1])
            if self.rules.undefined is not None:
                share = np.where(np.isnan(share), self.rules.undefined, share)
            each = SampleValues.of(("own",), own, nothing, share[:, None])
            return each.means(weights, orders, 1)[:, 0, 0]
        sums = SampleValues.of(("hit", "all"), own, nothing, counts).totals(weights, orders, 1)
        return quotient(sums[:, 0, 0], sums[:, 0, 1])

    def state(self) -> State:
        """Everything kept, as arrays."""
        return self.kept.state()

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: it is not of this family, these rules or this taxonomy.
        """
        self.kept.load(state)

    def result(self) -> Scores:
        """Scores over everything matched so far."""
        rows = {self.taxonomy[k].key: self._class_row(k) for k in self.taxonomy.scored}
        metrics = self._scores(self.kept.columns())
        for name in (*_INDEXES, *COUNT_METRICS):
            metrics[name] = mean([row[name] for row in rows.values()])
        nothing = all(not row["samples"] for row in rows.values())
        why = "no object on either side" if nothing else "no such object: the divisor is 0"
        reasons = {name: why for name, value in metrics.items() if value is None}
        return Scores(metrics, reasons, rows, self._notes())

    def _class_row(self, k: int) -> dict[str, Any]:
        columns = self.kept.columns(k)
        row = named_row(self.taxonomy, k, self._scores(columns))
        row |= {n: _sum(columns[n]) for n in ("truth_objects", "predicted_objects")}
        row["samples"] = len(columns["aji"])
        if not row["samples"]:
            row["reason"] = "no object on either side"
        return row

    def _scores(self, columns: Columns) -> dict[str, Score]:
        """All scores of some rows of samples and classes."""
        out: dict[str, Score] = {name: mean(columns[name]) for name in _INDEXES}
        for n in self.named.values():
            sides = (columns[f"{count}_{n}"] for count in ("tp", "fp", "fn", "iou"))
            found = [_matched(row) for row in zip(*sides, strict=True)]
            if self.rules.by_image:
                each = [match_scores(one, self.rules.undefined) for one in found]
                both = {name: mean([one[name] for one in each]) for name in MATCH_SCORES}
            else:
                both = match_scores(_together(found), self.rules.undefined)
            out |= {f"{name}_{n}": value for name, value in both.items()}
        first = next(iter(self.named.values()))
        t, p, fp, fn = (
            [value or 0.0 for value in columns[name]]
            for name in ("truth_objects", "predicted_objects", f"fp_{first}", f"fn_{first}")
        )
        raw = errors_of([b - a for a, b in zip(t, p, strict=True)])
        matched = errors_of([a + b for a, b in zip(fp, fn, strict=True)])
        errors = (raw.mae, raw.rmse, raw.bias, matched.mae, matched.rmse)
        return {**out, **dict(zip(COUNT_METRICS, errors, strict=True))}

    def _notes(self) -> tuple[str, ...]:
        counters = self.kept.counters
        return drawn_notes(counters["truth_drawn"], counters["predicted_drawn"])


def _matched(row: tuple[Score, ...]) -> Matched:
    tp, fp, fn, iou = (value or 0.0 for value in row)
    return Matched(int(tp), int(fp), int(fn), iou)


def _together(found: list[Matched]) -> Matched:
    return Matched(
        sum(one.tp for one in found),
        sum(one.fp for one in found),
        sum(one.fn for one in found),
        math.fsum(one.iou for one in found),
    )


def _sum(column: list[Score]) -> int:
    return int(sum(value or 0 for value in column))
