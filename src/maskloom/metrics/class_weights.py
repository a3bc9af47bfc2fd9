"""How much each class weighs in `weighted_iou`: by one over its pixels, or as the user says."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maskloom.core.outcome import some_of
from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import UsageError
from maskloom.metrics.scores import quotient

Weights = tuple[float, ...]
"""Of the scored classes of a taxonomy, in its order."""
_WHERE = "--set metric.weights"


def parse_weights(text: str, taxonomy: Taxonomy) -> Weights | None:
    """Weights as people type them, `road=2,sky=0.5`; a class that is not named weighs 1.

    Args:
        text: keys, names or aliases with a number of 0 or more; empty is None.
        taxonomy: whose classes they are.

    Raises:
        UsageError: no such class, one named twice, no number, or none weighs anything.
    """
    if not text:
        return None
    given: dict[int, float] = {}
    for entry in text.split(","):
        name, _, number = entry.rpartition("=")
        position = taxonomy.find(name.strip())
        if position is None or position not in taxonomy.scored or position in given:
            known = some_of([taxonomy[k].name for k in taxonomy.scored], 20)
            hint = f"CLASS=WEIGHT,..., each class once; known: {known}"
            raise UsageError("no class to weigh", where=_WHERE, seen=entry, hint=hint)
        try:
            given[position] = float(number)
        except ValueError:
            given[position] = math.nan
        if not 0 <= given[position] < math.inf:
            raise UsageError("a weight is a number of 0 or more", where=_WHERE, seen=entry)
    weights = tuple(given.get(k, 1.0) for k in taxonomy.scored)
    if not any(weights):
        raise UsageError("no class weighs anything", where=_WHERE, seen=text)
    return weights


def weighted(iou: Sequence[Score], truth: NDArray[np.int64], weights: Weights | None) -> Score:
    """The weighted mean of what is defined; without weights by one over pixels of the truth.

    Args:
        iou: of the scored classes.
        truth: (K,) their pixels in the truth; without any, a class has no such weight.
        weights: given ones.
    """
    own = weights or [1 / int(t) if t else 0.0 for t in truth]
    known = [(i, w) for i, w in zip(iou, own, strict=True) if w and i is not None]
    if not known:
        return None
    return math.fsum(i * w for i, w in known) / math.fsum(w for _, w in known)


def weighted_resamples(
    iou: NDArray[np.float64], truth: NDArray[np.float64], weights: Weights | None
) -> NDArray[np.float64]:
    """(B,) the same of resamples: IoU and pixels are (B, K), NaN undefined."""
    if weights is None:
        own = np.nan_to_num(quotient(np.ones_like(truth), truth))
    else:
        own = np.where(np.isnan(iou), 0.0, np.array(weights))
    return quotient((np.nan_to_num(iou) * own).sum(axis=1), own.sum(axis=1))
