"""Values that each sample has for each class, kept as columns: distances, contours, shapes.

A mean over samples, an interval or a slice needs no more than these. What the values are is for
the family that adds them.
"""

from __future__ import annotations

import array
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from maskloom.core.report import Score
from maskloom.metrics.scores import mean, quotient


class SampleValues:
    """Columns that grow by one row for each sample and class; rows come out in one order.

    Args:
        names: of the values of a row.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._orders = array.array("q")
        self._categories = array.array("q")
        self._values = array.array("d")

    @classmethod
    def of(
        cls,
        names: tuple[str, ...],
        orders: NDArray[np.int64],
        categories: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> SampleValues:
        """Rows that were made of others: orders (N,), categories (N,), values (N, names)."""
        made = cls(names)
        made.load({"orders": orders, "categories": categories, "values": values})
        return made

    def __len__(self) -> int:
        return len(self._orders)

    def add(self, order: int, category: int, values: Mapping[str, Score]) -> None:
        """A row: the place of the sample, the position of the class, and a value for each name."""
        self._orders.append(order)
        self._categories.append(category)
        for name in self.names:
            value = values[name]
            self._values.append(np.nan if value is None else value)

    def extend(
        self, order: int, categories: NDArray[np.int64], values: NDArray[np.generic]
    ) -> None:
        """Rows of one sample: positions of classes (N,) and their values (N, names)."""
        self._orders.extend([order] * len(categories))
        self._categories.frombytes(np.ascontiguousarray(categories, np.int64).tobytes())
        self._values.frombytes(np.ascontiguousarray(values, np.float64).tobytes())

    def merge(self, other: SampleValues) -> None:
        """Add the rows of another worker."""
        self._orders.extend(other._orders)
        self._categories.extend(other._categories)
        self._values.extend(other._values)

    def table(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Orders (N,), categories (N,) and values (N, names), NaN where undefined, by order."""
        orders = np.array(self._orders, np.int64)
        categories = np.array(self._categories, np.int64)
        values = np.array(self._values, np.float64).reshape(-1, len(self.names))
        by = np.lexsort((categories, orders))
        return orders[by], categories[by], values[by]

    def totals(
        self, weights: NDArray[np.int64], orders: NDArray[np.int64], n_categories: int
    ) -> NDArray[np.float64]:
        """Sums over samples, each taken as often as its weight says; undefined values add nothing.

        Args:
            weights: (B, S), B times how often each sample is taken.
            orders: (S,) of the samples, rising.
            n_categories: K.

        Returns:
            (B, K, names)
        """
        return self._sums(self.table()[2], weights, orders, n_categories)

    def means(
        self, weights: NDArray[np.int64], orders: NDArray[np.int64], n_categories: int
    ) -> NDArray[np.float64]:
        """Means over samples taken as `totals` takes them.

        Returns:
            (B, K, names), NaN where no value is defined, infinite where one is.
        """
        values = self.table()[2]
        finite = np.where(np.isfinite(values), values, 0.0)
        there, infinite = ~np.isnan(values), np.isinf(values)
        sums, counts, endless = (
            self._sums(one.astype(np.float64), weights, orders, n_categories)
            for one in (finite, there, infinite)
        )
        return np.where(endless > 0, np.inf, quotient(sums, counts))

    def _sums(
        self,
        values: NDArray[np.float64],
        weights: NDArray[np.int64],
        orders: NDArray[np.int64],
        n_categories: int,
    ) -> NDArray[np.float64]:
        own, categories, _ = self.table()
        n = len(self.names)
        cells = (categories[:, None] * n + np.arange(n)).reshape(-1)
        rows = np.repeat(np.searchsorted(orders, own), n)
        shape = (len(orders), n_categories * n)
        each = sparse.csr_array((np.nan_to_num(values).reshape(-1), (rows, cells)), shape=shape)
        return np.asarray(weights @ each).reshape(len(weights), n_categories, n)

    def class_mean(self, name: str, category: int) -> Score:
        """The mean over samples of one class where it is defined; infinite if a value is."""
        _, categories, values = self.table()
        column = values[categories == category, self.names.index(name)]
        return mean([None if np.isnan(v) else v for v in column.tolist()])

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What is kept, as arrays."""
        orders, categories, values = self.table()
        return {"orders": orders, "categories": categories, "values": values}

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: arrays of another shape or kind.
        """
        n, kinds = len(state["orders"]), [state[k].dtype.kind for k in ("orders", "categories")]
        if kinds != ["i", "i"] or state["values"].shape != (n, len(self.names)):
            raise ValueError(f"values are {state['values'].dtype}{state['values'].shape}")
        self._orders = array.array("q", state["orders"].astype(np.int64).tobytes())
        self._categories = array.array("q", state["categories"].astype(np.int64).tobytes())
        self._values = array.array("d", state["values"].astype(np.float64).tobytes())
