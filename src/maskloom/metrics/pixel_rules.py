"""Over what scores of pixels are averaged: the one place where their conventions differ most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Average = Literal["pixels", "samples", "pairs"]


@dataclass(frozen=True, slots=True)
class PixelRules:
    """What a convention says of the means of IoU and Dice.

    Args:
        iou, dice: `pixels`: one confusion matrix over the data set, then the mean over classes;
            `samples`: the mean over samples of each sample's mean over the classes in it; `pairs`:
            the mean over all samples and classes at once.
        false_alarms: a class that is predicted in a sample whose truth lacks it scores 0 there;
            else it is left out there. It always counts where pixels are pooled.
    """

    iou: Average = "pixels"
    dice: Average = "pixels"
    false_alarms: bool = True


PIXEL_RULES: dict[str, PixelRules] = {
    "maskloom": PixelRules(),
    "cityscapes": PixelRules(),
    "mmseg": PixelRules(),
    "torchmetrics": PixelRules("pairs", "samples"),
    "monai": PixelRules("samples", "samples", false_alarms=False),
}
"""`maskloom` follows Cityscapes: a class of three pixels in one image must not weigh as much as the
same class in all others. torchmetrics 1.9.0: the classes `MeanIoU` and `DiceScore` (macro, by
sample); its function `mean_iou` averages samples. MONAI 1.6.1: `MeanIoU` and `DiceMetric` with
`ignore_empty`, which leaves false alarms in samples without the class out."""
