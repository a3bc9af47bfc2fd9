"""Everything that is counted over some samples; `families.py` says what there is to count."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from maskloom.core.outcome import Table, counted
from maskloom.core.report import Confusion, Curve, Score
from maskloom.metrics.judging.families import FAMILIES, Family, State
from maskloom.metrics.judging.scene import Scene
from maskloom.metrics.pixels import PixelMetrics
from maskloom.metrics.scores import Scores
from maskloom.metrics.state import numbers

_NAMED = ("name", "kind")


class Tally:
    """Families that count the same samples: update → merge → result, in any order.

    Args:
        families: by name, in the order of reports.
    """

    def __init__(self, families: dict[str, Family]) -> None:
        self.families = families
        self.samples = 0
        self.fed = dict.fromkeys(families, 0)

    def update(self, scene: Scene) -> dict[str, Score]:
        """Count a sample; its own scores."""
        row: dict[str, Score] = {}
        for name, family in self.families.items():
            kind = FAMILIES[name]
            own = kind.feed(family, scene)
            self.fed[name] += bool(own)
            # Families have scores beyond those of reports, some under names of others.
            row |= own if kind.columns is None else _only(own, kind.metrics)
        self.samples += 1
        return row

    def merge(self, other: Tally) -> None:
        """Add what another worker or slice counted."""
        for name, family in self.families.items():
            family.merge(other.families[name])
            self.fed[name] += other.fed[name]
        self.samples += other.samples

    def result(self) -> Scores:
        """The scores of all families; those of a class are in one row."""
        metrics: dict[str, Score] = {}
        reasons: dict[str, str] = {}
        per_class: dict[str, dict[str, Any]] = {}
        notes: dict[str, None] = {}
        curves: list[Curve] = []
        breakdowns: dict[str, Table] = {}
        for name, family in self.families.items():
            found, kind = family.result(), FAMILIES[name]
            if not self.fed[name] and kind.lacking:
                continue
            given = any(score in found.metrics for score in kind.metrics)
            if given and kind.lacking and self.fed[name] < self.samples:
                notes[self._partly(name)] = None
            metrics |= _only(found.metrics, kind.metrics)
            reasons |= _only(found.reasons, kind.metrics)
            notes |= dict.fromkeys(found.notes)
            curves += found.curves
            breakdowns |= found.breakdowns
            for key, row in found.per_class.items():
                known = per_class.setdefault(key, {})
                why = [r["reason"] for r in (known, row) if "reason" in r]
                known |= row if kind.columns is None else _only(row, (*kind.columns, *_NAMED))
                if why:
                    known["reason"] = "; ".join(dict.fromkeys(why))
        return Scores(metrics, reasons, per_class, tuple(notes), tuple(curves), breakdowns)

    def _partly(self, name: str) -> str:
        kind, fed = FAMILIES[name], self.fed[name]
        scores = f"{', '.join(kind.metrics)} {'is' if len(kind.metrics) == 1 else 'are'}"
        return f"{scores} of {fed} of {counted(self.samples, 'sample')}: {kind.lacking}"

    def confusion(self) -> Confusion | None:
        """Joint pixel counts, where pixels are counted."""
        pixels = self.families.get("pixels")
        return pixels.table() if isinstance(pixels, PixelMetrics) else None

    def state(self) -> State:
        """What all families counted, as arrays named FAMILY.ARRAY."""
        arrays = {
            f"{name}.{key}": array
            for name, family in self.families.items()
            for key, array in family.state().items()
        }
        return {**arrays, "fed": np.array(list(self.fed.values()), np.int64)}

    def load(self, state: State, samples: int) -> None:
        """Take up what `state` gave.

        Raises:
            ValueError, KeyError: arrays of another shape or kind, or none.
        """
        for name, family in self.families.items():
            first = f"{name}."
            family.load({k[len(first) :]: v for k, v in state.items() if k.startswith(first)})
        self.fed = dict(zip(self.fed, numbers(state, "fed", len(self.fed)), strict=True))
        self.samples = samples


def _only(values: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}
