"""What a judging verb returns: scores with their meaning, per class, slice and sample.

A report holds numbers and words only; pictures are added when `report/html.py` draws it.
`worst(n)` is the review queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.outcome import Table

Score = float | None
_TIES = ("j_and_f", "miou", "pixel_accuracy")
"""What orders samples of equal scores: often all objects are found, well or not so well."""
Scores = Mapping[str, Score]


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """Joint pixel counts: `matrix[i, j]` pixels of truth i were predicted as j.

    Args:
        matrix: (R, C) int64; the last column may be void predictions.
        rows, columns: names, same order.
        keys: category key per row, None for background.
    """

    matrix: NDArray[np.int64]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    keys: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One line of a plot: y over x; `note` is what its legend says beside its name."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    x_label: str = ""
    y_label: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Scores of one judgement.

    Args:
        title: one line, e.g. what was compared with what.
        task: semantic, instance or panoptic.
        metrics: flat name → fraction in [0, 1] (distances in units of spacing) or None where
            undefined; `reasons` says why for each None.
        per_class: category key → {"name", "kind", scores, counts}.
        per_slice: slice value → scores.
        per_sample: one mapping per sample with "key" and its scores.
        confusion: joint pixel counts, if classes were compared.
        curves: training curves, precision-recall curves.
        breakdowns: name → a table of where the errors are, beside the scores.
        provenance: data hashes, model hash, conventions, versions, command.
        notes: sentences that a reader must know.
        ranked_by: the per-sample score that orders `worst`.
        colors: category key → RGB, for drawing; no part of the machine form.
        intervals: name of a score → bounds and the share of resamples where it is undefined.
        resamples: name → the score of each resample, to compare reports; no part of the
            machine form.
    """

    title: str
    task: str
    metrics: Scores
    reasons: Mapping[str, str] = field(default_factory=dict)
    per_class: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    per_slice: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    per_sample: tuple[Mapping[str, Any], ...] = ()
    confusion: Confusion | None = None
    curves: tuple[Curve, ...] = ()
    breakdowns: Mapping[str, Table] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    ranked_by: str = "miou"
    colors: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    resamples: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def worst(self, n: int) -> list[Mapping[str, Any]]:
        """The n samples with the lowest score, worst first; undefined scores come last."""
        return self._ranked()[:n]

    def best(self, n: int) -> list[Mapping[str, Any]]:
        """The n samples with the highest score, best first; undefined scores left out."""
        defined = [row for row in self._ranked() if row.get(self.ranked_by) is not None]
        return defined[::-1][:n]

    def _ranked(self) -> list[Mapping[str, Any]]:
        def order(row: Mapping[str, Any]) -> tuple[Any, ...]:
            own = [row.get(name) for name in (self.ranked_by, *_TIES)]
            return (*((one is None, float(one or 0.0)) for one in own), str(row["key"]))

        return sorted(self.per_sample, key=order)

    def to_json(self) -> dict[str, Any]:
        """The machine form: what `results` holds in the JSON envelope."""
        out: dict[str, Any] = {
            "title": self.title,
            "task": self.task,
            "metrics": dict(self.metrics),
            "reasons": dict(self.reasons),
            "per_class": {k: dict(v) for k, v in self.per_class.items()},
            "per_slice": {k: dict(v) for k, v in self.per_slice.items()},
            "per_sample": [dict(row) for row in self.per_sample],
            "provenance": dict(self.provenance),
            "notes": list(self.notes),
        }
        if self.intervals:
            names = ("low", "high", "undefined")
            out["intervals"] = {
                name: dict(zip(names, bounds, strict=True))
                for name, bounds in self.intervals.items()
            }
        if self.breakdowns:
            out["breakdowns"] = {name: table.records() for name, table in self.breakdowns.items()}
        if self.curves:
            out["curves"] = [asdict(curve) for curve in self.curves]
        if self.confusion is not None:
            out["confusion"] = {
                "matrix": self.confusion.matrix.tolist(),
                "rows": list(self.confusion.rows),
                "columns": list(self.confusion.columns),
            }
        return out
