"""Errors of objects in words and tables: by kind, and by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints
from maskloom.core.outcome import Cell, Table
from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.errors.fixes import ALL_FALSE, ALL_MISSED, Costs
from maskloom.metrics.errors.kinds import KINDS, RIGHT
from maskloom.metrics.objects.sides import InstanceRules

_WORDS = {
    "class": "on an object of another class",
    "location": "on an object of its class, but too far off: IoU 0.1 to 0.5",
    "both": "on an object of another class, and too far off",
    "duplicate": "on an object that a surer prediction has found",
    "background": "on no object: IoU below 0.1",
    "missed": "true object not found, and with no error of class or location on it",
    "split": "true object covered by several predictions",
    "merged": "prediction that covers several true objects",
    "joined": "true object covered by a merged prediction",
    ALL_FALSE: "all predictions that found no object",
    ALL_MISSED: "all true objects that were not found",
}
_PIECES = (
    "split: predictions of its class lie mainly in the object, are a tenth of it or more, and one "
    "is distinct from the largest; merged: the same the other way round; such errors are among the "
    "others, too"
)


@dataclass(frozen=True, slots=True, eq=False)
class ClassCounts:
    """Whole numbers by category.

    Args:
        category: (N,) of each judged prediction.
        kind: (N,) what it is, an index of `KINDS`.
        objects: (K,) true objects.
        found: (K,) of these found at IoU 0.5.
        beside: `missed`, `split`, `merged` and `joined` → (K,).
    """

    category: NDArray[np.int32]
    kind: NDArray[np.uint8]
    objects: Ints
    found: Ints
    beside: Mapping[str, Ints]

    def of_kinds(self) -> Ints:
        """(K, kinds) predictions of each category and kind."""
        k, n = len(self.objects), len(KINDS)
        cells = self.category.astype(np.int64) * n + self.kind
        return np.bincount(cells, minlength=k * n).reshape(k, n)


def object_tables(
    taxonomy: Taxonomy, counts: ClassCounts, cost: Costs, *, rules: InstanceRules
) -> dict[str, Table]:
    """Errors by kind with what they cost, and by class.

    Args:
        taxonomy: of the labels.
        counts: over the data set.
        cost: of the kinds.
        rules: that say which predictions were kept.
    """
    scored = list(taxonomy.scored)
    kinds = counts.of_kinds()[scored]
    totals = dict(zip(KINDS, kinds.sum(axis=0).tolist(), strict=True))
    totals |= {name: int(values[scored].sum()) for name, values in counts.beside.items()}
    totals[ALL_FALSE] = int(kinds.sum()) - totals[KINDS[RIGHT]]
    totals[ALL_MISSED] = int((counts.objects - counts.found)[scored].sum())
    rows = [
        (name, said, totals[name], _rounded(cost.gained.get(name))) for name, said in _WORDS.items()
    ]
    tables = {
        "object_errors": Table(
            "Errors of objects",
            ("error", "what it is", "count", "dAP"),
            rows,
            _note(cost.ap50, rules),
        )
    }
    head = ("class", "objects", "predictions", *KINDS, "missed", "split", "merged")
    tables["object_errors_by_class"] = Table(
        "Errors of objects by class",
        head,
        _by_class(taxonomy, counts),
        "right: found an object at IoU 0.5; a wrong prediction counts with the class predicted",
    )
    return tables


def _by_class(taxonomy: Taxonomy, counts: ClassCounts) -> list[tuple[Cell, ...]]:
    """Rows of the classes that either side has, most errors first."""
    rows: list[tuple[int, tuple[Cell, ...]]] = []
    for k, kinds in enumerate(counts.of_kinds().tolist()):
        objects = int(counts.objects[k])
        if k in taxonomy.scored and (objects or any(kinds)):
            beside = [int(counts.beside[name][k]) for name in ("missed", "split", "merged")]
            errors = sum(kinds) - kinds[RIGHT] + beside[0]
            rows.append((-errors, (taxonomy[k].name, objects, sum(kinds), *kinds, *beside)))
    return [row for _, row in sorted(rows, key=lambda one: one[0])]


def _note(ap50: Score, rules: InstanceRules) -> str:
    if ap50 is None:
        return f"dAP is undefined: the truth holds no object; {_PIECES}"
    return (
        f"dAP: how much AP50, now {ap50:.3f}, would rise were this error alone put right (Bolya et "
        f"al. 2020, TIDE), {_kept(rules)} counted, whatever their scores; {_PIECES}"
    )


def _kept(rules: InstanceRules) -> str:
    """Which predictions of an image are judged, in words."""
    most = [
        *([f"of an image the {n} surest"] if (n := rules.max_per_image) is not None else []),
        *([f"of each class in an image the {n} surest"] if (n := rules.max_detections) else []),
    ]
    return f"{', '.join(most)} predictions" if most else "all predictions"


def _rounded(value: Score) -> Score:
    return None if value is None else round(value, 4)
