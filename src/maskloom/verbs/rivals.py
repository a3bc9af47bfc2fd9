"""`evaluate --against`: how much better a prediction is than another one of the same samples.

No verb: it makes the results and tables that `evaluate` adds. The tests are `metrics/paired.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskloom.core.outcome import Cell, Table
    from maskloom.core.report import Report
    from maskloom.metrics.intervals import Interval
    from maskloom.metrics.paired import PairedTest

_SAMPLE_SCORES = ("pq", "f1_50", "miou", "dice", "pixel_accuracy")
_BLANK = {"pq": 1.0, "f1_50": 1.0, "miou": 1.0, "dice": 1.0}
"""A sample in which nothing is, and nothing is predicted, is right; as the other prediction has a
score there, it raised a false alarm."""
_DISTANCES = ("assd", "hd", "hd95")


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

    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the other prediction, and of the difference."""
        from maskloom.metrics.intervals import often_undefined

        own = tuple(f"{self.path.name}: {note}" for note in self.theirs.notes)
        own += tuple(f"differences: {note}" for note in often_undefined(self.gaps))
        if not self._uneven():
            return own
        names = ", ".join(name for name in _DISTANCES if name in self.ours.metrics)
        return (
            *own,
            f"{names} are not compared: a class is missed or falsely predicted in some samples, "
            "which have no distance, and the two predictions differ in which",
        )

    def tables(self) -> tuple[Table, ...]:
        """The same for people."""
        from maskloom.core.outcome import Table

        rows: list[list[Cell]] = []
        for name in self._both():
            gap = self.gaps.get(name)
            bounds = (None, None) if gap is None else (gap.low, gap.high)
            values = (self.ours.metrics[name], self.theirs.metrics[name], self._gap(name), *bounds)
            shown = [None if v is None else round(v, 4) for v in values]
            rows.append([name, *shown, self._better(name)])
        head = ("metric", "this", "other", "difference", "low", "high", "better")
        title = f"Against {self.path.name}"
        tests: list[list[Cell]] = [
            [t.name, t.pairs, t.left_out, round(t.difference, 4), *map(_p, (t.permutation, t.holm))]
            for t in self.tests
        ]
        columns = ("score of a sample", "pairs", "left out", "mean difference", "p", "p (Holm)")
        note = "p of as large a difference, were the two alike; left out: one of both has no score"
        return (
            Table(title, head, rows, "low and high: 95 % interval of the difference"),
            *([Table("Sample by sample", columns, tests, note)] if tests else []),
        )

    def has_gap(self, name: str) -> bool:
        """Whether the difference of a score means anything."""
        return name in self._both() and self._gap(name) is not None

    def _both(self) -> list[str]:
        return [name for name in self.ours.metrics if name in self.theirs.metrics]

    def _gap(self, name: str) -> float | None:
        one, other = self.ours.metrics[name], self.theirs.metrics[name]
        if one is None or other is None or (name in _DISTANCES and self._uneven()):
            return None
        return one - other

    def _better(self, name: str) -> str:
        """Which of both, where the interval of the difference leaves 0 out."""
        from maskloom.report.words import meaning

        gap, good = self.gaps.get(name), meaning(name).good
        if gap is None or self._gap(name) is None or good == "neither" or gap.low <= 0 <= gap.high:
            return "-"
        return "this" if (gap.low > 0) == (good == "high") else "other"

    def _uneven(self) -> bool:
        """Whether a class has no distance in some samples of one of both."""
        rows = [*self.ours.per_class.values(), *self.theirs.per_class.values()]
        return any(row.get("missed") or row.get("spurious") for row in rows)


def rivalry(
    ours: Report, theirs: Report, path: Path, groups: dict[str, str], asked: tuple[str, ...]
) -> Rivalry:
    """Compare two reports.

    Args:
        ours: of the prediction that was asked about.
        theirs: of the other one.
        path: of the other prediction.
        groups: key of a sample → what is drawn with it.
        asked: scores that were named; those that samples have are tested.

    Raises:
        DataError: they are not of the same samples.
    """
    from maskloom.errors import DataError
    from maskloom.metrics.paired import compare_reports

    keys = [{str(row["key"]) for row in report.per_sample} for report in (ours, theirs)]
    if lone := sorted(keys[0] ^ keys[1]):
        raise DataError(
            "the two predictions are of different samples",
            where=f"--against {path}",
            seen=f"{lone[0]} and {len(lone) - 1} more in one of both alone",
            hint="add them, or say --missing empty",
        )
    named = [name for row in ours.per_sample for name in row]
    wanted = [name for name in asked if name in named] or _SAMPLE_SCORES
    names = [name for name in wanted if name in named]
    found = compare_reports(theirs, ours, groups, names, blank=_BLANK)
    rival = Rivalry(path, ours, theirs, *found)
    return replace(rival, gaps={k: v for k, v in rival.gaps.items() if rival.has_gap(k)})


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3g}"
