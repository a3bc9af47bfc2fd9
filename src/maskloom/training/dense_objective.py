"""Classes of pixels and distances to rims: the objective of networks that give logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskloom.training.losses import cross_entropy_and_dice, distance_loss
from maskloom.training.objective import Crop, Move
from maskloom.training.plan import Plan
from maskloom.training.targets import IGNORED, rim_distance

DenseTarget = tuple[NDArray[np.uint8], NDArray[np.float32] | None]


@dataclass(frozen=True, slots=True, eq=False)
class DenseTargets:
    """Of one batch.

    Args:
        classes: (B, H, W) int64 output channel or `IGNORED`.
        distance: (B, H, W) float32 in [0, 1], or None.
    """

    classes: Tensor
    distance: Tensor | None


class DenseObjective:
    """Cross-entropy and Dice of classes, cross-entropy of the distance; see `Objective`."""

    mirrors = True

    def __init__(self, plan: Plan) -> None:
        self.recipe, self.channels = plan.recipe, plan.channels
        weights = plan.class_weights
        self.weights = None if weights is None else torch.tensor(weights)

    def target(self, crop: Crop) -> DenseTarget:
        """Classes, and the rim distance of objects where the task has them."""
        distance: Any = None
        if self.channels.distance and crop.objects is not None:
            distance = rim_distance(crop.objects)
        return crop.classes, distance

    def batch(self, targets: list[DenseTarget]) -> DenseTargets:
        """Stacked."""
        distance = [d for _, d in targets if d is not None]
        return DenseTargets(
            torch.from_numpy(np.stack([c for c, _ in targets]).astype(np.int64)),
            torch.from_numpy(np.stack(distance)) if distance else None,
        )

    def losses(
        self, network: Any, images: Tensor, targets: DenseTargets, move: Move
    ) -> dict[str, Tensor]:
        """`ce`, `dice`, and `distance` where the network tells it."""
        logits: Tensor = network(images)
        n = self.channels.n_classes
        classes = move(targets.classes)
        weights = None if self.weights is None else move(self.weights)
        ce, dice = cross_entropy_and_dice(logits[:, :n], classes, weights, self.recipe.dice)
        losses = {"ce": self.recipe.ce * ce, "dice": dice}
        if targets.distance is not None:
            wanted = move(targets.distance)
            losses["distance"] = distance_loss(logits[:, n], wanted, classes != IGNORED)
        return losses
