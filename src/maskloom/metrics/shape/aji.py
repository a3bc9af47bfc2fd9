"""Aggregated Jaccard index: one overlap over all objects of an image, misses and extras included.

`AJI_RULES` names the variants. Matching at a threshold is `objects.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskloom.core.report import Score
from maskloom.metrics.shape.assignment import best_assignment
from maskloom.metrics.shape.joint import Ids
from maskloom.metrics.shape.pairs import ObjectPairs


@dataclass(frozen=True, slots=True)
class AjiRules:
    """What a convention says about the aggregated Jaccard index.

    Args:
        one_to_one: a prediction is the partner of one object at most, and the sum of IoU over
            pairs is the largest; otherwise each object takes the prediction of highest IoU,
            whoever else has it.
        epsilon: added to unions, in px, when IoUs are compared.
        first_level: of all one-to-one pairings only those with most pairs of at least this IoU
            are considered; None considers all.
        foreground: divide by the pixels in any object of either side, not by the unions of pairs
            and the areas of what is left over.
    """

    one_to_one: bool = False
    epsilon: float = 0.0
    first_level: float | None = None
    foreground: bool = False


AJI_RULES: dict[str, AjiRules] = {
    "maskloom": AjiRules(),
    "maskloom-plus": AjiRules(one_to_one=True),
    "hover-net": AjiRules(epsilon=1e-6),
    "hover-net-plus": AjiRules(one_to_one=True, epsilon=1e-6),
    "cellpose": AjiRules(one_to_one=True, first_level=0.5, foreground=True),
}


def aggregated_jaccard(pairs: ObjectPairs, rules: AjiRules = AJI_RULES["maskloom"]) -> Score:
    """AJI of one class in one image; None where neither side has a judged pixel of it.

    With the pairs (t, p) that the rules choose among those that share pixels,

        AJI = sum |t and p| / (sum |t or p| + areas of objects and predictions in no pair)

    `maskloom` is the published index (each object takes its best prediction) without the 1e-6 px
    that hover_net adds to unions. Of equal IoUs the larger overlap wins, then the first
    prediction: the limit of hover_net's choice as its epsilon goes to 0, so that the two differ
    only where unions are a million px apart. `maskloom-plus` is AJI+ (one-to-one) likewise.
    Excused predictions in no pair (`ObjectPairs.excused`) are not added.

    Args:
        pairs: of the class and image.
        rules: which index.

    Source: Kumar et al. 2017 (AJI); Graham et al. 2019 (AJI+); hover_net `get_fast_aji`,
    `get_fast_aji_plus`; Cellpose `aggregated_jaccard_index`. Deviations: none against nothing is
    undefined, where hover_net fails or takes the first object for background.

    >>> from maskloom.metrics.shape.joint import joint_ids
    >>> from maskloom.metrics.shape.pairs import object_pairs
    >>> truth, predicted = np.array([[1, 1, 1, 0, 2]]), np.array([[3, 3, 0, 4, 0]])
    >>> aggregated_jaccard(object_pairs(joint_ids(truth, predicted)))
    0.4
    """
    chosen = _assigned(pairs, rules) if rules.one_to_one else _best_of_each(pairs, rules)
    shared = int(pairs.pixels[chosen].sum())
    if rules.foreground:
        whole = pairs.foreground
    else:
        alone_t = np.ones(len(pairs.truth_areas), np.bool_)
        alone_t[pairs.truth[chosen]] = False
        alone_p = ~pairs.excused
        alone_p[pairs.predicted[chosen]] = False
        left = pairs.truth_areas[alone_t].sum() + pairs.predicted_areas[alone_p].sum()
        whole = int(pairs.unions[chosen].sum() + left)
    return shared / whole if whole else None


def _best_of_each(pairs: ObjectPairs, rules: AjiRules) -> Ids:
    iou = pairs.pixels / (pairs.unions + rules.epsilon)
    order = np.lexsort((pairs.predicted, -pairs.pixels, -iou, pairs.truth))
    return order[np.unique(pairs.truth[order], return_index=True)[1]]


def _assigned(pairs: ObjectPairs, rules: AjiRules) -> Ids:
    iou = pairs.pixels / (pairs.unions + rules.epsilon)
    worth = iou
    if rules.first_level is not None:
        most = min(len(pairs.truth_areas), len(pairs.predicted_areas))
        # All second terms together are worth less than one pair of the first.
        worth = (iou >= rules.first_level) + iou / (2 * max(most, 1))
    return best_assignment(pairs.truth, pairs.predicted, worth)
