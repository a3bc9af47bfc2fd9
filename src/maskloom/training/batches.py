"""Batches that depend on (seed, step) alone, made one step ahead in a thread.

Nothing has to be stored for a resume: the n-th batch of a run is the same whenever and wherever
it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from maskloom.core.recipe import Recipe
from maskloom.core.run import Preprocessing
from maskloom.inference.decode import Channels
from maskloom.inference.engines.torch_engine import to_batch
from maskloom.inference.preprocess import flat, normalize, to_unit, unit_scale
from maskloom.training.augment import jitter, sample_map
from maskloom.training.examples import Example, Examples
from maskloom.training.objective import Crop, Objective
from maskloom.training.plan import Plan
from maskloom.training.targets import class_lookup

_AHEAD = 3


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One step's input.

    Args:
        images: (B, C, H, W) float32, channels_last.
        targets: what the objective makes of the labels.
    """

    images: Tensor
    targets: Any


class Batches:
    """Random access to the batches of a run.

    Args:
        plan: samples, channels, preprocessing, batch size, augmentation and seed.
        objective: makes targets.
        rank, world: this process's share of every batch in DDP.
    """

    def __init__(self, plan: Plan, objective: Objective, *, rank: int = 0, world: int = 1) -> None:
        self.examples: Examples = plan.examples
        self.channels: Channels = plan.channels
        self.preprocessing: Preprocessing = plan.preprocessing
        self.recipe: Recipe = plan.recipe
        self.seed = plan.seed
        self.objective = objective
        self.slots = range(rank, plan.recipe.batch, world)

    def __getitem__(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        parts = [self._item(step * self.recipe.batch + slot) for slot in self.slots]
        return Batch(
            to_batch([image for image, _ in parts]),
            self.objective.batch([target for _, target in parts]),
        )

    def between(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        """(step, batch) for first ≤ step < last, prepared ahead in one thread."""
        cv2.setNumThreads(1)  # the cores belong to the network
        with ThreadPoolExecutor(1, "batches") as pool:
            pending: dict[int, Future[Batch]] = {}
            try:
                for step in range(first, last):
                    for ahead in range(step, min(step + _AHEAD, last)):
                        if ahead not in pending:
                            pending[ahead] = pool.submit(self.__getitem__, ahead)
                    yield step, pending.pop(step).result()
            finally:
                for future in pending.values():
                    future.cancel()

    def _item(self, position: int) -> tuple[NDArray[np.float32], Any]:
        epoch, place = divmod(position, len(self.examples))
        order = np.random.default_rng([self.seed, 0, epoch]).permutation(len(self.examples))
        example: Example = self.examples[int(order[place])]
        return self._augmented(example, np.random.default_rng([self.seed, 1, position]))

    def _augmented(
        self, example: Example, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], Any]:
        crop = (self.recipe.crop[0], self.recipe.crop[1])
        moved = sample_map(rng, (example.image.shape[0], example.image.shape[1]), crop, self.recipe)
        unit = to_unit(moved.image(example.image), self.preprocessing)
        mean, deviation = example.moments
        scale = unit_scale(example.image.dtype, self.preprocessing)
        moments = mean / scale, deviation / scale + flat(example.image.dtype, example.top, scale)
        image = normalize(jitter(rng, unit, self.recipe), self.preprocessing, moments)
        if self.recipe.invert > 0 and rng.random() < self.recipe.invert:
            image = -image  # about the mean that normalising has made zero
        if not self.objective.mirrors:
            image[moved.labels(np.ones(example.classes.shape, np.uint8), 0) == 0] = 0
        void = int(np.iinfo(example.classes.dtype).max)
        lookup = class_lookup(self.channels, example.classes.dtype)
        classes = lookup[moved.labels(example.classes, void)]
        objects = None if example.objects is None else moved.labels(example.objects, 0)
        return image, self.objective.target(Crop(classes, objects, example.categories))
