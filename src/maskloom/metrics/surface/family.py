"""Surface distances of a data set of class maps: mean over samples of each class, and overall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, kernel
from maskloom.core.labels import codes
from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.sample_values import SampleValues
from maskloom.metrics.scores import Scores, mean, mean_over
from maskloom.metrics.surface.pair import grid, packed, sides
from maskloom.metrics.surface.rules import SURFACE_RULES, EmptyScores, SurfaceRules
from maskloom.metrics.surface.scores import SurfaceScores, check, scores_of

_VALUES = ("asd_truth", "asd_predicted", "assd", "hd", "hd_percentile", "nsd")
_COUNTS = ("samples", "missed", "spurious")
_NOTHING = "no class occurs in the truth or the prediction"
_ONE_SIDED = "no class occurs in the truth and the prediction of one sample"


class SurfaceMetrics:
    """ASSD, HD, a percentile of it and NSD of a data set: update, merge, result.

    The result does not depend on the order of samples or workers, to the last bit.

    Pixels that are void in the truth are taken out of both masks before their surfaces are
    found: what is predicted there is no error, and both surfaces run along the void together
    where both masks reach it.

    Args:
        taxonomy: of the class maps.
        rules: the convention.
        tolerance: of NSD, in units of spacing (px where a sample has none).
        percentile: of distances, in [0, 100]; the metric is named by it, e.g. hd95.
        threads: that share the work of one sample.

    Raises:
        UsageError: a tolerance or percentile out of range.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        rules: SurfaceRules = SURFACE_RULES["maskloom"],
        *,
        tolerance: float = 1.0,
        percentile: float = 95.0,
        threads: int = 1,
    ) -> None:
        check(tolerance, percentile)
        self.taxonomy, self.rules, self.threads = taxonomy, rules, threads
        self.tolerance, self.percentile = tolerance, percentile
        self.values = SampleValues(_VALUES)
        self.counts = np.zeros((len(taxonomy), len(_COUNTS)), np.int64)
        self.samples = np.zeros(2, np.int64)

    @property
    def names(self) -> dict[str, str]:
        """Metric → the value that it is a mean of."""
        own = {"assd": "assd", "hd": "hd", "nsd": "nsd"}
        return {**own, f"hd{self.percentile:g}": "hd_percentile"}

    def update(
        self,
        truth: NDArray[Any],
        predicted: NDArray[Any],
        *,
        spacing: Sequence[float] | None = None,
        order: int | None = None,
    ) -> dict[str, Score]:
        """Measure one pair of class maps.

        Args:
            truth: (H, W) or (D, H, W), uint8 or uint16 of positions, void and background codes.
            predicted: the same shape.
            spacing: distance between pixels along each axis; None is 1, in px.
            order: place of the sample; by default the number of updates before.

        Returns:
            This sample's own assd, hd, hd of the percentile and nsd: means over its classes.

        Raises:
            DataError: shapes, types, values or spacing that do not fit.
        """
        if truth.shape != predicted.shape:
            raise DataError(
                "truth and prediction differ in size", seen=f"{truth.shape} and {predicted.shape}"
            )
        void = codes(truth.dtype)[0]
        in_truth = _classes(truth, len(self.taxonomy), "truth")
        in_predicted = _classes(predicted, len(self.taxonomy), "prediction")
        rows: list[tuple[int, SurfaceScores]] = []
        with grid(truth.shape, spacing, self.threads) as at:
            ignored = packed(truth, at, void)
            for k in self.taxonomy.scored:
                if not (in_truth[k] or in_predicted[k]) and self.rules.both_empty == EmptyScores():
                    continue
                one = packed(truth, at, k)
                other = packed(predicted, at, k).without(ignored)
                scores = scores_of(
                    *sides(one, other, at, self.rules),
                    self.rules,
                    at,
                    tolerance=self.tolerance,
                    percentile=self.percentile,
                )
                if scores.truth_points or scores.predicted_points or scores.nsd is not None:
                    rows.append((k, scores))
        place = int(self.samples[0]) if order is None else order
        for k, scores in rows:
            self.values.add(place, k, {name: getattr(scores, name) for name in _VALUES})
            self.counts[k] += (
                1,
                not scores.predicted_points and scores.truth_points > 0,
                not scores.truth_points and scores.predicted_points > 0,
            )
        self.samples += (1, spacing is None)
        return {
            metric: mean([getattr(scores, name) for _, scores in rows])
            for metric, name in self.names.items()
        }

    def merge(self, other: SurfaceMetrics) -> None:
        """Add what another worker measured under the same taxonomy; each sample has its order."""
        self.values.merge(other.values)
        self.counts += other.counts
        self.samples += other.samples

    def result(self) -> Scores:
        """Scores over everything measured so far."""
        orders, categories, table = self.values.table()
        means = {k: _means(table[categories == k]) for k in self.taxonomy.scored}
        groups = means
        if self.rules.average == "samples":
            cuts = np.flatnonzero(np.diff(orders)) + 1
            groups = dict(enumerate(_means(rows) for rows in np.split(table, cuts)))
        metrics = {
            metric: mean([group[name] for group in groups.values()])
            for metric, name in self.names.items()
        }
        why = _ONE_SIDED if len(orders) else _NOTHING
        reasons = {metric: why for metric, value in metrics.items() if value is None}
        per_class = {self.taxonomy[k].key: self._class_row(k, means[k]) for k in means}
        return Scores(metrics, reasons, per_class, self._notes())

    def resampled(
        self, weights: NDArray[np.int64], orders: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """Scores of resamples; see `SampleValues.totals`."""
        if self.rules.average == "samples":
            own = self._sample_means().means(weights, orders, 1)[:, 0]
        else:
            own = mean_over(self.values.means(weights, orders, len(self.taxonomy)), axis=1)
        return {metric: own[:, _VALUES.index(name)] for metric, name in self.names.items()}

    def _sample_means(self) -> SampleValues:
        """Means over the classes of each sample, as rows of class 0."""
        orders, _, table = self.values.table()
        samples, first = np.unique(orders, return_index=True)
        parts = np.split(table, first[1:]) if len(samples) else []
        rows = [[np.nan if v is None else v for v in _means(part).values()] for part in parts]
        values = np.array(rows, np.float64).reshape(len(samples), len(_VALUES))
        return SampleValues.of(_VALUES, samples, np.zeros(len(samples), np.int64), values)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What was measured, as arrays."""
        return {**self.values.state(), "counts": self.counts.copy(), "samples": self.samples.copy()}

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError: arrays of another shape or kind, or of another taxonomy.
        """
        for name, own in (("counts", self.counts), ("samples", self.samples)):
            given = state.get(name)
            if given is None or given.shape != own.shape or given.dtype.kind != "i":
                seen = "nothing" if given is None else f"{given.dtype}{given.shape}"
                raise ValueError(f"{name} of surfaces are {seen}")
        missing = {"orders", "categories", "values"} - set(state)
        if missing:
            raise ValueError(f"values of surfaces lack {', '.join(sorted(missing))}")
        self.values.load(state)
        self.counts = np.array(state["counts"], np.int64)
        self.samples = np.array(state["samples"], np.int64)

    def _class_row(self, k: int, means: Mapping[str, Score]) -> dict[str, Any]:
        category = self.taxonomy[k]
        row: dict[str, Any] = {"name": category.name, "kind": category.kind}
        row |= {"asd_truth": means["asd_truth"], "asd_predicted": means["asd_predicted"]}
        row |= {metric: means[name] for metric, name in self.names.items()}
        row |= {name: int(self.counts[k, i]) for i, name in enumerate(_COUNTS)}
        if not self.counts[k, 0]:
            row["reason"] = "absent from truth and prediction"
        elif means["assd"] is None:
            row["reason"] = "never in the truth and the prediction of one sample"
        return row

    def _notes(self) -> tuple[str, ...]:
        samples, without = (int(n) for n in self.samples)
        notes = []
        if 0 < without < samples:
            notes.append(
                f"{without} of {samples} samples have no spacing: their distances are px among "
                "those in units of spacing"
            )
        _, missed, spurious = (int(n) for n in self.counts.sum(axis=0))
        if missed + spurious:
            notes.append(
                f"classes missed: {missed}, predicted where they are not: {spurious}; "
                f"there its distances are {_said(self.rules.one_empty.asd)}, its nsd "
                f"{_said(self.rules.one_empty.nsd)}"
            )
        return tuple(notes)


def _said(value: Score) -> str:
    return "undefined and in no mean" if value is None else f"{value:g}"


def _means(rows: NDArray[np.float64]) -> dict[str, Score]:
    """Of each value the mean over the rows that have it."""
    columns = [[None if np.isnan(v) else v for v in column] for column in rows.T.tolist()]
    return {name: mean(column) for name, column in zip(_VALUES, columns, strict=True)}


def _classes(values: NDArray[Any], n: int, name: str) -> NDArray[np.bool_]:
    """(n,) which categories occur."""
    void, background = codes(values.dtype)
    seen = np.zeros(void + 1, np.uint8)
    _see(np.ascontiguousarray(values).reshape(-1), seen)
    wrong = np.flatnonzero(seen[:background])
    if wrong.size and wrong[-1] >= n:
        raise DataError(
            f"the {name} holds a value that is no category",
            seen=int(wrong[-1]),
            hint=f"there are {n} categories, counted from 0",
        )
    return seen[:n].astype(np.bool_)


@kernel
def _see(values: Any, seen: Bytes) -> None:
    for value in values:
        seen[value] = 1
