"""Calibration: whether pixels that a model calls 80 % sure are right in 80 % of all cases.

A histogram of the confidence of the class that was chosen, with how many of each bin are right.
Confidences are summed as whole multiples of 2⁻³⁰, so that any division of the work gives the same
bits. Objects with scores are judged by the same bins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Floats, Ints, kernel
from maskloom.core.labels import codes
from maskloom.core.report import Curve, Score
from maskloom.errors import DataError
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import Scores, quotient
from maskloom.metrics.state import fill, numbers

CALIBRATION_METRICS = ("ece",)
_UNIT = 2.0**30
_PARTS = ("count", "right", "confidence")
_AXES = ("confidence", "right")
CALIBRATED = Curve("perfect", (0.0, 1.0), (0.0, 1.0), *_AXES, "as often right as sure")
"""What reliability is held against."""


@dataclass(frozen=True, slots=True)
class CalibrationRules:
    """How confidences are binned.

    Args:
        bins: of equal width over [0, 1]; each holds its lower bound.
        certain_apart: confidences of exactly 1 have a bin of their own; else they are in the last.
    """

    bins: int = 15
    certain_apart: bool = False


CALIBRATION_RULES = {
    "maskloom": CalibrationRules(),
    "torchmetrics": CalibrationRules(certain_apart=True),
}


class Calibration:
    """Expected calibration error of a data set: update → merge → result.

    ECE = Σ_b n_b / n · |right_b / n_b - mean confidence_b| over all valid pixels of all samples.

    Args:
        rules: of the bins.

    Source: Guo, Pleiss, Sun, Weinberger 2017, equation 3; torchmetrics 1.9 `calibration_error`,
    norm l1. Deviation from the paper: its bins hold their upper bound.
    """

    def __init__(self, rules: CalibrationRules = CALIBRATION_RULES["maskloom"]) -> None:
        self.rules = rules
        self.table = np.zeros((rules.bins + 1, len(_PARTS)), np.int64)
        self.each = SampleValues(_PARTS)
        self.samples = 0

    def update(
        self,
        truth: NDArray[Any],
        predicted: NDArray[Any],
        confidence: NDArray[Any],
        *,
        order: int | None = None,
    ) -> dict[str, Score]:
        """Count one sample.

        Args:
            truth: (H, W), or any shape, class map; void pixels count nowhere.
            predicted: the same shape, the class of highest probability.
            confidence: the same shape, its probability: a float in [0, 1], or uint8 of 255.
            order: place of the sample; by default the order of updates.

        Returns:
            ece of this sample, None where no pixel is valid.

        Raises:
            DataError: shapes differ, or a confidence is no probability.
        """
        if not truth.shape == predicted.shape == confidence.shape:
            raise DataError(
                "truth, prediction and confidence differ in size",
                seen=f"{truth.shape}, {predicted.shape} and {confidence.shape}",
            )
        void, background = codes(truth.dtype)
        other_background = codes(predicted.dtype)[1]
        valid = truth != void
        right = (truth == predicted) | ((truth == background) & (predicted == other_background))
        return self.count(right[valid], confidence[valid], order=order)

    def count(
        self, right: NDArray[np.bool_], confidence: NDArray[Any], *, order: int | None = None
    ) -> dict[str, Score]:
        """Count decisions (N,) of one sample, whatever they are of; see `update`.

        Raises:
            DataError: a confidence is no probability.
        """
        sure = np.asarray(confidence, np.float64)
        if confidence.dtype == np.uint8:
            sure = sure / 255
        wrong = ~((sure >= 0) & (sure <= 1))
        if wrong.any():
            raise DataError(
                f"{int(wrong.sum())} confidences are no probabilities",
                seen=float(sure[wrong][0]),
                hint="give values of 0 to 1, or uint8 of 0 to 255",
            )
        bounds = np.linspace(0, 1, self.rules.bins + 1)
        last = self.rules.bins - (not self.rules.certain_apart)
        table = _histogram(right, sure, bounds, last, _UNIT)
        self.table += table
        there = np.flatnonzero(table[:, 0])
        self.each.extend(self.samples if order is None else order, there, table[there])
        self.samples += 1
        return {"ece": _error(table)}

    def merge(self, other: Calibration) -> None:
        """Add what another worker counted under the same rules."""
        self.table += other.table
        self.each.merge(other.each)
        self.samples += other.samples

    def result(self) -> Scores:
        """ECE over everything counted so far, and the curve; nothing where nothing was counted."""
        if not self.samples:
            return Scores({})
        value = _error(self.table)
        reasons = {} if value is not None else {"ece": "no valid pixel has a confidence"}
        return Scores({"ece": value}, reasons, curves=(self._curve(), CALIBRATED))

    def resampled(
        self, weights: NDArray[np.int64], orders: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """Scores of resamples; see `SampleValues.totals`."""
        if not self.samples:
            return {}
        totals = self.each.totals(weights, orders, len(self.table))
        gaps = np.abs(totals[..., 1] - totals[..., 2] / _UNIT).sum(axis=1)
        return {"ece": quotient(gaps, totals[..., 0].sum(axis=1))}

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What was counted, as arrays."""
        each = {f"each.{name}": array for name, array in self.each.state().items()}
        return {"table": self.table, "samples": np.array([self.samples], np.int64), **each}

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: it has other bins.
        """
        fill(self.table, state, "table")
        self.samples = numbers(state, "samples", 1)[0]
        self.each.load({name: state[f"each.{name}"] for name in self.each.state()})

    def _curve(self) -> Curve:
        """Share of right decisions over mean confidence, of the bins that have any."""
        there = self.table[self.table[:, 0] > 0].astype(np.float64)
        x, y = there[:, 2] / _UNIT / there[:, 0], there[:, 1] / there[:, 0]
        return Curve("reliability", tuple(x.tolist()), tuple(y.tolist()), *_AXES, "as it is")


def _error(table: NDArray[np.int64]) -> Score:
    count, right, confidence = table.T
    total = int(count.sum())
    return float(np.abs(right - confidence / _UNIT).sum()) / total if total else None


@kernel
def _histogram(
    right: NDArray[np.bool_], sure: Floats, bounds: Floats, last: int, unit: float
) -> Ints:
    """(bins + 1, 3): decisions, right ones and summed confidence of each bin."""
    bins = bounds.size - 1
    table = np.zeros((bins + 1, 3), np.int64)
    for i in range(sure.size):
        b = int(sure[i] * bins)
        # The product may round across a bound.
        if b < bins and sure[i] >= bounds[b + 1]:
            b += 1
        elif sure[i] < bounds[b]:
            b -= 1
        b = min(b, last)
        table[b, 0] += 1
        table[b, 1] += right[i]
        table[b, 2] += int(np.rint(sure[i] * unit))
    return table
