"""Errors of numbers that are measured: how many, how large, how long.

An error is predicted minus true, in its own unit. The families that gather them are
`object_metrics.py` (counts), `size_metrics.py` (areas and volumes), `thin_metrics.py` (lengths).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from maskloom.core.report import Score


@dataclass(frozen=True, slots=True)
class Errors:
    """What a list of errors e comes to; None without an error.

    Args:
        mae: mean of |e|.
        rmse: root of the mean of e²; large errors weigh more.
        bias: mean of e; above 0 is too much.
    """

    mae: Score
    rmse: Score
    bias: Score


def errors_of(differences: Sequence[float]) -> Errors:
    """MAE, RMSE and bias of predicted minus true values, summed exactly.

    *Counts*: one difference for each image and class in which either side has an object.
    Raw, it is the number of predictions minus that of objects, so that a miss and a false alarm
    cancel. Matched, it is misses plus false alarms at an IoU (`objects.matched_at`), so that they
    do not; then MAE is bias.

    *Areas and volumes*: pixels times the product of spacings, one difference for each sample and
    class in which either side has a pixel. *Lengths*: `lengths.skeleton_length` likewise.

    Source: ours; MAE and RMSE per class over images as in Chattopadhyay et al. 2017 ("Counting
    Everyday Objects"), which also counts images where a class is on neither side.

    >>> errors_of([2, -1, -1])
    Errors(mae=1.3333333333333333, rmse=1.4142135623730951, bias=0.0)
    """
    n = len(differences)
    if not n:
        return Errors(None, None, None)
    return Errors(
        math.fsum(abs(e) for e in differences) / n,
        math.sqrt(math.fsum(e * e for e in differences) / n),
        math.fsum(differences) / n,
    )


def relative_errors(differences: Sequence[float], true: Sequence[float]) -> list[float]:
    """|e| / true value, where that is above 0: without a true size no share of it exists."""
    return [abs(e) / t for e, t in zip(differences, true, strict=True) if t > 0]
