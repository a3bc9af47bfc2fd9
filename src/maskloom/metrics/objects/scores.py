"""Average precision and recall of one category, from its predictions as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints
from maskloom.core.report import Score
from maskloom.metrics.coco.curves import curves
from maskloom.metrics.objects.columns import AREAS_PX, LEVELS, RECALLS, PredictionColumns
from maskloom.metrics.objects.matching import Bits
from maskloom.metrics.scores import mean

AVERAGED = (
    *("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"),
    *("ar1", "ar10", "ar100", "ar_all"),
)
INSTANCE_METRICS = (*AVERAGED, "f1_50")
_LIMITS = np.array([1, 10, 100, 2**31 - 1])
"""Most predictions an image for recalls; the last keeps all, for average precision."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassScores:
    """What is said of one category.

    Args:
        scores: by the names of `INSTANCE_METRICS`.
        precision: (T, R) interpolated precision over levels and recalls, of objects of any size;
            None where there is none to find.
    """

    scores: dict[str, Score]
    precision: NDArray[np.float64] | None


def class_scores(table: PredictionColumns, k: int, positives: Ints) -> ClassScores:
    """Scores of one category.

    Args:
        table: all predictions, ranked.
        k: position of the category.
        positives: (areas,) its objects to find.
    """
    own = slice(*np.searchsorted(table.category, [k, k + 1]))
    hit, drop, rank = table.hit[own], table.drop[own], table.rank[own]
    if not positives[0]:
        return ClassScores(dict.fromkeys(INSTANCE_METRICS), None)
    precision, recall, _ = curves(
        (hit, drop, rank.astype(np.int32), table.score[own]),
        positives,
        _LIMITS,
        RECALLS,
        levels=len(LEVELS),
        epsilon=0.0,
    )
    out: dict[str, Score] = {}
    for a, area in enumerate(AREAS_PX):
        found = precision[:, :, a, -1].mean(axis=1).tolist() if positives[a] else []
        out["ap" if area == "all" else f"ap_{area}"] = mean(found)
        if area == "all":
            out["ap50"], out["ap75"] = found[0], found[5]
    for m, most in enumerate((*_LIMITS[:-1].tolist(), "_all")):
        out[f"ar{most}"] = mean(recall[:, 0, m].tolist())
    out["f1_50"] = f1(hit, drop, int(positives[0]))
    return ClassScores(out, precision[:, :, 0, -1])


def f1(hit: Bits, drop: Bits, objects: int) -> Score:
    """2 tp / (predictions + objects) at IoU 0.5 over all sizes, ignored predictions left out."""
    counts = (drop[:, 0] & 1) == 0
    total = int(counts.sum()) + objects
    return 2 * int((hit[counts, 0] & 1).sum()) / total if total else None
