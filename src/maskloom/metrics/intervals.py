"""Bootstrap intervals: how far a score would move with other samples of the same kind.

Samples are drawn again, or groups of them (a patient, a scene, a slide) where samples of one are
alike; never pixels, which are not independent. Two models are compared on the same draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from maskloom.metrics.judging.families import Family
from maskloom.work.progress import track

_AT_ONCE = 200
LEVEL = 0.95
_OFTEN = 0.05
FEWEST = 6
"""Samples or groups below which an interval would say more about luck than about the score."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which values a share of all resamples lies.

    Args:
        low, high: bounds.
        undefined: share of the resamples in which the score is undefined, e.g. because none of
            them has an object of the class.
    """

    low: float
    high: float
    undefined: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Resamples of the samples of a data set.

    Args:
        orders: (S,) places of the samples, rising.
        groups: (S,) number of the group that each is of, from 0.
        resamples: B.
        seed: of the draws; the same numbers give the same draws on every machine.
    """

    orders: NDArray[np.int64]
    groups: NDArray[np.int64]
    resamples: int
    seed: int = 0

    @classmethod
    def of(
        cls, orders: Sequence[int], names: Sequence[str], resamples: int, *, seed: int = 0
    ) -> Draws:
        """Draws of the groups that samples name; a sample alone is a group of one."""
        by = np.argsort(np.array(orders, np.int64), kind="stable")
        _, groups = np.unique(np.array(names, object)[by].astype(str), return_inverse=True)
        return cls(np.array(orders, np.int64)[by], groups.reshape(-1), resamples, seed)

    @property
    def n_groups(self) -> int:
        """How many are drawn from, and as many are drawn."""
        return int(self.groups.max(initial=-1)) + 1

    def weights(self, first: int, count: int) -> NDArray[np.int64]:
        """(count, S) how often resamples from `first` on take each sample."""
        rows = []
        for number in range(first, first + count):
            # A generator each: a resample is the same however many are made at once.
            rng = np.random.default_rng((self.seed, number))
            drawn = rng.integers(0, self.n_groups, self.n_groups)
            rows.append(np.bincount(drawn, minlength=self.n_groups)[self.groups])
        return np.stack(rows).astype(np.int64)

    def scores(self, families: Mapping[str, Family]) -> dict[str, NDArray[np.float64]]:
        """Every score of every resample: (B,) each, NaN where undefined."""
        found: dict[str, list[NDArray[np.float64]]] = {}
        blocks = range(0, self.resamples, _AT_ONCE)
        for first in track(blocks, "resampling", unit="blocks"):
            weights = self.weights(first, min(_AT_ONCE, self.resamples - first))
            for family in families.values():
                for name, values in family.resampled(weights, self.orders).items():
                    found.setdefault(name, []).append(values)
        return {name: np.concatenate(parts) for name, parts in found.items()}


def intervals(
    scores: Mapping[str, NDArray[np.float64]], *, level: float = LEVEL, units: int | None = None
) -> dict[str, Interval]:
    """Intervals of resampled scores; none of a score that is never defined, or not finite.

    Args:
        scores: name → (B,) values, NaN where undefined.
        level: share of the resamples between the bounds.
        units: how many samples or groups were drawn from: of few, bounds lie further out, as
            resamples of n vary by a factor of sqrt((n - 1) / n) too little, and normally.

    Source: Hesterberg 2015, "What Teachers Should Know About the Bootstrap", The American
    Statistician 69(4), section 4.5: the expanded percentile interval.
    """
    tail = (1 - level) / 2
    if units is not None:
        tail = float(norm.cdf(t.ppf(tail, units - 1) * np.sqrt(units / (units - 1))))
    out = {}
    for name, values in scores.items():
        there = values[~np.isnan(values)]
        if len(there) and np.isfinite(there).all():
            low, high = np.quantile(there, [tail, 1 - tail]).tolist()
            out[name] = Interval(low, high, 1 - len(there) / len(values))
    return out


def often_undefined(found: Mapping[str, Interval]) -> tuple[str, ...]:
    """What to say of scores that more than one in twenty resamples do not have; or nothing."""
    shares = {name: one.undefined for name, one in found.items() if one.undefined > _OFTEN}
    if not shares:
        return ()
    low, high = (f"{100 * value:.0f} %" for value in (min(shares.values()), max(shares.values())))
    share = low if low == high else f"{low} to {high}"
    many = len(shares) > 1
    return (
        f"{', '.join(shares)} {'are' if many else 'is'} undefined in {share} of the resamples: "
        f"{'their intervals are' if many else 'its interval is'} of the others, and too narrow",
    )
