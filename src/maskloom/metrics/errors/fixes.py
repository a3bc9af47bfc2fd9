"""What errors cost: how much AP at IoU 0.5 would rise were one kind of them alone put right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Floats, Ints, kernel
from maskloom.core.report import Score
from maskloom.metrics.errors.kinds import CLASS, KINDS, LOCATION, RIGHT
from maskloom.metrics.objects.columns import RECALLS
from maskloom.metrics.objects.matching import Flags
from maskloom.metrics.scores import mean

ALL_FALSE, ALL_MISSED = "false positives", "false negatives"


@dataclass(frozen=True, slots=True)
class Costs:
    """What errors cost.

    Args:
        ap50: mean over the classes that have an object; None where none has.
        gained: kind of error → how much that would rise; None where it would have no value.
    """

    ap50: Score
    gained: dict[str, Score]


def costs(
    table: Mapping[str, Any], objects: Ints, missed: Ints, unfound: Ints, scored: Sequence[int]
) -> Costs:
    """Put each kind of error right, alone, and take the average precision again.

    - class and location: the prediction finds its object, if no surer one would; else it is gone.
    - both, duplicate, background, and `false positives` (all that found nothing): gone.
    - missed, and `false negatives` (all that was not found): these objects need not be found. A
      class without another object has AP 0 then; without a prediction, too, it is left out.

    Args:
        table: all predictions that are judged, as `columns.PREDICTIONS`.
        objects: (K,) true objects of each category.
        missed: (K,) of these neither found nor meant by an error of class or location.
        unfound: (K,) of these not found at IoU 0.5.
        scored: positions of categories that count.

    Source: Bolya et al. 2020, section 2.3, and tidecv `TIDERun.fix_errors`. A kind costs 0 at
    least. Deviations: predictions of equal score keep their order, and a class that the truth
    does not have does not lower the mean.
    """
    by = np.lexsort((table["rank"], table["order"], -table["score"]))
    kind, category, gains = (table[name][by] for name in ("kind", "category", "gains"))
    right = kind == RIGHT
    there = [k for k in scored if objects[k]]

    def ap(of: NDArray[np.int32], hit: Flags, positives: Ints) -> Score:
        return _mean_ap(of, hit, positives, there)

    base = ap(category, right, objects)
    fixed: dict[str, Score] = {}
    for k, name in list(enumerate(KINDS))[1:]:
        own = kind == k
        if k in (CLASS, LOCATION):
            found = own & (gains >= 0)
            moved, kept = np.where(found, gains, category), ~own | found
            fixed[name] = ap(moved[kept], (right | found)[kept], objects)
        else:
            fixed[name] = ap(category[~own], right[~own], objects)
    fixed["missed"] = ap(category, right, objects - missed)
    gained = {name: _rise(base, value) for name, value in fixed.items()}
    gained[ALL_FALSE] = _rise(base, ap(category[right], right[right], objects))
    gained[ALL_MISSED] = _rise(base, ap(category, right, objects - unfound))
    return Costs(base, gained)


def _rise(base: Score, fixed: Score) -> Score:
    return None if base is None or fixed is None else max(fixed - base, 0.0)


def _mean_ap(
    category: NDArray[np.int32], hit: Flags, positives: Ints, classes: Sequence[int]
) -> Score:
    """Mean over classes that have an object or a prediction; these come by falling score."""
    by = np.argsort(category, kind="stable")
    category, hit = category[by], hit[by]
    found = []
    for k in classes:
        first, last = np.searchsorted(category, [k, k + 1])
        if positives[k]:
            curve = _precision(hit[first:last], int(positives[k]), RECALLS)
            found.append(float(curve.mean()))
        elif last > first:
            found.append(0.0)
    return mean(found)


@kernel
def _precision(hit: Flags, positives: int, recalls: Floats) -> NDArray[np.float64]:
    """Interpolated precision at given recalls, of one class by falling score."""
    best, n = np.empty(hit.size), 0
    for i in range(hit.size):
        if hit[i]:
            best[n] = (n + 1) / (i + 1)
            n += 1
    for i in range(n - 1, 0, -1):
        best[i - 1] = max(best[i - 1], best[i])
    out, i = np.zeros(recalls.size), 0
    for r in range(recalls.size):
        while i < n and (i + 1) / positives < recalls[r]:
            i += 1
        if i == n:
            break
        out[r] = best[i]
    return out
