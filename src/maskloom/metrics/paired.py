"""Two predictions of the same samples compared: is one better, and by how much for sure.

Tests are on samples, or on groups where samples of one are alike. The difference of scores over
the data set comes with an interval from resamples that both predictions share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from maskloom.core.report import Report
from maskloom.metrics.intervals import FEWEST, Interval, intervals

Floats = NDArray[np.float64]

_EXACT = 14
_FLIPS = 10_000


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Whether the values of two predictions differ by more than chance would have it.

    Args:
        name: of the score.
        pairs: samples or groups in which both have one.
        left_out: samples in which one of both has none.
        difference: mean of the other minus the first.
        permutation: two-sided p of as large a mean difference if signs were chance.
        wilcoxon: two-sided p of the signed ranks; None where no pair differs.
        holm: `permutation`, corrected for all scores that were tested together.
    """

    name: str
    pairs: int
    left_out: int
    difference: float
    permutation: float
    wilcoxon: float | None
    holm: float = 1.0


def paired_tests(
    first: Mapping[str, Floats],
    other: Mapping[str, Floats],
    groups: Sequence[str],
    *,
    seed: int = 0,
) -> tuple[PairedTest, ...]:
    """Test each score of two predictions.

    Args:
        first: name → (N,) values of the samples, NaN where undefined.
        other: the same of the other prediction.
        groups: N names; samples of one group are averaged.
        seed: of the random signs, where there are too many to try all.

    Source: Good 2005, "Permutation, Parametric and Bootstrap Tests of Hypotheses", section 3.3,
    with p = (1 + as extreme) / (1 + tried) of random signs (Phipson and Smyth 2010); Wilcoxon
    1945 by scipy; Holm 1979.
    """
    _, of = np.unique(np.array(groups, object).astype(str), return_inverse=True)
    found = []
    for name, values in first.items():
        gap = other[name] - values
        there = ~np.isnan(gap)
        if there.any():
            left_out = int((np.isnan(other[name]) != np.isnan(values)).sum())
            sums = np.bincount(of[there], gap[there])
            counts = np.bincount(of[there])
            found.append(_test(name, sums[counts > 0] / counts[counts > 0], left_out, seed))
    return _corrected(found)


def compare_reports(
    first: Report,
    other: Report,
    groups: Mapping[str, str],
    names: Sequence[str],
    *,
    blank: Mapping[str, float] = MappingProxyType({}),
) -> tuple[dict[str, Interval], tuple[PairedTest, ...]]:
    """Two reports on the same samples under the same terms.

    Args:
        first: of one prediction.
        other: of the other.
        groups: key of a sample → name of its group.
        names: of the scores that each sample has and that are tested.
        blank: scores of a sample in which a prediction rightly says nothing, where they are
            undefined and the other prediction's are not.

    Returns:
        intervals of the difference of scores over the data set (other minus first), of those that
        were resampled; and tests of the samples' own scores.
    """
    both = first.resamples.keys() & other.resamples.keys()
    gaps = {k: other.resamples[k] - first.resamples[k] for k in first.resamples if k in both}
    rows = {str(row["key"]): row for row in other.per_sample}
    pairs = [(row, rows[str(row["key"])]) for row in first.per_sample if str(row["key"]) in rows]
    sides = [
        {name: np.array([_number(pair[side].get(name)) for pair in pairs]) for name in names}
        for side in range(2)
    ]
    for name in blank.keys() & set(names):
        one, two = sides[0][name], sides[1][name]
        only = np.isnan(one) != np.isnan(two)
        for values in (one, two):
            values[only & np.isnan(values)] = blank[name]
    called = [groups[str(row["key"])] for row, _ in pairs]
    units = len(set(called))
    bounds = intervals(gaps, units=units) if units >= FEWEST else {}
    return bounds, paired_tests(sides[0], sides[1], called)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def _test(name: str, gaps: Floats, left_out: int, seed: int) -> PairedTest:
    n, mean = len(gaps), float(gaps.mean())
    differ = gaps[gaps != 0]
    # With no zeros, scipy takes the exact distribution of small numbers.
    p = float(wilcoxon(differ).pvalue) if len(differ) else None
    return PairedTest(name, n, left_out, mean, _permutation(gaps, seed), p)


def _permutation(gaps: Floats, seed: int) -> float:
    """Share of sign patterns with as large a sum; all of them where they are few."""
    n = len(gaps)
    # Sums that differ in the last bits alone are equal.
    bar = abs(gaps.sum()) - 1e-12 * np.abs(gaps).sum()
    if n <= _EXACT:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float((np.abs(signs @ gaps) >= bar).mean())
    rng = np.random.default_rng(seed)
    extreme = 0
    for first in range(0, _FLIPS, 1000):
        signs = 1 - 2 * rng.integers(0, 2, (min(1000, _FLIPS - first), n))
        extreme += int((np.abs(signs @ gaps) >= bar).sum())
    return (1 + extreme) / (1 + _FLIPS)


def _corrected(tests: Sequence[PairedTest]) -> tuple[PairedTest, ...]:
    order = sorted(range(len(tests)), key=lambda i: tests[i].permutation)
    holm, highest = [1.0] * len(tests), 0.0
    for place, i in enumerate(order):
        highest = max(highest, min(1.0, (len(tests) - place) * tests[i].permutation))
        holm[i] = highest
    return tuple(
        PairedTest(t.name, t.pairs, t.left_out, t.difference, t.permutation, t.wilcoxon, h)
        for t, h in zip(tests, holm, strict=True)
    )
