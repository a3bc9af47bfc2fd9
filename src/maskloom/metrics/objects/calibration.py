"""Calibration of objects: whether predictions of score 0.8 are objects in 80 % of all cases.

Made of the columns that average precision keeps (`columns.py`): nothing is matched a
second time. Bins and their error are those of pixels (`calibration.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maskloom.core.outcome import counted
from maskloom.core.report import Curve, Score
from maskloom.errors import DataError
from maskloom.metrics.calibration import CALIBRATION_RULES, Calibration, CalibrationRules
from maskloom.metrics.objects.columns import PredictionColumns
from maskloom.metrics.scores import Floats

OBJECT_CALIBRATION = "object_ece"


@dataclass(frozen=True, slots=True)
class ObjectCalibration:
    """How far scores are from how often predictions are right.

    Args:
        score: expected calibration error in [0, 1], or None.
        reason: why it is None.
        curves: the share of hits over the mean score of each bin that has any; or nothing.
    """

    score: Score
    reason: str = ""
    curves: tuple[Curve, ...] = ()


def object_calibration(
    table: PredictionColumns,
    unscored: int,
    rules: CalibrationRules = CALIBRATION_RULES["maskloom"],
) -> ObjectCalibration:
    """Expected calibration error of the scores of predictions, all classes and sizes together.

    A prediction is right where it takes an object of its class at IoU 0.5. Those that count
    neither way (they take a crowd, or lie mostly on void) are left out; so are those behind the
    convention's limit on predictions, which no column holds. Missed objects have no score and do
    not enter: a model that finds little can be calibrated.

    Args:
        table: predictions of a data set, in any order.
        unscored: how many predictions have no score of their own.
        rules: of the bins.

    Source: Küppers, Kronenberger, Shantia, Haselhoff 2020, "Multivariate Confidence Calibration
    for Object Detection", equation 5 with the confidence alone; Guo et al. 2017, equation 3.
    """
    if unscored:
        return ObjectCalibration(None, f"{counted(unscored, 'prediction')} without a score")
    right, score = _judged(table)
    if not len(score):
        return ObjectCalibration(None, "no prediction counts")
    made = Calibration(rules)
    try:
        made.count(right, score)
    except DataError as error:
        return ObjectCalibration(None, f"scores are no probabilities: one is {error.seen}")
    found = made.result()
    said = "share that is an object at IoU 0.5"
    own, perfect = (replace(one, x_label="score", y_label=said) for one in found.curves)
    curves = (replace(own, name="objects"), perfect)
    return ObjectCalibration(found.metrics["ece"], curves=curves)


def object_calibration_resamples(
    table: PredictionColumns,
    unscored: int,
    weights: NDArray[np.int64],
    orders: NDArray[np.int64],
    rules: CalibrationRules = CALIBRATION_RULES["maskloom"],
) -> Floats:
    """(B,) the same of resamples, NaN where nothing counts; see `SampleValues.totals`.

    Args:
        table: as for `object_calibration`.
        unscored: likewise.
        weights: (B, S) how often each sample is taken.
        orders: (S,) of the samples, rising.
        rules: of the bins.
    """
    if object_calibration(table, unscored, rules).score is None:
        return np.full(len(weights), np.nan)
    by = np.argsort(table.order, kind="stable")
    counts = (table.drop[by, 0] & 1) == 0
    by = by[counts]
    right, score, order = (table.hit[by, 0] & 1) == 1, table.score[by], table.order[by]
    places, first = np.unique(order, return_index=True)
    made = Calibration(rules)
    for place, rows in zip(places.tolist(), np.split(np.arange(len(by)), first[1:]), strict=True):
        made.count(right[rows], score[rows], order=place)
    return made.resampled(weights, orders)["ece"]


def _judged(table: PredictionColumns) -> tuple[NDArray[np.bool_], Floats]:
    """Whether each prediction that counts is right at IoU 0.5, and its score."""
    counts = (table.drop[:, 0] & 1) == 0
    return (table.hit[counts, 0] & 1) == 1, table.score[counts]
