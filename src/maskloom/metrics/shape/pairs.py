"""The objects of one class in one sample, as areas and the pairs of them that share pixels.

Everything that scores objects by their overlap starts here: matching at a threshold
(`objects.py`), AJI (`aji.py`), counting (`counts.py`). Where objects come from: id maps here,
rows of masks in `row_pairs.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.metrics.shape.joint import Ids, JointCounts

BACKGROUND_ID = 0


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPairs:
    """N true and M predicted objects; pixels that are not judged (void) are in no area.

    Args:
        truth_areas: (N,) int64 px.
        predicted_areas: (M,) int64 px that are judged.
        blind: (M,) int64 px of each prediction that are not.
        truth: (P,) int64 true object of each pair that shares pixels, rising.
        predicted: (P,) int64 predicted object of each pair.
        pixels: (P,) int64 px shared, at least 1.
        foreground: judged px in any object of either side.
    """

    truth_areas: Ids
    predicted_areas: Ids
    blind: Ids
    truth: Ids
    predicted: Ids
    pixels: Ids
    foreground: int

    @property
    def unions(self) -> Ids:
        """(P,) int64 px in either object of each pair."""
        areas = self.truth_areas[self.truth] + self.predicted_areas[self.predicted]
        return areas - self.pixels

    @property
    def iou(self) -> NDArray[np.float64]:
        """(P,) intersection over union of each pair, above 0."""
        return self.pixels / self.unions

    @property
    def excused(self) -> NDArray[np.bool_]:
        """(M,) predictions of which more than half is not judged: unmatched, they count nowhere.

        Source: panopticapi `pq_compute_single_core`, its rule for void.
        """
        return self.blind > self.predicted_areas


def object_pairs(table: JointCounts, *, void: int | None = None) -> ObjectPairs:
    """The objects of two id maps: every id but 0 is one.

    Args:
        table: of the maps (`joint_ids`).
        void: id in the truth of pixels that are not judged; None where all are.
    """
    free = void is not None and table.truth_ids == void
    real_t = (table.truth_ids != BACKGROUND_ID) & ~np.bool_(free)
    real_p = table.predicted_ids != BACKGROUND_ID
    unjudged = np.broadcast_to(free, real_t.shape)[table.truth]
    blind = np.zeros(len(real_p), np.int64)
    np.add.at(blind, table.predicted[unjudged], table.pixels[unjudged])
    t, p = real_t[table.truth], real_p[table.predicted]
    both = t & p
    place_t, place_p = np.cumsum(real_t) - 1, np.cumsum(real_p) - 1
    return ObjectPairs(
        table.truth_areas[real_t],
        (table.predicted_areas - blind)[real_p],
        blind[real_p],
        place_t[table.truth[both]],
        place_p[table.predicted[both]],
        table.pixels[both],
        int(table.pixels[(t | p) & ~unjudged].sum()),
    )
