"""Scores of class maps: IoU, Dice, accuracy and precision, per class and as means.

All come from one confusion matrix over the data set (`confusion.py`), save `dice_per_sample`,
which is a mean over samples. Contours and distances are not here. The conventions and who
differs from them are in docs/metrics.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.report import Confusion, Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.class_weights import Weights, weighted
from maskloom.metrics.confusion import ConfusionMatrix
from maskloom.metrics.pixel_rules import PIXEL_RULES, PixelRules
from maskloom.metrics.resampled import averaged, pixel_resamples
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import Scores, mean, ratios
from maskloom.metrics.state import fill, numbers

PIXEL_METRICS = (
    "miou",
    "fwiou",
    "weighted_iou",
    "pixel_accuracy",
    "mean_accuracy",
    "dice",
    "dice_per_sample",
)

_TOTALS = ("hit", "truth", "predicted")

_NOTHING = "no valid pixel: the truth is empty, void or unlabelled everywhere"
_ABSENT = "no class occurs in the truth or the prediction"
_NO_TRUTH = "no class occurs in the truth"


class PixelMetrics:
    """Pixel scores of a data set: update with each sample, merge workers, ask for the result.

    The result does not depend on the order of samples or workers, to the last bit.

    Args:
        taxonomy: of the class maps.
        rules: of the convention.
        keep_samples: keep each sample's totals of the classes in it, 40 bytes each, which
            intervals and means over samples need; a stream without end does not.
        weights: of the scored classes for `weighted_iou`; None is one over their pixels.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        rules: PixelRules = PIXEL_RULES["maskloom"],
        *,
        keep_samples: bool = True,
        weights: Weights | None = None,
    ) -> None:
        self.taxonomy, self.rules, self.keep_samples = taxonomy, rules, keep_samples
        self.weights = weights
        self.confusion = ConfusionMatrix(len(taxonomy))
        self.dice = SampleValues(("dice",))
        # A row of category K is of all valid pixels: those that are right, all, and all again.
        self.totals = SampleValues(_TOTALS)
        self.samples = 0

    def update(
        self, truth: NDArray[Any], predicted: NDArray[Any], *, order: int | None = None
    ) -> dict[str, Score]:
        """Count one pair of class maps of one shape (see `ConfusionMatrix.update`).

        Args:
            truth: (H, W), or any shape, uint8 or uint16 of positions, void and background codes.
            predicted: the same shape.
            order: place of the sample; by default the order of updates.

        Returns:
            This sample's own miou, dice and pixel_accuracy, over the classes present in it;
            None where undefined.
        """
        counts = self.confusion.update(truth, predicted)
        scores = sample_scores(counts, self.taxonomy)
        order = self.samples if order is None else order
        self.dice.add(order, 0, scores)
        if self.keep_samples:
            self._keep(counts, order)
        self.samples += 1
        return scores

    def _keep(self, counts: NDArray[np.int64], order: int) -> None:
        scored = np.array(self.taxonomy.scored, np.int64)
        columns = np.stack(_totals(counts, scored), axis=1)
        there = columns.any(axis=1)
        valid = int(counts.sum())
        whole = np.array([[int(np.trace(counts)), valid, valid]])
        self.totals.extend(
            order,
            np.append(scored[there], len(self.taxonomy)),
            np.concatenate([columns[there], whole]),
        )

    def merge(self, other: PixelMetrics) -> None:
        """Add what another worker counted under the same taxonomy."""
        self.confusion.merge(other.confusion)
        self.dice.merge(other.dice)
        self.totals.merge(other.totals)
        self.samples += other.samples

    def result(self) -> Scores:
        """Scores over everything counted so far."""
        scores = pixel_scores(self.confusion.counts, self.taxonomy, self.weights)
        metrics, reasons = dict(scores.metrics), dict(scores.reasons)
        metrics |= {name: own.class_mean(name, 0) for name, own in self._averaged().items()}
        metrics["dice_per_sample"] = self.dice.class_mean("dice", 0)
        if metrics["dice_per_sample"] is None:
            reasons["dice_per_sample"] = reasons.get("dice", _ABSENT)
        return Scores(metrics, reasons, scores.per_class)

    def _averaged(self) -> dict[str, SampleValues]:
        orders, categories, values = self.totals.table()
        return averaged(self.rules, orders, categories, values, len(self.taxonomy))

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What was counted, as arrays."""
        totals = {f"totals.{name}": array for name, array in self.totals.state().items()}
        return {
            "confusion": self.confusion.counts,
            "samples": np.array([self.samples], np.int64),
            **{f"dice.{name}": array for name, array in self.dice.state().items()},
            **totals,
        }

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: it is of another taxonomy.
        """
        fill(self.confusion.counts, state, "confusion")
        self.samples = numbers(state, "samples", 1)[0]
        self.dice.load({name: state[f"dice.{name}"] for name in self.dice.state()})
        self.totals.load({name: state[f"totals.{name}"] for name in self.totals.state()})

    def resampled(
        self, weights: NDArray[np.int64], orders: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """Scores of resamples; see `SampleValues.totals`."""
        totals = self.totals.totals(weights, orders, len(self.taxonomy) + 1)
        found = pixel_resamples(totals, self.taxonomy.scored, self.weights)
        for name, own in self._averaged().items():
            found[name] = own.means(weights, orders, 1)[:, 0, 0]
        return {**found, "dice_per_sample": self.dice.means(weights, orders, 1)[:, 0, 0]}

    def table(self) -> Confusion:
        """The matrix with names, for a report: void categories are left out."""
        return named_confusion(self.confusion.counts, self.taxonomy)


def pixel_scores(
    counts: NDArray[np.int64], taxonomy: Taxonomy, weights: Weights | None = None
) -> Scores:
    """Scores of one confusion matrix.

    With tp_k the pixels of class k predicted as k, t_k its truth pixels (void predictions
    included) and p_k the valid pixels predicted as k: IoU = tp / (t + p - tp),
    Dice = 2 tp / (t + p), accuracy (recall) = tp / t, precision = tp / p. `miou`, `dice` and
    `mean_accuracy` are plain means over the classes where the score is defined; `fwiou` weights
    each IoU by t_k, `weighted_iou` by 1 / t_k over the classes that the truth has, so that rare
    classes decide; `pixel_accuracy` is the share of valid pixels, background included, that
    got their own label.

    A class absent from both sides is left out of the means. Background (covered pixels that no
    label claims) counts against precision and into `pixel_accuracy`, and is a class of the
    means only where the taxonomy has a category for it.

    Args:
        counts: (K + 1, K + 2) int64, as `ConfusionMatrix` lays it out.
        taxonomy: of K categories.
        weights: of the scored classes for `weighted_iou`, instead of 1 / t_k.

    Source: Cityscapes (Cordts et al. 2016) for void; Long, Shelhamer, Darrell 2015, section 5,
    for the four means; mmsegmentation IoUMetric for classes left out (its nanmean). Weights by
    inverse frequency have no reference.

    >>> tiny = np.array([[3, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0]])
    >>> pixel_scores(tiny, Taxonomy.from_names(["a", "b"])).metrics["miou"]
    0.7083333333333333
    """
    keep = np.array(taxonomy.scored, np.int64)
    hit, truth, predicted = _totals(counts, keep)
    iou, dice, recall, precision = (
        ratios(hit, truth + predicted - hit),
        ratios(2 * hit, truth + predicted),
        ratios(hit, truth),
        ratios(hit, predicted),
    )
    valid, labelled = int(counts.sum()), int(truth.sum())
    by_pixels = [float(t) * i for t, i in zip(truth, iou, strict=True) if i is not None]
    metrics: dict[str, Score] = {
        "miou": mean(iou),
        "fwiou": math.fsum(by_pixels) / labelled if labelled else None,
        "weighted_iou": weighted(iou, truth, weights),
        "pixel_accuracy": int(np.trace(counts)) / valid if valid else None,
        "mean_accuracy": mean(recall),
        "dice": mean(dice),
    }
    per_class = {
        taxonomy[int(k)].key: _class_row(
            taxonomy,
            int(k),
            iou=iou[i],
            dice=dice[i],
            accuracy=recall[i],
            precision=precision[i],
            truth_pixels=int(truth[i]),
            predicted_pixels=int(predicted[i]),
        )
        for i, k in enumerate(keep)
    }
    return Scores(metrics, _reasons(metrics, valid), per_class)


def sample_scores(counts: NDArray[np.int64], taxonomy: Taxonomy) -> dict[str, Score]:
    """miou, dice and pixel_accuracy of one sample's matrix, over the classes present in it."""
    hit, truth, predicted = _totals(counts, np.array(taxonomy.scored, np.int64))
    valid = int(counts.sum())
    return {
        "miou": mean(ratios(hit, truth + predicted - hit)),
        "dice": mean(ratios(2 * hit, truth + predicted)),
        "pixel_accuracy": int(np.trace(counts)) / valid if valid else None,
    }


def named_confusion(counts: NDArray[np.int64], taxonomy: Taxonomy) -> Confusion:
    """A report's confusion table: scored categories, background where it occurs, void column."""
    k = len(taxonomy)
    rows = list(taxonomy.scored)
    names = [taxonomy[i].name for i in rows]
    keys: list[str | None] = [taxonomy[i].key for i in rows]
    if counts[k].any() or counts[:, k].any():
        rows, names, keys = [*rows, k], [*names, "background"], [*keys, None]
    matrix = counts[np.ix_(rows, [*rows, k + 1])]
    return Confusion(matrix, tuple(names), (*names, "void"), tuple(keys))


def _totals(
    counts: NDArray[np.int64], keep: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    return counts[keep, keep], counts.sum(axis=1)[keep], counts.sum(axis=0)[keep]


def _reasons(metrics: Mapping[str, Score], valid: int) -> dict[str, str]:
    def why(name: str) -> str:
        if not valid:
            return _NOTHING
        return _NO_TRUTH if name in ("fwiou", "weighted_iou", "mean_accuracy") else _ABSENT

    return {name: why(name) for name, value in metrics.items() if value is None}


def _class_row(taxonomy: Taxonomy, position: int, **values: Any) -> dict[str, Any]:
    category = taxonomy[position]
    row: dict[str, Any] = {"name": category.name, "kind": category.kind, **values}
    truth, predicted = values["truth_pixels"], values["predicted_pixels"]
    if not truth and not predicted:
        row["reason"] = "absent from truth and prediction"
    elif not truth:
        row["reason"] = "absent from the truth: accuracy is undefined"
    elif not predicted:
        row["reason"] = "never predicted: precision is undefined"
    return row
