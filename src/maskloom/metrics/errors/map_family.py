"""Errors of class maps over a data set: how far from boundaries, and of which regions.

Whole numbers of each class are kept, nothing else; what is said of them is `map_tables.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.errors.distance import REACHES_PX, wrong_by_distance
from maskloom.metrics.errors.map_tables import distance_tables, region_table
from maskloom.metrics.errors.regions import REGION_COUNTS, region_counts
from maskloom.metrics.scores import Scores
from maskloom.metrics.state import fill

_ARRAYS = ("missed", "extra", "regions", "taken", "samples")


class MapErrors:
    """Where the errors of class maps are: update with each sample, merge, ask for tables.

    Args:
        taxonomy: of the class maps.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        k = len(taxonomy)
        self.missed, self.extra = np.zeros((2, k + 1, len(REACHES_PX) + 1), np.int64)
        self.regions = np.zeros((len(REGION_COUNTS), k), np.int64)
        self.taken = np.zeros((k, k), np.int64)
        self.samples = np.zeros(1, np.int64)

    def update(
        self,
        truth: NDArray[Any],
        predicted: NDArray[Any],
        *,
        order: int | None = None,  # noqa: ARG002 - sums have no order
    ) -> dict[str, Score]:
        """Count one pair of class maps.

        Args:
            truth: (H, W) or (D, H, W) uint8 or uint16: positions, void and background codes.
            predicted: the same shape.
            order: makes no difference to whole numbers.

        Returns:
            nothing: an image has errors, but no score of them.

        Raises:
            DataError: shapes or types are wrong, or a value is not a category.
        """
        k = len(self.taxonomy)
        missed, extra = wrong_by_distance(truth, predicted, k)
        found = region_counts(truth, predicted, k)
        self.missed += missed
        self.extra += extra
        self.regions += found.counts
        self.taken += found.taken
        self.samples += 1
        return {}

    def merge(self, other: MapErrors) -> None:
        """Add what another worker counted."""
        for name in _ARRAYS:
            getattr(self, name)[...] += getattr(other, name)

    def resampled(
        self,
        weights: NDArray[np.int64],  # noqa: ARG002 - tables have no interval
        orders: NDArray[np.int64],  # noqa: ARG002 - as above
    ) -> dict[str, NDArray[np.float64]]:
        """Nothing: there is no score."""
        return {}

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What was counted, as arrays."""
        return {name: getattr(self, name) for name in _ARRAYS}

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: it is of another taxonomy.
        """
        for name in _ARRAYS:
            fill(getattr(self, name), state, name)

    def result(self) -> Scores:
        """Tables over everything counted so far, and no scores."""
        if not self.samples[0]:
            return Scores({})
        tables = distance_tables(self.taxonomy, self.missed, self.extra)
        regions = region_table(self.taxonomy, self.regions, self.taken)
        return Scores({}, breakdowns={**tables, "regions": regions})
