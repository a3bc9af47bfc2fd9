"""Thin structures: clDice, which asks for the same lines, not for the same pixels.

Skeletons and their length are `lengths.py`; the family over a data set is `thin_metrics.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.report import Score
from maskloom.errors import DataError
from maskloom.metrics.shape.lengths import skeleton_of


@dataclass(frozen=True, slots=True)
class ThinRules:
    """What a convention says about lines.

    Args:
        one_empty: clDice where only one side has the class.
        nothing_shared: clDice where both lines lie outside the other side's mask.
    """

    one_empty: Score = 0.0
    nothing_shared: Score = 0.0


THIN_RULES: dict[str, ThinRules] = {
    "maskloom": ThinRules(),
    "cldice": ThinRules(one_empty=None, nothing_shared=None),
}
"""`maskloom` gives 0 where a side is empty or nothing is met: one of the two shares is 0 then, and
so is the limit of their harmonic mean; left out of means, a model that finds no vessel at all would
not be punished for it. The reference divides 0 by 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The masks of one class on both sides, and their skeletons.

    Args:
        truth: bool (H, W) or (D, H, W).
        predicted: bool, the same shape.
        truth_skeleton: bool, `skeleton_of` the truth.
        predicted_skeleton: bool, `skeleton_of` the prediction.
        judged: bool, the pixels that count; None is all.
    """

    truth: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    truth_skeleton: NDArray[np.bool_]
    predicted_skeleton: NDArray[np.bool_]
    judged: NDArray[np.bool_] | None = None


def lines_of(
    truth: NDArray[Any], predicted: NDArray[Any], judged: NDArray[np.bool_] | None = None
) -> Lines:
    """Both masks thinned; where pixels are not judged, they are cut off after thinning.

    So no end of a line arises where void begins.

    Args:
        truth: (H, W) or (D, H, W); non-zero is inside.
        predicted: the same shape.
        judged: the same shape, False where the truth says nothing.

    Raises:
        DataError: shapes differ.
    """
    if truth.shape != predicted.shape or (judged is not None and judged.shape != truth.shape):
        raise DataError(
            "truth and prediction differ in size", seen=f"{truth.shape} and {predicted.shape}"
        )
    masks = np.asarray(truth, np.bool_), np.asarray(predicted, np.bool_)
    skeletons = skeleton_of(masks[0]), skeleton_of(masks[1])
    if judged is not None:
        masks = masks[0] & judged, masks[1] & judged
        skeletons = skeletons[0] & judged, skeletons[1] & judged
    return Lines(*masks, *skeletons, judged)


def centreline_dice(lines: Lines, rules: ThinRules = THIN_RULES["maskloom"]) -> dict[str, Score]:
    """Centreline Dice (clDice) of one class in one sample, and the two shares that make it.

    With masks V and skeletons S of the truth (t) and the prediction (p), counted in pixels:

        cl_precision = |S_p and V_t| / |S_p|,   cl_sensitivity = |S_t and V_p| / |S_t|
        cldice = 2 cl_precision cl_sensitivity / (cl_precision + cl_sensitivity)

    A share whose skeleton is empty is None. clDice is None where both sides are empty, and where
    both have pixels but thinning left nothing of one; see `ThinRules` for the rest.

    Args:
        lines: both sides.
        rules: of the convention.

    Source: Shit et al. 2021, equations 1 and 2; `cldice_metric/cldice.py` of jocpae/clDice, whose
    result this is, though it calls the two shares by each other's names. It took 3-D skeletons
    from `skeletonize_3d`, which was `skeletonize` by Lee's method and left scikit-image in 0.26.

    >>> a, b = np.zeros((2, 3, 9), bool)
    >>> a[1], b[1, :3] = True, True
    >>> centreline_dice(lines_of(a, b))["cldice"]
    0.5
    """
    precision = _share(lines.predicted_skeleton, lines.truth)
    sensitivity = _share(lines.truth_skeleton, lines.predicted)
    filled = bool(lines.truth.any()), bool(lines.predicted.any())
    score: Score
    if precision is not None and sensitivity is not None:
        both = precision + sensitivity
        score = 2 * precision * sensitivity / both if both else rules.nothing_shared
    else:
        score = rules.one_empty if filled[0] != filled[1] else None
    return {"cldice": score, "cl_precision": precision, "cl_sensitivity": sensitivity}


def _share(skeleton: NDArray[np.bool_], mask: NDArray[np.bool_]) -> Score:
    points = int(np.count_nonzero(skeleton))
    return int(np.count_nonzero(skeleton & mask)) / points if points else None
