"""From data set, task and recipe to everything the loop needs, decided once and written down."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from maskloom import registry
from maskloom.core.dataset import Dataset
from maskloom.core.recipe import Recipe
from maskloom.core.run import Preprocessing
from maskloom.errors import UsageError
from maskloom.inference.decode import Channels
from maskloom.models.family import Family, Outputs, build_network
from maskloom.training.examples import Examples, Survey, survey

_EPOCHS = 30
_LEAST_APART = 10  # steps between validations, which a short run would spend its time on
_LARGEST_CROP = 384
_MAX_CLASSES = 254


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user settled: model, task, recipe and length.

    Args:
        model, options: registry name and the family's options object.
        task: semantic, instance or panoptic.
        recipe: of the training.
        epochs, steps: length; 30 epochs if both are None.
        seed: of weights, order and augmentation.
    """

    model: str
    options: Any
    task: str
    recipe: Recipe
    epochs: int | None = None
    steps: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A training, ready to run.

    Args:
        task: semantic, instance or panoptic.
        examples: the training samples; `validation` those that are scored.
        channels: what the network's outputs mean.
        preprocessing: how to feed it.
        recipe: with every value resolved.
        class_weights: (K,) float32 or None.
        steps: batches in all.
        eval_every: batches between validations.
        seed: of weights, order and augmentation.
        model, options: registry name and the family's options object.
    """

    model: str
    options: Any
    task: str
    examples: Examples
    validation: Dataset
    channels: Channels
    preprocessing: Preprocessing
    recipe: Recipe
    class_weights: tuple[float, ...] | None
    steps: int
    eval_every: int
    seed: int

    @property
    def family(self) -> Family:
        """What the registry names."""
        family: Family = registry.load("models", self.model)
        return family

    def network(self) -> nn.Module:
        """The network with the random weights of the seed."""
        torch.manual_seed(self.seed)
        outputs = Outputs.of(self.channels.taxonomy, self.task, background=self.channels.background)
        depth = len(self.preprocessing.channels)
        return build_network(self.family, self.options, depth, outputs, self.task)


def make_plan(train: Dataset, validation: Dataset, choices: Choices) -> Plan:
    """Survey the data and settle what the recipe leaves open.

    Raises:
        UsageError: no samples, no class to learn, or more classes than channels can hold.
        ImageError: an image is missing or damaged.
    """
    if not len(train) or not len(validation):
        raise UsageError(
            "training needs at least one sample, and one to validate on",
            seen=f"{len(train)} and {len(validation)}",
        )
    family: Family = registry.load("models", choices.model)
    options, seen_at = choices.options, None
    if family.kind == "detector":
        seen_at = partial(family.shrink, options)
    examples = Examples(train, objects=choices.task != "semantic", seen_at=seen_at)
    found = survey(examples)
    if family.kind == "detector":
        options = family.settled(options, found.sides)
    dense = family.kind == "dense"
    channels = Channels(train.taxonomy, found.background > 0, dense and choices.task != "semantic")
    _refuse_unlearnable(train, channels, found, choices.task, dense=dense)
    stride = family.stride(options)
    recipe = replace(choices.recipe, crop=_crop(choices.recipe.crop, found.median_size, stride))
    passes = (choices.epochs or _EPOCHS) * len(train)
    total = choices.steps or max(1, math.ceil(passes / recipe.batch))
    return Plan(
        model=choices.model,
        options=options,
        task=choices.task,
        examples=examples,
        validation=validation,
        channels=channels,
        preprocessing=replace(
            found.preprocessing, stride=stride, per_image=recipe.normalize == "image"
        ),
        recipe=recipe,
        class_weights=_class_weights(recipe, channels, found),
        steps=total,
        eval_every=recipe.eval_every or max(min(_LEAST_APART, total), round(total / 10)),
        seed=choices.seed,
    )


def _refuse_unlearnable(
    train: Dataset, channels: Channels, found: Survey, task: str, *, dense: bool
) -> None:
    """Data that hold nothing to learn, or more than a network has channels for."""
    fewest = 2 if dense else 1
    if not fewest <= channels.n_classes <= _MAX_CLASSES:
        raise UsageError(
            f"a network tells {fewest} to {_MAX_CLASSES} classes apart",
            seen=channels.n_classes,
            hint="label at least two classes, or one class and background",
        )
    if not found.pixels[list(train.taxonomy.scored)].any():
        raise UsageError(
            "no label of the training samples has a pixel",
            where=train.name,
            hint="boxes and points alone cannot train masks",
        )
    if task != "semantic" and not len(found.sides):
        raise UsageError(
            "the training samples hold no objects of thing categories",
            where=train.name,
            hint="train with --task semantic, or use labels with instances",
        )


def _crop(wanted: tuple[int, ...], size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Height and width of crops: as asked, else four fifths of the median image, in strides."""
    if min(wanted) > 0:
        return tuple(max(stride, -(-w // stride) * stride) for w in wanted)  # type: ignore[return-value]
    unit = max(stride, 32)
    return tuple(  # type: ignore[return-value]
        max(unit, min(_LARGEST_CROP, int(0.8 * n)) // unit * unit) for n in size
    )


def _class_weights(recipe: Recipe, channels: Channels, found: Survey) -> tuple[float, ...] | None:
    """Weights per output channel from pixel frequencies, or None.

    `median`: median frequency / frequency (Eigen & Fergus 2015, section 6.3.2, over all pixels
    instead of the images that hold the class); `sqrt`: its square root. A class without pixels
    weighs 1.
    """
    if recipe.class_weights == "none":
        return None
    counts = [found.background] if channels.background else []
    counts += [int(found.pixels[c]) for c in channels.taxonomy.scored]
    pixels = np.array(counts, float)
    median = float(np.median(pixels[pixels > 0]))
    weights = np.divide(median, pixels, out=np.ones(len(pixels)), where=pixels > 0)
    if recipe.class_weights == "sqrt":
        weights = np.sqrt(weights)
    return tuple(round(float(w), 6) for w in weights)
