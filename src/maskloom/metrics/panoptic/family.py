"""Panoptic quality: how many segments were found, and how well they or their outlines fit.

Sums over samples are exact, so that any order and any number of workers gives the same bits.
What a segment is, is `segments.py`; which ones match, `matching.py`; pixel scores are
`pixels.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.outcome import counted
from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.boundary.segment_bands import banded
from maskloom.metrics.objects.sides import drawn_only
from maskloom.metrics.panoptic.matching import (
    Matches,
    SegmentCounts,
    SegmentPairs,
    count_segments,
    matches_of,
)
from maskloom.metrics.panoptic.pairs import (
    MapSegments,
    Unjudged,
    map_rows,
    pairs_of_maps,
    pairs_of_rows,
)
from maskloom.metrics.panoptic.segments import VOID_SEGMENT, Kinds, joined_stuff, segment_rows
from maskloom.metrics.resampled import segment_resamples
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import Scores
from maskloom.metrics.state import fill, numbers

_QUALITIES = ("pq", "sq", "rq")
_COUNTS = ("tp", "fp", "fn")
_NUMBERS = ("samples", "truth_drawn", "predicted_drawn", "crowded", "joined")
_HALF = 2**62
PANOPTIC_METRICS = tuple(f"{q}{of}" for of in ("", "_things", "_stuff") for q in _QUALITIES)
BOUNDARY_PANOPTIC_METRICS = tuple(f"boundary_{name}" for name in PANOPTIC_METRICS)
BAND = 0.02
"""Width of the bands of Boundary PQ in its paper, as a share of the frame's diagonal."""


