"""What can be drawn of ranked predictions: precision over recall, and F1 over a least score."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from maskloom.core.report import Curve
from maskloom.metrics.objects.columns import LEVELS, RECALLS, PredictionColumns

_DRAWN = (0, 5, 8)
"""Levels that are drawn: IoU 0.50, 0.75 and 0.90."""
_MOST_CLASSES = 8
_POINTS = 101


def instance_curves(
    table: PredictionColumns,
    precision: Mapping[str, NDArray[np.float64] | None],
    objects: int,
    *,
    scored: bool,
) -> tuple[Curve, ...]:
    """Curves of precision, mean over classes and of each where they are few; F1 over scores.

    Args:
        table: all predictions.
        precision: name of a class → (T, R) over `LEVELS` and `RECALLS`, None without an object.
        objects: how many there are to find.
        scored: predictions say how sure they are.
    """
    known = {name: one for name, one in precision.items() if one is not None}
    if not known:
        return ()
    recalls = tuple(RECALLS.tolist())
    over = np.mean(list(known.values()), axis=0)
    lines = [(f"IoU {LEVELS[t]:.2f}", over[t], "precision") for t in _DRAWN]
    if 1 < len(known) <= _MOST_CLASSES:
        lines += [(name, each[0], "precision at IoU 0.50") for name, each in known.items()]
    drawn = [
        Curve(name, recalls, tuple(y.tolist()), "recall", label, f"average {y.mean():.3f}")
        for name, y, label in lines
    ]
    return (*drawn, _f1_curve(table, objects)) if scored and len(table.score) else tuple(drawn)


def _f1_curve(table: PredictionColumns, objects: int) -> Curve:
    """F1 at IoU 0.5 of the predictions of a score and above, which say where to cut."""
    counted = (table.drop[:, 0] & 1) == 0
    score, hit = table.score[counted], (table.hit[counted, 0] & 1).astype(np.int64)
    order = np.argsort(-score, kind="stable")
    score, found = score[order], np.concatenate([[0], np.cumsum(hit[order])])

    def f1(least: NDArray[np.float64]) -> NDArray[np.float64]:
        kept = np.searchsorted(-score, -least, side="right")
        values: NDArray[np.float64] = 2 * found[kept] / np.maximum(1, kept + objects)
        return values

    told = np.unique(score)[::-1] if len(score) else np.zeros(1)
    each = f1(told)
    best = told[np.argmax(each)]
    # The best lies between two points of any grid.
    grid = np.linspace(min(told[-1], 0.0), max(told[0], 1.0), _POINTS)
    least = np.unique(np.append(grid, best))
    points = tuple(least.tolist()), tuple(f1(least).tolist())
    said = f"best {each.max():.3f} at {_downwards(best)}"
    return Curve("all classes", *points, "least score that is kept", "F1 at IoU 0.50", said)


def _downwards(score: float) -> str:
    """A score in three digits, no higher than it is: what is cut there keeps it."""
    digits = max(0, 2 - math.floor(math.log10(abs(score)))) if score else 0
    return f"{math.floor(score * 10**digits) / 10**digits:.{digits}f}"
