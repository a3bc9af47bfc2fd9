"""`evaluate --against`: how much better a prediction is than another one of the same samples.

No verb: it makes the results and tables that `evaluate` adds. The tests are `metrics/paired.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskloom.core.outcome import Cell, Table
    from maskloom.core.report import Report
    from maskloom.metrics.intervals import Interval
    from maskloom.metrics.paired import PairedTest

_SAMPLE_SCORES = ("pq", "f1_50", "miou", "dice", "pixel_accuracy")


@dataclass(frozen=True, slots=True)
class Rivalry:
    """Two reports of one truth, compared.

    Args:
        path: of the other prediction.
        ours, theirs: the reports.
        gaps: intervals of the difference (ours minus theirs) of scores over the data set.
        tests: of the samples' own scores.
    """

    path: Path
    ours: Report
    theirs: Report
    gaps: dict[str, Interval]
    tests: tuple[PairedTest, ...]

    @property
    def name(self) -> str:
        """Its key in the results."""
        return "against"

    def results(self) -> dict[str, Any]:
        """The machine form."""
        return {
            "predicted": self.path,
            "metrics": dict(self.theirs.metrics),
            "difference": {name: self._gap(name) for name in self._both()},
            "intervals": {name: asdict(gap) for name, gap in self.gaps.items()},
            "tests": [asdict(test) for test in self.tests],
        }

    def tables(self) -> tuple[Table, ...]:
        """The same for people."""
        from maskloom.core.outcome import Table

        rows: list[list[Cell]] = []
        for name in self._both():
            gap = self.gaps.get(name)
            bounds = (None, None) if gap is None else (gap.low, gap.high)
            values = (self.ours.metrics[name], self.theirs.metrics[name], self._gap(name), *bounds)
            rows.append([name, *(None if v is None else round(v, 4) for v in values)])
        head = ("metric", "this", "other", "difference", "low", "high")
        title = f"Against {self.path.name}"
        tests: list[list[Cell]] = [
            [t.name, t.pairs, round(t.difference, 4), *map(_short, (t.permutation, t.holm))]
            for t in self.tests
        ]
        columns = ("score of a sample", "pairs", "mean difference", "p", "p of all (Holm)")
        note = "p of as large a difference, were the two alike"
        return (
            Table(title, head, rows, "low and high: 95 % interval of the difference"),
            *([Table("Sample by sample", columns, tests, note)] if tests else []),
        )

    def _both(self) -> list[str]:
        return [name for name in self.ours.metrics if name in self.theirs.metrics]

    def _gap(self, name: str) -> float | None:
        one, other = self.ours.metrics[name], self.theirs.metrics[name]
        return None if one is None or other is None else one - other


def rivalry(ours: Report, theirs: Report, path: Path, groups: dict[str, str]) -> Rivalry:
    """Compare two reports.

    Args:
        ours: of the prediction that was asked about.
        theirs: of the other one.
        path: of the other prediction.
        groups: key of a sample → what is drawn with it.
    """
    from maskloom.metrics.paired import compare_reports

    rows = ours.per_sample[:1]
    names = [name for name in _SAMPLE_SCORES if any(name in row for row in rows)]
    return Rivalry(path, ours, theirs, *compare_reports(theirs, ours, groups, names))


def _short(value: float) -> float:
    return float(f"{value:.2g}")
