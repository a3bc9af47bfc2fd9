"""Objects found at thresholds of IoU, without scores of confidence: F1 and what goes with it.

Average precision, which ranks predictions by confidence, is `metrics/objects/family.py`. The family
over a data set is `object_metrics.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from maskloom.core.report import Score
from maskloom.errors import UsageError
from maskloom.metrics.shape.aji import AJI_RULES, AjiRules
from maskloom.metrics.shape.assignment import best_assignment
from maskloom.metrics.shape.joint import Ids
from maskloom.metrics.shape.pairs import ObjectPairs

LEVELS = (0.5, 0.75, 0.9)
MATCH_SCORES = (
    "f1",
    "object_accuracy",
    "object_precision",
    "object_recall",
    "mean_true_score",
    "mean_matched_score",
    "object_pq",
)


@dataclass(frozen=True, slots=True)
class ObjectRules:
    """What a convention says about objects without confidence.

    Args:
        levels: rising thresholds of IoU in (0, 1]; a pair of exactly that IoU matches. The first
            is also the one of matched counts.
        by_image: scores of a data set are means over images; otherwise tp, fp and fn are summed
            first.
        undefined: the value of a ratio whose divisor is 0; None leaves it out and says why. With a
            number, an id map without an object on either side counts as a sample, too.
        single_precision: IoUs and thresholds are compared as float32.
        aji: which index `aji` is.
        aji_plus: which index `aji_plus` is.
    """

    levels: tuple[float, ...] = LEVELS
    by_image: bool = False
    undefined: Score = None
    single_precision: bool = False
    aji: AjiRules = field(default=AJI_RULES["maskloom"])
    aji_plus: AjiRules = field(default=AJI_RULES["maskloom-plus"])

    def __post_init__(self) -> None:
        if not self.levels or not all(0 < level <= 1 for level in self.levels):
            raise UsageError("levels of IoU are above 0 and at most 1", seen=self.levels)


OBJECT_RULES: dict[str, ObjectRules] = {
    "maskloom": ObjectRules(),
    "stardist": ObjectRules(undefined=0.0, single_precision=True),
    "cellpose": ObjectRules(by_image=True, aji=AJI_RULES["cellpose"]),
    "hover-net": ObjectRules(
        by_image=True, aji=AJI_RULES["hover-net"], aji_plus=AJI_RULES["hover-net-plus"]
    ),
}
"""`maskloom` sums counts over the data set, because an image of two cells is weaker evidence than
one of a thousand, compares exactly, and gives no number where there is nothing to divide."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What was matched at one threshold.

    Args:
        tp: matched pairs.
        fp: predictions that match nothing, excused ones left out.
        fn: objects that nothing matches.
        iou: sum of the IoU of the matched pairs.
    """

    tp: int
    fp: int
    fn: int
    iou: float


def matched_at(pairs: ObjectPairs, level: float, *, single_precision: bool = False) -> Matched:
    """Match one-to-one: as many pairs of at least `level` as possible, then the largest sum of IoU.

    Where several pairings are best in both, which of them is taken is not defined; tp, fp and fn
    are the same for all.

    Args:
        pairs: of a class and image.
        level: IoU in (0, 1]; equality matches.
        single_precision: compare as float32.

    Source: StarDist `matching` (criterion iou); Cellpose `average_precision`. Predictions that
    mostly lie on void are not extra (`ObjectPairs.excused`); neither reference knows void.

    >>> from maskloom.metrics.shape.joint import joint_ids
    >>> from maskloom.metrics.shape.pairs import object_pairs
    >>> truth, predicted = np.array([[1, 1, 1, 0, 2]]), np.array([[3, 3, 0, 4, 0]])
    >>> matched_at(object_pairs(joint_ids(truth, predicted)), 0.5)
    Matched(tp=1, fp=1, fn=1, iou=0.6666666666666666)
    """
    iou = pairs.iou
    if single_precision:
        iou = iou.astype(np.float32).astype(np.float64)
        level = float(np.float32(level))
    hits = np.flatnonzero(iou >= level)
    if not _disjoint(pairs, hits):
        most = min(len(pairs.truth_areas), len(pairs.predicted_areas))
        # Pairs below the level take part, as in the references: they break ties of the sum.
        worth = (iou >= level) + iou / (2 * most)
        chosen = best_assignment(pairs.truth, pairs.predicted, worth)
        hits = chosen[iou[chosen] >= level]
    extra = ~pairs.excused
    extra[pairs.predicted[hits]] = False
    return Matched(
        len(hits), int(extra.sum()), len(pairs.truth_areas) - len(hits), float(iou[hits].sum())
    )


def match_scores(found: Matched, undefined: Score = None) -> dict[str, Score]:
    """The scores of matched objects, named as in `MATCH_SCORES`.

    f1 = 2 tp / (2 tp + fp + fn); object_accuracy = tp / (tp + fp + fn), which StarDist calls
    accuracy and Cellpose average precision; object_precision = tp / (tp + fp);
    object_recall = tp / (tp + fn); mean_true_score = sum of IoU / (tp + fn);
    mean_matched_score = sum of IoU / tp; object_pq = sum of IoU / (tp + fp / 2 + fn / 2).

    Args:
        found: counts of an image or summed over many.
        undefined: the value where a divisor is 0.
    """
    tp, fp, fn = found.tp, found.fp, found.fn
    parts = (
        (2 * tp, 2 * tp + fp + fn),
        (tp, tp + fp + fn),
        (tp, tp + fp),
        (tp, tp + fn),
        (found.iou, tp + fn),
        (found.iou, tp),
        (found.iou, tp + fp / 2 + fn / 2),
    )
    return {
        name: above / below if below else undefined
        for name, (above, below) in zip(MATCH_SCORES, parts, strict=True)
    }


def level_names(levels: tuple[float, ...]) -> Mapping[float, str]:
    """How a threshold is written in a name: 0.5 is 50, 0.625 is 62.5."""
    return {level: f"{100 * level:.4g}" for level in levels}


def _disjoint(pairs: ObjectPairs, chosen: Ids) -> bool:
    """No object is in two of the pairs; always so above an IoU of 1/2 on maps."""
    return all(
        len(np.unique(side[chosen])) == len(chosen) for side in (pairs.truth, pairs.predicted)
    )
