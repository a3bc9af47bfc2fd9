"""Over what scores of pixels are averaged: the one place where their conventions differ most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PixelRules:
    """What a convention says of IoU, Dice and accuracy.

    Args:
        average: `pixels`: one confusion matrix over the data set, then the mean over classes;
            `samples`: the mean over samples of each sample's mean over the classes in it.
    """

    average: Literal["pixels", "samples"] = "pixels"


PIXEL_RULES: dict[str, PixelRules] = {
    "maskloom": PixelRules(),
    "cityscapes": PixelRules(),
    "mmseg": PixelRules(),
    "torchmetrics": PixelRules("samples"),
    "monai": PixelRules("samples"),
}
"""`maskloom` follows Cityscapes: a class of three pixels in one image must not weigh as much as the
same class in all others. torchmetrics `MeanIoU`, `DiceScore` and MONAI `MeanIoU`, `DiceMetric`
average samples, classes absent from both sides left out."""
