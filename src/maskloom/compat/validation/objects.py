"""Average precision of objects over a validation loop, from dense masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.compat.validation.tensors import array_of
from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError
from maskloom.metrics.objects.family import InstanceMetrics
from maskloom.metrics.objects.sides import COCO_RULES, InstanceRules
from maskloom.metrics.scores import Scores

NAMES = {
    "map": "ap",
    "map_50": "ap50",
    "map_75": "ap75",
    "map_small": "ap_small",
    "map_medium": "ap_medium",
    "map_large": "ap_large",
    "mar_1": "ar1",
    "mar_10": "ar10",
    "mar_100": "ar100",
}
"""Names of torchmetrics → those of reports."""

Sample = Mapping[str, Any]


class MeanAveragePrecision:
    """AP and AR of masks as COCO has them, used as torchmetrics' class of this name is.

    Masks become runs as they come in, and predictions are matched at once: what is kept of them is
    a few bytes each. torchmetrics keeps every mask until `compute`.

    Args:
        classes: how many, or their names; labels count from 0.
        rules: how objects are matched; by default as pycocotools does.
    """

    def __init__(self, classes: int | Sequence[str], *, rules: InstanceRules = COCO_RULES) -> None:
        names = [str(i) for i in range(classes)] if isinstance(classes, int) else list(classes)
        self.taxonomy, self.rules = Taxonomy.from_names(names), rules
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._objects = InstanceMetrics(self.taxonomy, self.rules)

    def update(self, preds: Sequence[Sample], target: Sequence[Sample]) -> None:
        """Match a batch.

        Args:
            preds: a mapping per image of masks (N, H, W) of bools, scores (N,) and labels (N,).
            target: likewise, with masks and labels, and iscrowd and area (N,) where there are.

        Raises:
            DataError: another number of images, shapes that do not fit, labels that are no class,
                or scores that are no numbers.
        """
        if len(preds) != len(target):
            seen = f"{len(target)} and {len(preds)}"
            raise DataError("truth and prediction are of other numbers of images", seen=seen)
        for found, truth in zip(preds, target, strict=True):
            ours, theirs = self._rows(truth, "truth"), self._rows(found, "prediction")
            frames = {tuple(f) for r in (ours, theirs) for f in r.masks.sizes.tolist()}
            if len(frames) > 1:
                raise DataError("truth and prediction differ in size", seen=sorted(frames))
            self._objects.update(ours, theirs)

    def compute(self) -> dict[str, float]:
        """Torchmetrics' names, -1 where undefined."""
        found = self.result().metrics
        values = {name: found[own] for name, own in NAMES.items()}
        return {name: -1.0 if value is None else value for name, value in values.items()}

    def result(self) -> Scores:
        """All scores, those of each class, and reasons for what is undefined."""
        return self._objects.result()

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What was matched, as arrays, for another process to `merge`."""
        return self._objects.state()

    def merge(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Add the state of another process.

        Raises:
            ValueError: it has other classes.
        """
        other = InstanceMetrics(self.taxonomy, self.rules)
        other.load(state)
        self._objects.merge(other)

    def _rows(self, sample: Sample, side: str) -> Rows:
        masks, labels = array_of(sample["masks"]), array_of(sample["labels"])
        if masks.ndim != 3 or labels.shape != masks.shape[:1]:
            raise DataError(
                f"masks (N, H, W) and labels (N,) of the {side} do not fit",
                seen=f"{masks.shape} and {labels.shape}",
            )
        wrong = (labels < 0) | (labels >= len(self.taxonomy))
        if wrong.any():
            raise DataError(
                f"a label of the {side} is no class",
                seen=labels[wrong][0].item(),
                hint=f"there are {len(self.taxonomy)} classes, counted from 0",
            )
        more: dict[str, Any] = {}
        if side == "prediction":
            more["score"] = self._scores(sample, len(labels))
        if "iscrowd" in sample:
            more["crowd"] = array_of(sample["iscrowd"]).astype(bool)
        if "area" in sample:
            more["source"] = [{"area": area} for area in array_of(sample["area"]).tolist()]
        runs = Masks.from_dense(masks) if len(masks) else Masks.empty(0, masks.shape[1:])
        return Rows.make(runs, labels.astype(np.int32), **more)

    def _scores(self, sample: Sample, n: int) -> NDArray[np.float64]:
        scores = array_of(sample["scores"]).astype(np.float64)
        if scores.shape != (n,) or not np.isfinite(scores).all():
            raise DataError(
                "scores (N,) of the prediction are finite numbers", seen=scores.tolist()[:5]
            )
        return scores
