"""Errors of objects over a data set: kinds and what they cost, pieces, and sizes.

What is kept are columns of predictions and of objects, and whole numbers of each category; what
is said of them is `object_tables.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints
from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.errors.columns import OBJECTS, PREDICTIONS, Column, Columns
from maskloom.metrics.errors.fixes import Costs, costs
from maskloom.metrics.errors.kinds import judged
from maskloom.metrics.errors.object_tables import ClassCounts, object_tables
from maskloom.metrics.errors.pairs import pairs_of
from maskloom.metrics.errors.pieces import pieces_of
from maskloom.metrics.errors.sizes import size_table
from maskloom.metrics.objects.sides import (
    MASKLOOM_RULES,
    InstanceRules,
    predicted_objects,
    truth_objects,
)
from maskloom.metrics.scores import Scores
from maskloom.metrics.state import fill

_COUNTS = ("missed", "split", "merged", "joined")


class ObjectErrors:
    """Where the errors of objects are: update with each sample, merge workers, ask for tables.

    Args:
        taxonomy: of the labels; objects of void categories are no objects.
        rules: of the convention, those of average precision.
    """

    def __init__(self, taxonomy: Taxonomy, rules: InstanceRules = MASKLOOM_RULES) -> None:
        self.taxonomy, self.rules = taxonomy, rules
        self.predictions, self.objects = Columns(PREDICTIONS), Columns(OBJECTS)
        self.counts = np.zeros((len(_COUNTS), len(taxonomy)), np.int64)
        self.samples = 0

    def update(
        self,
        truth: Rows,
        predicted: Rows,
        *,
        order: int | None = None,
        ignore: Masks | None = None,
        unlabelled: Collection[int] = (),
    ) -> dict[str, Score]:
        """Judge one sample; the arguments are those of `InstanceMetrics.update`.

        Returns:
            nothing: an image has errors, but no score of them.
        """
        t = truth_objects(truth, self.taxonomy, self.rules, ignore=ignore, unlabelled=unlabelled)
        told = frozenset(t.category.tolist())
        p, _, _ = predicted_objects(
            predicted, self.taxonomy, self.rules, unlabelled=unlabelled, told=told
        )
        pairs = pairs_of(p, t)
        unsure = list(unlabelled) if self.rules.partial else []
        one = judged(pairs, p, t, np.isin(p.category, unsure))
        found = pieces_of(pairs, p, t, one.counts)
        # An index of -1 is the category behind the last.
        gains = np.append(t.category, np.int32(-1))[one.gains]
        kept, real = one.counts, ~t.crowd
        place = np.full(len(p), self.samples if order is None else order, np.int64)
        columns: tuple[Column, ...] = (place, one.rank, p.score, p.category, one.kind, gains)
        self.predictions.add(
            {name: column[kept] for name, column in zip(PREDICTIONS, columns, strict=True)}
        )
        sides: tuple[Column, ...] = (t.category, t.area, one.iou, one.fine)
        self.objects.add({name: column[real] for name, column in zip(OBJECTS, sides, strict=True)})
        of = (t.category[one.missed], t.category[found.split])
        of_both = (*of, p.category[found.merged], t.category[found.joined])
        k = len(self.taxonomy)
        self.counts += np.stack([np.bincount(category, minlength=k) for category in of_both])
        self.samples += 1
        return {}

    def merge(self, other: ObjectErrors) -> None:
        """Add what another worker judged; each sample needs its own `order`."""
        self.predictions.merge(other.predictions)
        self.objects.merge(other.objects)
        self.counts += other.counts
        self.samples += other.samples

    def resampled(
        self,
        weights: NDArray[np.int64],  # noqa: ARG002 - tables have no interval
        orders: NDArray[np.int64],  # noqa: ARG002 - as above
    ) -> dict[str, NDArray[np.float64]]:
        """Nothing: there is no score."""
        return {}

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What was judged, as arrays."""
        return {
            **self.predictions.state("prediction."),
            **self.objects.state("object."),
            "counts": self.counts,
            "samples": np.array([self.samples], np.int64),
        }

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: it is of another taxonomy, or columns differ in length.
        """
        fill(self.counts, state, "counts")
        samples = np.zeros(1, np.int64)
        fill(samples, state, "samples")
        self.predictions.load(state, "prediction.")
        self.objects.load(state, "object.")
        self.samples = int(samples[0])

    def result(self) -> Scores:
        """Tables over everything judged so far, and no scores."""
        if not self.samples:
            return Scores({})
        rows: Mapping[str, Any] = self.predictions.table()
        total, found = self._objects()
        beside = dict(zip(_COUNTS, self.counts, strict=True))
        counts = ClassCounts(rows["category"], rows["kind"], total, found, beside)
        tables = object_tables(self.taxonomy, counts, self.costs(), rules=self.rules)
        return Scores({}, breakdowns={**tables, "object_sizes": size_table(self.objects.table())})

    def costs(self) -> Costs:
        """What each kind of error costs in AP at IoU 0.5."""
        total, found = self._objects()
        rows = self.predictions.table()
        return costs(rows, total, self.counts[0], total - found, self.taxonomy.scored)

    def _objects(self) -> tuple[Ints, Ints]:
        """(K,) true objects of each category, and those found."""
        objects: Mapping[str, Any] = self.objects.table()
        of = objects["category"], objects["category"][objects["iou"] > 0]
        total, found = (np.bincount(one, minlength=len(self.taxonomy)) for one in of)
        return total, found
