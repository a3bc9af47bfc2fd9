"""Disjoint sets: what is joined and how it is numbered does not depend on the order of joins."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from maskloom.inference.stitch.union_find import find, flatten, number_roots, unite, unite_pairs


def test_the_smaller_root_stays_the_root() -> None:
    parent = np.arange(5)
    assert unite(parent, 4, 2) == 2
    assert unite(parent, 4, 1) == 1
    assert [find(parent, k) for k in range(5)] == [0, 1, 1, 3, 1]


def test_sets_are_numbered_in_the_order_of_their_first_members() -> None:
    parent = np.arange(6)
    unite_pairs(parent, np.array([[5, 0], [4, 2]]))
    assert flatten(parent) == 4
    assert number_roots(parent, 1).tolist() == [1, 2, 3, 4, 3, 1]


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=40), st.randoms())
def test_sets_are_the_components_of_the_graph_in_any_order(pairs, random) -> None:
    first, second = np.arange(20), np.arange(20)
    unite_pairs(first, np.array(pairs, np.int64).reshape(-1, 2))
    random.shuffle(pairs)
    unite_pairs(second, np.array(pairs, np.int64).reshape(-1, 2)[:, ::-1].copy())
    table = np.array(pairs, np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(pairs)), table.T), shape=(20, 20))
    count, labels = connected_components(graph, directed=False)
    assert flatten(first) == count == flatten(second)
    assert first.tolist() == second.tolist()
    assert first.tolist() == [int(np.flatnonzero(labels == k)[0]) for k in labels]
