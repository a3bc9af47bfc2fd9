"""`evaluate --explain-conventions`: how each number moves between conventions, and why.

No verb: it makes the results and tables that `evaluate` adds. The scores are of
`metrics/judging/explain.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskloom.core.outcome import Cell, Table
    from maskloom.metrics.judging.explain import Move


@dataclass(frozen=True, slots=True)
class Moves:
    """Scores under all conventions.

    Args:
        found: metric by metric, `maskloom` first.
    """

    found: tuple[Move, ...]

    @property
    def name(self) -> str:
        """Its key in the results."""
        return "conventions"

    def results(self) -> list[dict[str, Any]]:
        """The machine form."""
        return [asdict(move) for move in self.found]

    def notes(self) -> tuple[str, ...]:
        """Nothing beyond the tables."""
        return ()

    def tables(self) -> tuple[Table, ...]:
        """Numbers first, then the rules that differ."""
        from maskloom.core.outcome import Table

        ours = {m.metric: m.value for m in self.found if m.convention == "maskloom"}
        moved = {m.metric for m in self.found if m.value != ours.get(m.metric)}
        rows: list[list[Cell]] = [
            [m.metric, m.convention, _rounded(m.value), _rounded(m.difference)]
            for m in self.found
            if m.metric in moved
        ]
        same = list(dict.fromkeys(m.metric for m in self.found if m.metric not in moved))
        why: dict[tuple[str, str], list[str]] = {}
        for move in self.found:
            if move.because:
                rules = why.setdefault((move.convention, "; ".join(move.because)), [])
                rules.append(move.metric)
        reasons: list[list[Cell]] = [
            [convention, ", ".join(metrics), rules] for (convention, rules), metrics in why.items()
        ]
        if not self.found:
            note = "no other convention has rules for these scores"
            return (Table("Conventions", ("metric", "convention"), (), note),)
        head = ("metric", "convention", "value", "difference")
        note = "difference: from maskloom"
        if same:
            note += f"; the same under all that have rules for them: {', '.join(same)}"
        return (
            Table("Conventions", head, rows, note),
            Table("Rules that differ", ("convention", "metrics", "rules"), reasons),
        )


def _rounded(value: float | None) -> float | None:
    # Without the sign of a difference that rounds to nothing.
    return None if value is None else round(value, 4) + 0.0
