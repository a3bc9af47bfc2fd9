"""Tests of two predictions on the same samples."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import permutation_test

from maskloom.core.report import Report
from maskloom.metrics.paired import compare_reports, paired_tests


def alone(n):
    return [str(i) for i in range(n)]


def test_all_signs_are_tried_where_they_are_few():
    gaps = np.array([0.3, 0.1, -0.05, 0.2])
    (found,) = paired_tests({"miou": np.zeros(4)}, {"miou": gaps}, alone(4))
    sums = [abs(np.dot(s, gaps)) for s in itertools.product((1, -1), repeat=4)]
    assert found.permutation == np.mean([s >= abs(gaps.sum()) - 1e-12 for s in sums])
    assert found.difference == pytest.approx(gaps.mean())
    assert (found.pairs, found.name) == (4, "miou")


@pytest.mark.parametrize("seed", range(5))
def test_random_signs_are_near_scipy(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0.6, 0.1, 40), rng.normal(0.63, 0.1, 40)
    (found,) = paired_tests({"dice": a}, {"dice": b}, alone(40), seed=seed)
    reference = permutation_test(
        (b - a, np.zeros(40)),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    assert found.permutation == pytest.approx(reference.pvalue, abs=0.02)


def test_samples_of_a_group_are_one_pair():
    a = {"miou": np.zeros(6)}
    b = {"miou": np.array([0.1, 0.1, 0.1, 0.1, 0.1, -0.4])}
    (found,) = paired_tests(a, b, ["p"] * 5 + ["q"])
    assert found.pairs == 2
    assert found.difference == pytest.approx((0.1 - 0.4) / 2)
    assert found.permutation == 1.0


def test_equal_predictions_do_not_differ_and_undefined_samples_are_left_out():
    a = {"miou": np.array([0.2, np.nan, 0.4])}
    (found,) = paired_tests(a, a, alone(3))
    assert (found.pairs, found.difference, found.permutation, found.wilcoxon) == (2, 0.0, 1.0, None)
    assert paired_tests({"x": np.array([np.nan])}, {"x": np.array([1.0])}, alone(1)) == ()


def test_several_scores_are_corrected_by_holm():
    rng = np.random.default_rng(0)
    gaps = {"a": rng.normal(0.1, 0.1, 10), "b": rng.normal(0.02, 0.1, 10), "c": np.full(10, 0.1)}
    zeros = {name: np.zeros(10) for name in gaps}
    found = {t.name: t for t in paired_tests(zeros, gaps, alone(10))}
    ps = sorted(t.permutation for t in found.values())
    expected = np.maximum.accumulate([min(1, (3 - i) * p) for i, p in enumerate(ps)])
    assert sorted(t.holm for t in found.values()) == pytest.approx(expected.tolist())
    assert all(t.holm >= t.permutation for t in found.values())


def test_false_alarms_are_as_rare_as_they_say():
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(400):
        (found,) = paired_tests({"x": np.zeros(12)}, {"x": rng.normal(0, 1, 12)}, alone(12))
        hits += found.permutation <= 0.05
    assert hits / 400 <= 0.08


def report(values, resamples):
    rows = tuple({"key": k, "miou": v} for k, v in values.items())
    return Report("", "semantic", {}, per_sample=rows, resamples={"miou": np.array(resamples)})


def test_where_one_rightly_says_nothing_the_other_raised_a_false_alarm():
    one = report(dict.fromkeys("abcdef") | {"g": 0.7}, [0.7, 0.7])
    two = report(dict.fromkeys("abcdef", 0.0) | {"g": 0.7}, [0.2, 0.2])
    groups = {k: k for k in "abcdefg"}
    _, (left,) = compare_reports(two, one, groups, ("miou",))
    assert (left.pairs, left.left_out, left.difference) == (1, 6, 0.0)
    gaps, (found,) = compare_reports(two, one, groups, ("miou",), blank={"miou": 1.0})
    assert (found.pairs, found.left_out) == (7, 0)
    assert found.difference == pytest.approx(6 / 7)
    assert found.permutation == pytest.approx(2 / 2**6)
    assert gaps["miou"].low == pytest.approx(0.5)


def test_reports_are_compared_on_the_same_draws_and_samples():
    one = report({"a": 0.5, "b": 0.6, "c": None}, [0.5, 0.6, 0.55])
    two = report({"c": 0.9, "b": 0.7, "a": 0.7}, [0.7, 0.7, 0.7])
    gaps, (test,) = compare_reports(one, two, {"a": "a", "b": "b", "c": "c"}, ("miou",))
    assert gaps == {}  # of three samples there is no interval
    assert test.pairs == 2
    assert test.difference == pytest.approx(0.15)
