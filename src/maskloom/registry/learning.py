"""Names of classical methods, models, losses and augmentations."""

from __future__ import annotations

from maskloom.registry.entry import Entry

METHODS: dict[str, Entry] = {
    "otsu": Entry(
        "maskloom.classical.threshold:Otsu",
        "global threshold by Otsu's between-class variance",
        ("semantic",),
    ),
    "watershed": Entry(
        "maskloom.classical.regions:Watershed",
        "Otsu foreground split into instances by a distance-transform watershed",
        ("instance",),
    ),
}

MODELS: dict[str, Entry] = {
    "unet": Entry(
        "maskloom.models.unet:UNET",
        "U-Net: plain form of the paper, or with a timm encoder (model.encoder=resnet18, ...)",
        ("semantic", "instance", "panoptic"),
        "train",
    ),
    "deeplabv3+": Entry(
        "maskloom.models.deeplabv3plus:DEEPLABV3PLUS",
        "DeepLabv3+: atrous pyramid with image pooling over a timm encoder",
        ("semantic", "instance", "panoptic"),
        "train",
    ),
    "maskrcnn": Entry(
        "maskloom.models.maskrcnn:MASKRCNN",
        "Mask R-CNN: overlapping objects by boxes; panoptic with a semantic head (Panoptic FPN)",
        ("instance", "panoptic"),
        "train",
        "detector",
    ),
}

_ALL = ("semantic", "instance", "panoptic")

LOSSES: dict[str, Entry] = {
    "ce": Entry(
        "maskloom.training.losses:cross_entropy",
        "cross-entropy over valid pixels, weighted by class",
        _ALL,
        "train",
    ),
    "dice": Entry(
        "maskloom.training.losses:soft_dice",
        "1 - mean soft Dice over the classes that are present",
        _ALL,
        "train",
    ),
    "distance": Entry(
        "maskloom.training.losses:distance_loss",
        "cross-entropy of the distance to an object's rim, from which objects are parted",
        ("instance", "panoptic"),
        "train",
    ),
    "detector": Entry(
        "maskloom.training.detector_objective:DetectorObjective",
        "the five losses of Mask R-CNN: proposals, their boxes; kinds, boxes, masks of objects",
        ("instance", "panoptic"),
        "train",
    ),
}

_MAP, _JITTER = "maskloom.training.augment:sample_map", "maskloom.training.augment:jitter"
AUGMENTATIONS: dict[str, Entry] = {
    "crop": Entry(_MAP, "random crops of one size", _ALL, "train"),
    "scale": Entry(_MAP, "random scaling", _ALL, "train"),
    "rotate": Entry(_MAP, "random rotation", _ALL, "train"),
    "flip": Entry(_MAP, "random mirroring", _ALL, "train"),
    "elastic": Entry(_MAP, "smooth random shifts", _ALL, "train"),
    "color": Entry(_JITTER, "random brightness, contrast, gamma and saturation", _ALL, "train"),
    "noise": Entry(_JITTER, "added Gaussian noise", _ALL, "train"),
}
