"""Two labellings as clusterings of pixels: variation of information and the adapted Rand score.

They need no matching of segments: a split or a merge costs as many pixels, or pairs of pixels, as
it concerns. The family over a data set is `cluster_metrics.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from maskloom.core.report import Score
from maskloom.errors import UsageError
from maskloom.metrics.shape.joint import JointCounts

VI_SCORES = ("vi_split", "vi_merge", "vi")
RAND_SCORES = ("rand_f", "rand_precision", "rand_recall")


@dataclass(frozen=True, slots=True)
class ClusterRules:
    """What a convention says about clusterings.

    Args:
        base: of the logarithm; 2 gives bits, e gives nats.
        vi_ignore: true ids whose pixels enter no variation of information.
        rand_ignore: true ids whose pixels enter no Rand score.
        alpha: share of the prediction's pairs in the divisor of the F score, in [0, 1].
        exchanged: what is called precision is recall, and the other way round; `alpha` with it.
    """

    base: float = 2.0
    vi_ignore: tuple[int, ...] = ()
    rand_ignore: tuple[int, ...] = (0,)
    alpha: float = 0.5
    exchanged: bool = False

    def __post_init__(self) -> None:
        if not self.base > 1:
            raise UsageError("the base of a logarithm is above 1", seen=self.base)
        if not 0 <= self.alpha <= 1:
            raise UsageError("alpha is a share, from 0 to 1", seen=self.alpha)


CLUSTER_RULES: dict[str, ClusterRules] = {
    "maskloom": ClusterRules(),
    "scikit-image": ClusterRules(exchanged=True),
}
"""`maskloom` counts what scikit-image counts: for VI background is a segment like others, so that
false objects on it cost; Rand leaves true background out, as SNEMI3D defines it. Only the names
differ: scikit-image calls precision what its documentation defines as recall."""


def variation_of_information(table: JointCounts, *, base: float = 2.0) -> dict[str, Score]:
    """How much each labelling leaves unsaid about the other, named as in `VI_SCORES`.

    With n_ij pixels of true segment i predicted as j, t_i and p_j their sums and n of all:

        vi_split = H(P | T) = 1/n sum n_ij log(t_i / n_ij)     over-segmentation
        vi_merge = H(T | P) = 1/n sum n_ij log(p_j / n_ij)     under-segmentation

    and `vi` is their sum. Smaller is better; 0 is the same partition, ids do not matter.

    Args:
        table: of pixels that count (`JointCounts.without`).
        base: of the logarithm.

    Returns:
        three numbers of at least 0, or three times None where no pixel counts.

    Source: Meila 2007; scikit-image 0.26 `variation_of_information`, which gives (split, merge).

    >>> from maskloom.metrics.shape.joint import joint_ids
    >>> variation_of_information(joint_ids(np.array([1, 1, 1, 1]), np.array([1, 1, 2, 2])))
    {'vi_split': 1.0, 'vi_merge': 0.0, 'vi': 1.0}
    """
    n = int(table.pixels.sum())
    if not n:
        return dict.fromkeys(VI_SCORES)
    per_unit = n * math.log(base)
    split, merge = (
        float((table.pixels * np.log(areas / table.pixels)).sum()) / per_unit
        for areas in (
            table.truth_areas[table.truth],
            table.predicted_areas[table.predicted],
        )
    )
    return {"vi_split": split, "vi_merge": merge, "vi": split + merge}


def adapted_rand(
    table: JointCounts, *, alpha: float = 0.5, exchanged: bool = False
) -> dict[str, Score]:
    """Pairs of pixels that both labellings put into one segment, named as in `RAND_SCORES`.

    With s, t and p the ordered pairs of distinct pixels that are in one segment of both
    labellings, of the truth, of the prediction:

        rand_precision = s / p,   rand_recall = s / t,   rand_f = s / (alpha p + (1 - alpha) t)

    Merges cost precision, splits cost recall. The adapted Rand error is 1 - rand_f.

    Args:
        table: of pixels that count (`JointCounts.without`).
        alpha: share of the prediction's pairs.
        exchanged: see `ClusterRules`.

    Returns:
        three shares; None where the divisor is 0, that is without two pixels in one segment.

    Source: Arganda-Carreras et al. 2015; scikit-image 0.26 `adapted_rand_error`, whose "precision"
    is s / t and whose alpha weighs t. Without pairs it gives NaN or a wrong quotient of zeros.

    >>> from maskloom.metrics.shape.joint import joint_ids
    >>> adapted_rand(joint_ids(np.array([1, 1, 1, 1]), np.array([1, 1, 2, 2])))
    {'rand_f': 0.5, 'rand_precision': 1.0, 'rand_recall': 0.3333333333333333}
    """
    shared, true, predicted = (
        _pairs(column) for column in (table.pixels, table.truth_areas, table.predicted_areas)
    )
    if exchanged:
        true, predicted = predicted, true
    divisors = (alpha * predicted + (1 - alpha) * true, predicted, true)
    return {
        name: shared / below if below else None
        for name, below in zip(RAND_SCORES, divisors, strict=True)
    }


def _pairs(areas: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
    """Ordered pairs of distinct pixels in one segment; exact below 2**53."""
    pixels = areas.astype(np.float64)
    return float(pixels @ (pixels - 1))
