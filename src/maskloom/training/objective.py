"""What a training asks of its network: the targets of a batch and the losses of a step.

Everything else of a training (data, augmentation, steps, validation, files) is the same for
every kind of network. The two kinds are `dense_objective.py` and `detector_objective.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from maskloom.training.plan import Plan

Move = Callable[[Any], Any]
"""Tensors, or containers of them, to the device that trains."""


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """The labels of one augmented crop.

    Args:
        classes: (H, W) uint8 class channel, or `targets.IGNORED`.
        objects: (H, W) int32 instance map, 0 none; None where the task has no objects.
        categories: (n + 1,) int32 category of each instance, -1 at 0.
    """

    classes: NDArray[np.uint8]
    objects: NDArray[np.int32] | None
    categories: NDArray[np.int32]


class Objective(Protocol):
    """Targets and losses; equal inputs give equal bits, so nothing here draws at random.

    `mirrors` says what a crop holds beyond the image: the image mirrored, or its mean. It is
    what prediction pads with.
    """

    mirrors: bool

    def target(self, crop: Crop) -> Any:
        """The target of one crop, in numpy; called in the thread that prepares batches."""
        ...

    def batch(self, targets: list[Any]) -> Any:
        """The targets of one batch as tensors."""
        ...

    def losses(self, network: Any, images: Tensor, targets: Any, move: Move) -> dict[str, Tensor]:
        """The weighted losses of a step, by name; their sum is what is trained.

        Args:
            network: in training mode, as the fabric wraps it.
            images: (B, C, H, W) float32 on the device.
            targets: of `batch`.
            move: to the device.
        """
        ...


def objective_of(plan: Plan) -> Objective:
    """The objective of a plan."""
    from maskloom.training.dense_objective import DenseObjective
    from maskloom.training.detector_objective import DetectorObjective

    kinds: dict[str, type[DenseObjective] | type[DetectorObjective]] = {
        "dense": DenseObjective,
        "detector": DetectorObjective,
    }
    return kinds[plan.family.kind](plan)
