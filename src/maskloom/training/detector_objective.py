"""Boxes, kinds and masks of objects: the objective of detectors, and of their panoptic form.

Objects come from the augmented instance map, so boxes are tight whatever the map did, and what
the crop cut away is gone. Where truth objects overlap, the later row owns the shared pixels.
Void, unlabelled pixels, crowds and what lies outside the image count as neither object nor
background. Stuff is looked for by the semantic head alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from maskloom.models.family import thing_categories
from maskloom.training.losses import cross_entropy
from maskloom.training.objective import Crop, Move
from maskloom.training.plan import Plan
from maskloom.training.targets import IGNORED

SEMANTIC = 0.5
"""Weight of the semantic head's loss beside the detector's; Kirillov et al. 2019 (Panoptic FPN)
weigh the two, too."""


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """What is to be found in one crop.

    Args:
        boxes: (N, 4) int64 pixel edges.
        labels: (N,) int64, 1 + position among the thing categories.
        masks: (N, H, W) uint8.
        void: (H, W) bool.
        classes: (H, W) int64 class channel or `IGNORED`.
    """

    boxes: NDArray[np.int64]
    labels: NDArray[np.int64]
    masks: NDArray[np.uint8]
    void: NDArray[np.bool_]
    classes: NDArray[np.int64]


class DetectorObjective:
    """The five losses of Mask R-CNN, and cross-entropy of a semantic head; see `Objective`."""

    mirrors = False  # a mirrored half of an object looks like a part of it

    def __init__(self, plan: Plan) -> None:
        taxonomy = plan.channels.taxonomy
        self.labels = np.zeros(len(taxonomy) + 1, np.int64)  # the last is that of no category
        for n, category in enumerate(thing_categories(taxonomy), start=1):
            self.labels[category] = n
        weights = plan.class_weights
        self.weights = None if weights is None else torch.tensor(weights)
        self.ce = plan.recipe.ce

    def target(self, crop: Crop) -> Objects:
        """The objects that have a pixel in the crop."""
        objects = crop.objects
        if objects is None:
            raise TypeError("a detector is trained on objects")
        labels = self.labels[crop.categories]
        boxes, chosen = [], []
        for n, where in enumerate(ndimage.find_objects(objects), start=1):
            if where is not None and labels[n] > 0:
                rows, columns = where
                boxes.append((columns.start, rows.start, columns.stop, rows.stop))
                chosen.append(n)
        numbers = np.array(chosen, np.int32)
        return Objects(
            np.array(boxes, np.int64).reshape(-1, 4),
            labels[numbers],
            (objects[None] == numbers[:, None, None]).astype(np.uint8),
            (crop.classes == IGNORED) & (objects == 0),
            crop.classes.astype(np.int64),
        )

    def batch(self, targets: list[Objects]) -> list[dict[str, Tensor]]:
        """One dict for each image, as `models.detector.Targets`, and the classes of pixels."""
        names = Objects.__slots__
        return [{n: torch.from_numpy(getattr(target, n)) for n in names} for target in targets]

    def losses(
        self, network: Any, images: Tensor, targets: list[dict[str, Tensor]], move: Move
    ) -> dict[str, Tensor]:
        """`object`, `anchor`, `class`, `box`, `mask`, and `semantic` of a semantic head."""
        there = [move(target) for target in targets]
        losses, _, logits = network(images, there)
        out: dict[str, Tensor] = dict(losses)
        if logits is not None:
            wanted = torch.stack([target["classes"] for target in there])
            weights = None if self.weights is None else move(self.weights)
            out["semantic"] = SEMANTIC * self.ce * cross_entropy(logits, wanted, weights)
        return out
