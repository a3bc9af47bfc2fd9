"""Joint pixel counts of two class maps: one table from which every pixel score follows.

Counting only; what the counts mean is `pixels.py`. Stretches of equal pixels are counted at once
(`changes.py`). Where most pixels differ, they are counted one by one, spread over four tables, so
that a pixel need not wait for the counter that its neighbour has just raised. Counts are integers:
any order and any number of workers give the same bits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Counts, Ints, kernel
from maskloom.core.labels import codes
from maskloom.errors import DataError
from maskloom.metrics.changes import BLOCK, ROOM, find_ends, find_last_ends, whole_words

MAX_CATEGORIES = 8192
_TABLES = 4
_SMALL = 64
_BUSY = BLOCK // 2
"""Changes in a block from which on pixels are counted one by one."""


class ConfusionMatrix:
    """Pixels of truth class i that were predicted as class j, over a data set.

    Rows are the K categories and background (index K); truth pixels that are void or
    unlabelled are counted nowhere. Columns are the K categories, background (K) and void
    (K + 1): a void prediction on a valid pixel is a miss, it stays in its row and earns no
    column credit.

    Args:
        n_categories: K, the number of categories in the taxonomy, void ones included.

    Raises:
        DataError: K is negative or more than 8,192.

    Source: Cordts et al. 2016 (Cityscapes), cityscapesScripts `evalPixelLevelSemanticLabeling`:
    ignored truth gives no error, an ignored label as prediction stays an error.
    """

    def __init__(self, n_categories: int) -> None:
        if not 0 <= n_categories <= MAX_CATEGORIES:
            raise DataError(
                f"a confusion matrix holds up to {MAX_CATEGORIES} categories", seen=n_categories
            )
        self.n_categories = n_categories
        self.counts = np.zeros((n_categories + 1, n_categories + 2), np.int64)

    def update(self, truth: NDArray[Any], predicted: NDArray[Any]) -> NDArray[np.int64]:
        """Count one sample.

        Args:
            truth: (H, W), or any shape, uint8 or uint16 of positions, void and background codes.
            predicted: the same shape.

        Returns:
            (K + 1, K + 2) int64, the counts of this sample alone.

        Raises:
            DataError: shapes differ, a type is wrong, or a value is not a category.
        """
        counts = joint_counts(truth, predicted, self.n_categories)
        self.counts += counts
        return counts

    def merge(self, other: ConfusionMatrix) -> None:
        """Add what another worker counted.

        Raises:
            DataError: it counts another number of categories.
        """
        if other.n_categories != self.n_categories:
            raise DataError(
                "confusion matrices of different taxonomies",
                seen=f"{self.n_categories} and {other.n_categories} categories",
            )
        self.counts += other.counts

    def result(self) -> NDArray[np.int64]:
        """(K + 1, K + 2) int64, a copy."""
        return self.counts.copy()


def joint_counts(
    truth: NDArray[Any], predicted: NDArray[Any], n_categories: int
) -> NDArray[np.int64]:
    """The confusion matrix of one pair of class maps; see `ConfusionMatrix`.

    >>> a = np.array([[0, 0, 1, 255]], np.uint8)
    >>> b = np.array([[0, 1, 255, 0]], np.uint8)
    >>> joint_counts(a, b, 2)
    array([[1, 1, 0, 0],
           [0, 0, 0, 1],
           [0, 0, 0, 0]])
    """
    if truth.shape != predicted.shape:
        raise DataError(
            "truth and prediction differ in size", seen=f"{truth.shape} and {predicted.shape}"
        )
    n = n_categories
    width = n + 3
    # Unsigned and premultiplied: the kernels index without a sign test and a product.
    lut_t, lut_p = _lookup(truth.dtype.str, n, width), _lookup(predicted.dtype.str, n, 1)
    t = np.ascontiguousarray(truth).reshape(-1)
    p = np.ascontiguousarray(predicted).reshape(-1)
    tables = np.zeros((_TABLES if n <= _SMALL else 1, width * width), np.int64)
    if t.size:
        _count(t, p, lut_t, lut_p, tables)
    full = tables.sum(axis=0).reshape(width, width)
    for axis, values, name in ((0, truth, "truth"), (1, predicted, "prediction")):
        if full.sum(axis=1 - axis)[n + 2]:
            void, background = codes(values.dtype)
            wrong = values[(values >= n) & (values != void) & (values != background)]
            raise DataError(
                f"the {name} holds a value that is no category",
                seen=int(wrong[0]),
                hint=f"there are {n} categories, counted from 0",
            )
    return np.ascontiguousarray(full[: n + 1, : n + 2])


@lru_cache(maxsize=32)
def _lookup(kind: str, n: int, step: int) -> NDArray[np.uint32]:
    """Pixel value → table index: categories, background n, void n + 1, anything else n + 2."""
    dtype = np.dtype(kind)
    void, background = codes(dtype)
    lut = np.full(np.iinfo(dtype).max + 1, n + 2, np.uint32)
    lut[:n] = np.arange(n)
    lut[background] = n
    lut[void] = n + 1
    return lut * np.uint32(step)


@kernel
def _count(t: NDArray[Any], p: NDArray[Any], lut_t: Counts, lut_p: Counts, tables: Ints) -> None:
    """Count all pixels of two lines that are not empty."""
    ends, table = np.empty(ROOM, np.int64), tables[0]
    begin, start, n = 0, 1, t.size
    whole = whole_words(n)
    while start <= n:
        if start < whole:
            stop = min(start + BLOCK, whole)
            found = find_ends(t, p, (start, stop), ends, _BUSY)
        else:
            stop = n + 1
            found = find_last_ends(t, p, start, ends)
        if found < 0:
            table[lut_t[t[start - 1]] + lut_p[p[start - 1]]] += start - begin
            _count_pixels(t[start:stop], p[start:stop], lut_t, lut_p, tables)
            begin = stop
        else:
            begin = _count_runs(t, p, ends[:found], begin, lut_t, lut_p, table)
        start = stop


@kernel
def _count_runs(
    t: NDArray[Any],
    p: NDArray[Any],
    ends: Ints,
    begin: int,
    lut_t: Counts,
    lut_p: Counts,
    table: Ints,
) -> int:
    """Count the stretches that end at some places; where the next begins."""
    for k in range(ends.size):
        end = ends[k]
        table[lut_t[t[end - 1]] + lut_p[p[end - 1]]] += end - begin
        begin = end
    return begin


@kernel
def _count_pixels(
    t: NDArray[Any], p: NDArray[Any], lut_t: Counts, lut_p: Counts, tables: Ints
) -> None:
    """Count whole words of pixels one by one."""
    m = tables.shape[0]
    t0, t1, t2, t3 = tables[0], tables[1 % m], tables[2 % m], tables[3 % m]
    for i in range(0, t.size, 4):
        t0[lut_t[t[i]] + lut_p[p[i]]] += 1
        t1[lut_t[t[i + 1]] + lut_p[p[i + 1]]] += 1
        t2[lut_t[t[i + 2]] + lut_p[p[i + 2]]] += 1
        t3[lut_t[t[i + 3]] + lut_p[p[i + 3]]] += 1
