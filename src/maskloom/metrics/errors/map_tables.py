"""Errors of class maps in words and tables: by distance to boundaries, and by region."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from maskloom.core.kernel import Ints
from maskloom.core.outcome import Cell, Table
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.errors.distance import REACHES_PX
from maskloom.metrics.errors.regions import REGION_COUNTS

_BINS = (
    f"up to {REACHES_PX[0]} px",
    *(f"{low} to {high} px" for low, high in pairwise(REACHES_PX)),
    f"over {REACHES_PX[-1]} px",
)
_DISTANCE_NOTE = (
    "distance of a wrong pixel to the nearest pixel of another true class, in px whatever the "
    "spacing: 1 beside a boundary; near ones are matters of outline, far ones of class"
)
_CLASS_NOTE = (
    "missed: pixels of the class that were predicted as anything else; extra: pixels of anything "
    "else that were predicted as the class; columns are shares of these pixels"
)
_REGION_NOTE = (
    "regions: connected parts of a class in the truth; found: more than half is predicted as the "
    "class; of these split: two or more predicted regions each hold a tenth of it; merged: one "
    "predicted region holds most of it and of another; wrong class: more than half is predicted "
    "as one other class; missed: the rest; extra: predicted regions that are at most half right"
)


def distance_tables(taxonomy: Taxonomy, missed: Ints, extra: Ints) -> dict[str, Table]:
    """Wrong pixels by distance: of all classes, and of each, most errors first.

    Args:
        taxonomy: of the class maps.
        missed: (K + 1, bins) pixels; row K is background.
        extra: likewise.
    """
    wrong = missed.sum(axis=0)
    total, so_far = int(wrong.sum()), np.cumsum(wrong).tolist()
    rows = [
        (name, n, _share(n, total), _share(up_to, total))
        for name, n, up_to in zip(_BINS, wrong.tolist(), so_far, strict=True)
    ]
    head = ("distance", "wrong pixels", "share", "share up to here")
    by_class: list[tuple[Cell, ...]] = []
    for k in _by_errors(taxonomy, (missed + extra).sum(axis=1)):
        for name, counts in (("missed", missed[k].tolist()), ("extra", extra[k].tolist())):
            if n := sum(counts):
                shares = (_share(count, n) for count in counts)
                by_class.append((taxonomy[k].name, name, n, *shares))
    return {
        "error_distance": Table(
            "Wrong pixels by distance to the true boundary", head, rows, _DISTANCE_NOTE
        ),
        "error_distance_by_class": Table(
            "Wrong pixels of each class by distance to the true boundary",
            ("class", "error", "pixels", *_BINS),
            by_class,
            _CLASS_NOTE,
        ),
    }


def region_table(taxonomy: Taxonomy, counts: Ints, taken: Ints) -> Table:
    """Connected regions of each class that either side shows, most errors first.

    Args:
        taxonomy: of the class maps.
        counts: (len(REGION_COUNTS), K).
        taken: (K, K) true regions of a class that were predicted as another.
    """
    head = [*REGION_COUNTS[:5], "wrong class", "mostly as", *REGION_COUNTS[5:]]
    rows: list[tuple[Cell, ...]] = []
    named = dict(zip(REGION_COUNTS, counts, strict=True))
    for k in _by_errors(taxonomy, named["regions"] - named["found"] + named["extra"]):
        own, wrong = counts[:, k].tolist(), int(taken[k].sum())
        if any(own):
            mostly = taxonomy[int(taken[k].argmax())].name if wrong else None
            rows.append((taxonomy[k].name, *own[:5], wrong, mostly, *own[5:]))
    return Table("Regions", ("class", *head), rows, _REGION_NOTE)


def _by_errors(taxonomy: Taxonomy, errors: Ints) -> list[int]:
    """The classes that count, most errors first."""
    return sorted(taxonomy.scored, key=lambda k: -int(errors[k]))


def _share(n: int, of: int) -> float | None:
    return round(n / of, 4) if of else None
