"""The family of clusterings: VI and the Rand score of each sample, and their means.

What the scores are is `clusters.py`. A clustering knows no classes, so there is nothing per class.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.contingency import columns_of
from maskloom.metrics.panoptic.segments import VOID_SEGMENT, exclusive_columns, segment_rows
from maskloom.metrics.scores import Scores, mean
from maskloom.metrics.shape.clusters import (
    CLUSTER_RULES,
    RAND_SCORES,
    VI_SCORES,
    ClusterRules,
    adapted_rand,
    variation_of_information,
)
from maskloom.metrics.shape.joint import JointCounts, joint_ids, joint_masks
from maskloom.metrics.shape.kept import Kept, State

CLUSTER_METRICS = (*VI_SCORES, *RAND_SCORES)
_NO_PIXEL = "no sample has a pixel that counts"
_NO_PAIR = "no sample has two pixels that count in one segment"


class ClusterMetrics:
    """VI and Rand of a data set: means over the samples where they are defined.

    Args:
        taxonomy: of rows; says what is void, and that stuff is one segment each.
        rules: of the convention.
    """

    def __init__(self, taxonomy: Taxonomy, rules: ClusterRules = CLUSTER_RULES["maskloom"]) -> None:
        self.taxonomy, self.rules = taxonomy, rules
        self.kept = Kept(CLUSTER_METRICS, 1)

    def update_maps(
        self,
        truth: NDArray[Any],
        predicted: NDArray[Any],
        *,
        order: int | None = None,
        void: int | None = None,
    ) -> dict[str, Score]:
        """Score two id maps.

        Args:
            truth: (H, W) or (D, H, W) of any integer dtype; 0 is background.
            predicted: the same shape.
            order: place of the sample; by default the order of updates.
            void: true id whose pixels count nowhere.

        Returns:
            this sample's own scores, `CLUSTER_METRICS`.

        Raises:
            DataError: shapes differ, or values are no whole numbers.
        """
        unjudged = () if void is None else (void,)
        return self._add(joint_ids(truth, predicted).without(unjudged), order)

    def update(
        self,
        truth: Rows,
        predicted: Rows,
        *,
        size: Sequence[int],
        order: int | None = None,
        ignore: Masks | None = None,
        unlabelled: Collection[int] = (),
        where: str = "",
    ) -> dict[str, Score]:
        """Score rows of masks, without decoding: each panoptic segment is a cluster.

        Void and crowd regions count nowhere. Where categories were not looked for, neither do
        pixels that no true segment claims.

        Args:
            truth: rows that do not overlap; see `segments.segment_rows` for what is a segment.
            predicted: likewise, in the same frame.
            size: of the frame, which rows alone do not tell where there are none.
            order: place of the sample; by default the order of updates.
            ignore: one row, the part of the frame that was not labelled.
            unlabelled: positions of categories that the truth does not list exhaustively here.
            where: the sample, for errors.

        Raises:
            DataError: two segments of one side claim the same pixels, or frames differ.
        """
        t = segment_rows(truth, self.taxonomy, unlabelled=unlabelled)
        p = segment_rows(predicted, self.taxonomy, unlabelled=unlabelled, void=False)
        frame = tuple(int(side) for side in size)
        for rows, side in ((t, "truth"), (p, "prediction")):
            if len(rows) and tuple(rows.masks.sizes[0].tolist()) != frame:
                seen = f"{rows.masks.sizes[0].tolist()}, frame {frame}"
                raise DataError(f"masks of the {side} have another frame", where=where, seen=seen)
        columns = exclusive_columns(t, self.taxonomy, side="truth", where=where)
        guessed = exclusive_columns(p, self.taxonomy, side="prediction", where=where)
        unjudged = [0] if unlabelled else []
        unjudged += (np.flatnonzero((t.category == VOID_SEGMENT) | t.crowd) + 1).tolist()
        n = len(t)
        if ignore is not None and len(ignore):
            free = ignore.difference(t.masks.merge()) if n else ignore
            columns, n = columns_of(Masks.concatenate([t.masks, free])), n + 1
            unjudged.append(n)
        table = joint_masks(columns, guessed, n, len(p), frame_px=int(np.prod(frame)))
        return self._add(table.without(unjudged), order)

    def _add(self, table: JointCounts, order: int | None) -> dict[str, Score]:
        rules = self.rules
        scores = {
            **variation_of_information(table.without(rules.vi_ignore), base=rules.base),
            **adapted_rand(
                table.without(rules.rand_ignore), alpha=rules.alpha, exchanged=rules.exchanged
            ),
        }
        self.kept.values.add(self.kept.begin(order), 0, scores)
        return scores

    def merge(self, other: ClusterMetrics) -> None:
        """Add what another worker scored; each sample needs its own `order`."""
        self.kept.merge(other.kept)

    def resampled(
        self, weights: NDArray[np.int64], orders: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """Scores of resamples; see `SampleValues.totals`."""
        own = self.kept.values.means(weights, orders, 1)[:, 0]
        return dict(zip(CLUSTER_METRICS, own.T, strict=True))

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
        """Means over samples; a sample without a value is left out of them and counted."""
        columns = self.kept.columns()
        metrics: dict[str, Score] = {name: mean(columns[name]) for name in CLUSTER_METRICS}
        reasons = {
            name: _NO_PIXEL if name in VI_SCORES else _NO_PAIR
            for name, value in metrics.items()
            if value is None
        }
        blank = {name: columns[name].count(None) for name in ("vi", "rand_f")}
        notes = tuple(
            f"{n} of {self.kept.counters['samples']} samples have no {name} and are left out: {why}"
            for (name, n), why in zip(
                blank.items(), ("no pixel counts", "no pair of pixels counts"), strict=True
            )
            if n
        )
        return Scores(metrics, reasons, {}, notes)
