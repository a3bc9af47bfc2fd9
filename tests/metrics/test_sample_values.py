"""Columns of values per sample and class."""

from __future__ import annotations

import math

import numpy as np
import pytest

from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import mean, ratios


def filled(rows):
    values = SampleValues(("hd", "nsd"))
    for order, category, hd, nsd in rows:
        values.add(order, category, {"hd": hd, "nsd": nsd})
    return values


ROWS = [(2, 0, 1.5, 1.0), (0, 1, None, 0.0), (0, 0, 0.1, 0.3), (1, 0, 0.2, None)]


def test_rows_come_out_in_the_order_of_samples_however_they_came_in():
    one = filled(ROWS)
    two, rest = filled(ROWS[2:]), filled(ROWS[:2])
    two.merge(rest)
    for a, b in zip(one.table(), two.table(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.table()[0].tolist() == [0, 0, 1, 2]


def test_a_class_is_averaged_where_its_value_is_defined():
    values = filled(ROWS)
    assert values.class_mean("hd", 0) == math.fsum([0.1, 0.2, 1.5]) / 3
    assert values.class_mean("hd", 1) is None
    assert values.class_mean("nsd", 0) == 0.65
    values.add(3, 0, {"hd": math.inf, "nsd": 0.0})
    assert values.class_mean("hd", 0) == math.inf


def test_what_is_kept_travels_as_arrays():
    values, other = filled(ROWS), SampleValues(("hd", "nsd"))
    other.load(values.state())
    for a, b in zip(values.table(), other.table(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(other) == 4
    with pytest.raises(ValueError, match="values are"):
        SampleValues(("hd",)).load(values.state())


def test_means_and_ratios_leave_out_what_is_undefined():
    assert ratios([1, 2], [2, 0]) == [0.5, None]
    assert mean([None, None]) is None


def test_weighted_means_leave_out_what_is_undefined_and_keep_infinity():
    values = filled(ROWS)
    values.add(3, 1, {"hd": math.inf, "nsd": 0.5})
    weights = np.array([[1, 1, 1, 1], [2, 0, 0, 0], [0, 0, 3, 0]])
    found = values.means(weights, np.arange(4), 3)
    assert found.shape == (3, 3, 2)
    np.testing.assert_allclose(found[0, 0], [0.6, 0.65])
    assert found[0, 1, 0] == math.inf
    assert found[1, 0].tolist() == [0.1, 0.3]
    assert np.isnan(found[1, 1, 0])
    assert found[1, 1, 1] == 0.0
    assert found[2, 0].tolist() == [1.5, 1.0]
    assert np.isnan(found[:, 2]).all()
    totals = values.totals(weights, np.arange(4), 3)
    np.testing.assert_allclose(totals[2, 0], [4.5, 3.0])
