"""One-to-one pairing of objects that makes a sum as large as possible, by connected components.

Objects that meet nobody else's partners are paired without a solver; the rest falls into small
groups, each solved alone (Jonker-Volgenant, scipy).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from maskloom.metrics.shape.joint import Ids


def best_assignment(truth: Ids, predicted: Ids, worth: NDArray[np.float64]) -> Ids:
    """Which pairs to take so that their worth sums to the most, each object in one at most.

    Where several choices are best, which one is taken is a matter of scipy's solver, but the same
    every time.

    Args:
        truth: (P,) int64 true object of each pair.
        predicted: (P,) int64 predicted object of each pair.
        worth: (P,) float64, above 0.

    Returns:
        (Q,) int64 rising places in the pairs.
    """
    if not len(truth):
        return np.zeros(0, np.int64)
    alone = (np.bincount(truth)[truth] == 1) & (np.bincount(predicted)[predicted] == 1)
    chosen, rest = [np.flatnonzero(alone)], np.flatnonzero(~alone)
    if len(rest):
        group = _groups(truth[rest], predicted[rest])
        order = np.argsort(group, kind="stable")
        bounds = np.flatnonzero(np.diff(group[order], prepend=-1, append=-1))
        for first, last in pairwise(bounds.tolist()):
            own = rest[order[first:last]]
            chosen.append(own[_solved(truth[own], predicted[own], worth[own])])
    return np.sort(np.concatenate(chosen))


def _groups(truth: Ids, predicted: Ids) -> NDArray[Any]:
    """(P,) the component of the graph of objects that each pair is in."""
    n = int(truth.max()) + 1
    size = n + int(predicted.max()) + 1
    graph = coo_array((np.ones(len(truth), np.bool_), (truth, n + predicted)), shape=(size, size))
    groups: NDArray[Any] = connected_components(graph, directed=False)[1][truth]
    return groups


def _solved(truth: Ids, predicted: Ids, worth: NDArray[np.float64]) -> NDArray[np.bool_]:
    rows, t = np.unique(truth, return_inverse=True)
    columns, p = np.unique(predicted, return_inverse=True)
    table = np.zeros((len(rows), len(columns)))
    table[t, p] = worth
    taken = np.zeros(table.shape, np.bool_)
    taken[linear_sum_assignment(table, maximize=True)] = True
    chosen: NDArray[np.bool_] = taken[t, p]
    return chosen
