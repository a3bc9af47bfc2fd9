"""What a family of shapes keeps of a data set: values per sample and class, and how many samples.

The families are `object_metrics.py`, `cluster_metrics.py`, `thin_metrics.py`, `size_metrics.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.sample_values import SampleValues

State = dict[str, NDArray[np.generic]]


class Kept:
    """Rows of values, and counters that are summed over workers.

    Args:
        names: of the values of a row.
        n_categories: positions of classes are below it.
        counters: names of whole numbers beside `samples`.
    """

    def __init__(
        self, names: tuple[str, ...], n_categories: int, counters: tuple[str, ...] = ()
    ) -> None:
        self.values = SampleValues(names)
        self.n_categories = n_categories
        self.counters = dict.fromkeys(("samples", *counters), 0)

    def begin(self, order: int | None) -> int:
        """Count a sample; its place, by default the number of samples before it."""
        place = self.counters["samples"] if order is None else order
        self.counters["samples"] += 1
        return place

    def merge(self, other: Kept) -> None:
        """Add what another worker kept."""
        self.values.merge(other.values)
        for name in self.counters:
            self.counters[name] += other.counters[name]

    def columns(self, category: int | None = None) -> dict[str, list[Score]]:
        """Each value of one class, or of all, by sample; None where undefined."""
        _, categories, values = self.values.table()
        kept = values if category is None else values[categories == category]
        return {
            name: [None if np.isnan(v) else v for v in column]
            for name, column in zip(self.values.names, kept.T.tolist(), strict=True)
        }

    def state(self) -> State:
        """Everything kept, as arrays."""
        return {**self.values.state(), "counters": np.array(list(self.counters.values()), np.int64)}

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: arrays that are missing, or of another shape, kind or taxonomy.
        """
        missing = {"orders", "categories", "values", "counters"} - set(state)
        if missing:
            raise ValueError(f"{', '.join(sorted(missing))} missing from the state")
        counters, categories = state["counters"], state["categories"]
        if counters.dtype.kind != "i" or counters.shape != (len(self.counters),):
            raise ValueError(f"counters are {counters.dtype}{counters.shape}")
        if categories.shape != state["orders"].shape or categories.ndim != 1:
            raise ValueError(f"categories are {categories.dtype}{categories.shape}")
        self.values.load(state)
        named = self.values.table()[1]
        if len(named) and not 0 <= int(named.min()) <= int(named.max()) < self.n_categories:
            raise ValueError(f"a category beyond the {self.n_categories} of the taxonomy")
        self.counters = dict(zip(self.counters, counters.astype(int).tolist(), strict=True))


def named_row(taxonomy: Taxonomy, position: int, values: Mapping[str, Score]) -> dict[str, object]:
    """A row of `Scores.per_class`: what the class is, then its scores."""
    category = taxonomy[position]
    return {"name": category.name, "kind": category.kind, **values}
