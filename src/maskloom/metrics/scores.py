"""What every family of metrics gives back, and how values are averaged where some are undefined."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.outcome import Table
from maskloom.core.report import Curve, Score

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of a data set, of one family.

    Args:
        metrics: name → value, or None where undefined; fractions in [0, 1], distances in units
            of spacing.
        reasons: why, for each None.
        per_class: category key → name, kind, scores and counts; void categories are not in it.
        notes: what a reader must know of these numbers.
        curves: what can be drawn beside them.
        breakdowns: name → a table of where the errors are.
    """

    metrics: Mapping[str, Score]
    reasons: Mapping[str, str] = field(default_factory=dict)
    per_class: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    curves: tuple[Curve, ...] = ()
    breakdowns: Mapping[str, Table] = field(default_factory=dict)


def ratios(above: Iterable[int], below: Iterable[int]) -> list[Score]:
    """Quotients of whole numbers; None where the divisor is 0."""
    return [int(a) / int(b) if b else None for a, b in zip(above, below, strict=True)]


def mean(values: Sequence[Score]) -> Score:
    """The mean of the values that are defined, summed exactly; None where none is.

    >>> mean([0.5, None, 1.0])
    0.75
    """
    defined = [value for value in values if value is not None]
    return math.fsum(defined) / len(defined) if defined else None


def quotient(above: Floats, below: Floats) -> Floats:
    """Quotients of arrays, NaN where the divisor is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def mean_over(values: Floats, axis: int = -1) -> Floats:
    """Means along an axis of what is defined; NaN where nothing is."""
    there = ~np.isnan(values)
    return quotient(np.where(there, values, 0.0).sum(axis=axis), there.sum(axis=axis).astype(float))
