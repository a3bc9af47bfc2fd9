"""One sample of both sides, in every form that a family of metrics asks for; each is made once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Coverage, Labels, Rows
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.contingency import columns_of, overlap_in
from maskloom.metrics.judging.align import Comparison, Pair
from maskloom.metrics.judging.frames import place_of

_BothMaps = tuple[NDArray[Any], NDArray[Any]]
_BothRows = tuple[Rows, Rows]


class Scene:
    """A pair of a comparison, read.

    Args:
        pair_up: both sides.
        pair: one of its pairs.
    """

    def __init__(self, pair_up: Comparison, pair: Pair) -> None:
        self.key, self.order = pair.truth.key, pair.order
        self.spacing = tuple(pair.truth.image.spacing)
        self.place = place_of(pair.truth)
        self._pair_up, self._sample = pair_up, pair.truth
        self._truth, self._predicted = pair_up.labels(pair)
        self.size = self._truth.size

    @cached_property
    def maps(self) -> _BothMaps:
        """Class maps; where predictions overlap, the surest is the class of the pixel."""
        ours, theirs = self._pair_up.ours, self._pair_up.theirs
        predicted = surest_on_top(self._predicted)
        return ours.class_map(self._truth, self.key), theirs.class_map(predicted, self.key)

    @cached_property
    def rows(self) -> _BothRows:
        """Objects, as they are."""
        ours, theirs = self._pair_up.ours, self._pair_up.theirs
        return ours.rows(self._truth, self.key), theirs.rows(self._predicted, self.key)

    @cached_property
    def segments(self) -> _BothRows:
        """What panoptic segments are made of."""
        ours, theirs = self._pair_up.ours, self._pair_up.theirs
        return ours.segments(self._truth, self.key), theirs.segments(self._predicted, self.key)

    @cached_property
    def confidence(self) -> NDArray[Any] | None:
        """(H, W) probability of each predicted class × 255, where the author gives one."""
        return self._predicted.confidence

    @cached_property
    def overlaps(self) -> bool:
        """Whether objects of one side claim the same pixels."""
        return any(overlap_in(columns_of(rows.masks)) is not None for rows in self.rows)

    @cached_property
    def limits(self) -> dict[str, Any]:
        """Where and for which categories objects are not judged."""
        return blind_spots(self._truth.coverage, self._pair_up.taxonomy)

    @property
    def ends(self) -> tuple[int, int] | None:
        """Places of the first and the last frame of the truth's sequence, scored or not."""
        frames = self._ends
        return None if frames is None else (frames[0].index or 0, frames[1].index or 0)

    @property
    def first_truth(self) -> tuple[Rows, tuple[int, ...]]:
        """The truth's objects in the first frame of the sequence, scored or not.

        With them the positions of the categories that were not looked for there. Read anew
        each time, where this is not the frame itself.
        """
        first = self._sample if self._ends is None else self._ends[0]
        if first.key == self._sample.key:
            return self.rows[0], self.limits["unlabelled"]
        labels = self._pair_up.truth.labels_of(first)
        limits = blind_spots(labels.coverage, self._pair_up.taxonomy)
        return self._pair_up.ours.rows(labels, first.key), limits["unlabelled"]

    @property
    def _ends(self) -> tuple[Sample, Sample] | None:
        return None if self.place is None else self._pair_up.ends.get(self.place[0])


def surest_on_top(labels: Labels) -> Labels:
    """Rows in rising score, so that where predictions overlap the surest is the pixel's class."""
    if labels.rows is None or np.isnan(labels.rows.score).all():
        return labels
    score = np.nan_to_num(labels.rows.score, nan=1.0)
    return labels.replace(rows=labels.rows.take(np.argsort(score, kind="stable")))


def blind_spots(coverage: Coverage, taxonomy: Taxonomy) -> dict[str, Any]:
    """Where and for which categories objects are not judged.

    Returns:
        ignore: one row, the part of the frame that was not labelled, or None; unlabelled:
        positions of the categories that were not looked for.
    """
    listed = () if coverage.nothing else coverage.categories
    return {
        "ignore": None if coverage.area is None else coverage.area.complement(),
        "unlabelled": ()
        if listed is None
        else tuple(i for i, key in enumerate(taxonomy.keys) if key not in listed),
    }