class PanopticMetrics:
    """PQ of a data set: update with each sample, merge workers, ask for the result.

    Args:
        taxonomy: of the labels; says what is thing, stuff and void.
        band: width of bands, as a share of the frame's diagonal, for Boundary PQ; None for PQ.
    """

    def __init__(self, taxonomy: Taxonomy, *, band: float | None = None) -> None:
        self.taxonomy, self.band, self._kinds = taxonomy, band, Kinds.of(taxonomy)
        self._scored = taxonomy.scored
        self.named = PANOPTIC_METRICS if band is None else BOUNDARY_PANOPTIC_METRICS
        self.counts = SegmentCounts.zero(len(taxonomy))
        self.each = SampleValues((*_COUNTS, "iou"))
        self.samples = self.truth_drawn = self.predicted_drawn = self.crowded = self.joined = 0

    def update(
        self,
        truth: Rows,
        predicted: Rows,
        *,
        ignore: Masks | None = None,
        unlabelled: Collection[int] = (),
        where: str = "",
        order: int | None = None,
    ) -> dict[str, Score]:
        """Match one sample.

        Args:
            truth: rows that do not overlap; see `segments.segment_rows` for what is one segment.
            predicted: likewise, in the same frame; void rows and crowd flags mean nothing.
            ignore: one row, the part of the frame that was not labelled.
            unlabelled: positions of categories that the truth does not list exhaustively here;
                such segments are not counted, and unclaimed pixels are void.
            where: the sample, for errors.
            order: place of the sample; by default the order of updates.

        Returns:
            pq, sq, rq (None where there is no segment), tp, fp, fn: of this sample alone.

        Raises:
            DataError: two segments of one side claim the same pixels.
        """
        t = segment_rows(truth, self.taxonomy, unlabelled=unlabelled)
        p = segment_rows(predicted, self.taxonomy, unlabelled=unlabelled, void=False)
        p = p if (p.masks.areas > 0).all() else p.take(p.masks.areas > 0)
        unjudged = Unjudged(ignore, everything=bool(unlabelled))
        pairs = pairs_of_rows(t, p, self.taxonomy, unjudged=unjudged, where=where)
        matches = matches_of(pairs)
        if self.band is not None:
            matches = banded(pairs, matches, (t, p), unjudged, self.band)
        for rows in (truth, predicted):
            own = rows.take(rows.kind == RowKind.MASK)
            self.joined += joined_stuff(own.category, own.instance, own.crowd, self._kinds)
        self.truth_drawn += drawn_only(truth, self.taxonomy)
        self.predicted_drawn += drawn_only(predicted, self.taxonomy)
        return self._add(pairs, matches, order)

    def update_maps(
        self,
        maps: tuple[NDArray[Any], NDArray[Any]],
        segments: tuple[MapSegments, MapSegments],
        *,
        void: int | None = 0,
        where: str = "",
        order: int | None = None,
    ) -> dict[str, Score]:
        """Match one sample of two id maps; the same numbers as of their rows.

        Args:
            maps: (H, W) ids of truth and prediction, of any integer dtype; 0 is no segment.
            segments: what the ids of each are; those that a map lacks are missed in the truth,
                and none in the prediction.
            void: true id of pixels that are not judged; None where all are.
            where: the sample, for errors.
            order: place of the sample; by default the order of updates.

        Returns:
            as `update`.

        Raises:
            DataError: shapes differ, values are no whole numbers, a map has an id that its
                segments do not list, or `void` is a segment of the truth.

        >>> import numpy as np
        >>> cat, metric = MapSegments.make([7], [0]), PanopticMetrics(Taxonomy.from_names(["cat"]))
        >>> maps = np.array([[7, 7, 7, 0]]), np.array([[7, 7, 0, 7]])
        >>> metric.update_maps(maps, (cat, cat))["pq"]
        0.6666666666666666
        """
        pairs = pairs_of_maps(maps, segments, self._kinds, void=void, where=where)
        if self.band is not None:
            truth, predicted = (map_rows(*side) for side in zip(maps, segments, strict=True))
            ignore = None if void is None else Masks.from_dense(maps[0] == void)
            return self.update(truth, predicted, ignore=ignore, where=where, order=order)
        for own in segments:
            self.joined += joined_stuff(own.category, own.ids, own.crowd, self._kinds)
        return self._add(pairs, matches_of(pairs), order)

    def _add(self, pairs: SegmentPairs, matches: Matches, order: int | None) -> dict[str, Score]:
        counts = count_segments(pairs, matches, len(self.taxonomy))
        self.counts.add(counts)
        self.each.extend(self.samples if order is None else order, *counts.rows())
        self.samples += 1
        t = pairs.truth
        crowds = t.crowd & (t.category != VOID_SEGMENT)
        self.crowded += int(crowds.sum() > len(t.last_crowds()))
        means = counts.means(self._scored)
        sums = {name: int(getattr(counts, name).sum()) for name in _COUNTS}
        return {**dict(zip(self.named[:3], means, strict=True)), **sums}

    def merge(self, other: PanopticMetrics) -> None:
        """Add what another worker matched under the same taxonomy."""
        self.counts.add(other.counts)
        self.each.merge(other.each)
        self.samples += other.samples
        self.truth_drawn += other.truth_drawn
        self.predicted_drawn += other.predicted_drawn
        self.crowded += other.crowded
        self.joined += other.joined

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What was matched, as arrays; sums of IoU, which pass 64 bit, in two parts."""
        counts = self.counts
        return {
            **{name: getattr(counts, name) for name in _COUNTS},
            "iou": np.array([divmod(value, _HALF) for value in counts.iou], np.int64).reshape(
                -1, 2
            ),
            "numbers": np.array([getattr(self, name) for name in _NUMBERS], np.int64),
            **{f"each.{name}": array for name, array in self.each.state().items()},
        }

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: it is of another taxonomy.
        """
        for name in _COUNTS:
            fill(getattr(self.counts, name), state, name)
        halves = np.zeros((len(self.counts.iou), 2), np.int64)
        fill(halves, state, "iou")
        self.counts.iou = [high * _HALF + low for high, low in halves.tolist()]
        for name, value in zip(_NUMBERS, numbers(state, "numbers", len(_NUMBERS)), strict=True):
            setattr(self, name, value)
        self.each.load({name: state[f"each.{name}"] for name in self.each.state()})

    def resampled(
        self, weights: NDArray[np.int64], orders: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """Scores of resamples; see `SampleValues.totals`."""
        totals = self.each.totals(weights, orders, len(self.taxonomy))
        values = segment_resamples(totals, self._groups()).values()
        return dict(zip(self.named, values, strict=True))

    def result(self) -> Scores:
        """PQ over everything matched so far.

        Source: Kirillov et al. 2019 ("Panoptic Segmentation"), section 4; panopticapi
        `pq_compute_single_core`. Cheng et al. 2021 ("Boundary IoU") for Boundary PQ.
        """
        metrics: dict[str, Score] = {}
        reasons: dict[str, str] = {}
        for i, (of, positions) in enumerate(self._groups().items()):
            named = self.named[3 * i : 3 * i + 3]
            metrics |= dict(zip(named, self.counts.means(positions), strict=True))
            if metrics[named[0]] is None:
                what = f"{of[1:]} category" if of else "category"
                why = "has a segment on either side" if positions else "is in the taxonomy"
                reasons |= dict.fromkeys(named, f"no {what} {why}")
        per_class = {self.taxonomy[k].key: self._class_row(k) for k in self.taxonomy.scored}
        return Scores(metrics, reasons, per_class, self._notes())

    def _groups(self) -> dict[str, list[int]]:
        """What is appended to a score's name → the categories that it is of."""
        scored = list(self.taxonomy.scored)
        return {
            "": scored,
            "_things": [k for k in scored if self.taxonomy[k].kind == "thing"],
            "_stuff": [k for k in scored if self.taxonomy[k].kind == "stuff"],
        }

    def _class_row(self, k: int) -> dict[str, Any]:
        category, found = self.taxonomy[k], self.counts.qualities(k)
        row: dict[str, Any] = {
            "name": category.name,
            "kind": category.kind,
            **dict(zip(self.named[:3], found or (None,) * 3, strict=True)),
            **{name: int(getattr(self.counts, name)[k]) for name in _COUNTS},
        }
        return row if found else {**row, "reason": "no segment on either side"}

    def _notes(self) -> tuple[str, ...]:
        notes = []
        for n, side in ((self.truth_drawn, "of the truth"), (self.predicted_drawn, "predicted")):
            if n:
                notes.append(f"{n} boxes or other drawings {side} have no mask: no segments")
        if self.crowded:
            notes.append(
                f"{self.crowded} images hold several crowd regions of one class: only the last of "
                "them excuses extra segments, as panopticapi has it"
            )
        if self.joined:
            notes.append(
                f"{counted(self.joined, 'segment')} of stuff joined with others of the same class "
                "and image: stuff is one segment each; panopticapi would score them apart"
            )
        return tuple(notes)
