"""Mask R-CNN from random weights: ResNet with a feature pyramid, and its panoptic form.

Every layer trains, with group normalisation by default, because small batches from random
weights give batch statistics that do not hold. With a semantic head on the pyramid it is
Panoptic FPN. Stages and losses are `detector.py`; papers and deviations are told by `MaskRCNN`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

from maskloom.errors import UsageError
from maskloom.models.detector import Detector, FloatPredictor, FloatRPNHead, Heads, Proposals
from maskloom.models.family import Head

STRIDE = 32
_LEVELS = 5
_ASPECTS = (0.5, 1.0, 2.0)
_SMALLEST_ANCHOR, _LARGEST_FIRST = 4, 32
_POOLED = ["0", "1", "2", "3"]
_MASK_SCALE = 448


@dataclass(frozen=True, slots=True)
class MaskRCNNOptions:
    """Options of `maskrcnn`."""

    backbone: Literal["resnet18", "resnet34", "resnet50"] = field(
        default="resnet18", metadata={"help": "of the feature pyramid"}
    )
    norm: Literal["group", "batch"] = field(
        default="group", metadata={"help": "normalisation; batch wants batches of 8 or more"}
    )
    width: int = field(
        default=256, metadata={"help": "channels of pyramid and mask head, in 32s (paper: 256)"}
    )
    hidden: int = field(default=1024, metadata={"help": "units of the box head (paper: 1024)"})
    anchors: tuple[int, ...] = field(
        default=(),
        metadata={"help": "sides of the five levels' anchors in px; empty: by the data"},
    )
    min_size: int = field(
        default=0,
        metadata={"help": "images are resized to this shorter side; 0: kept as large as they are"},
    )
    max_size: int = field(
        default=1333, metadata={"help": "images are shrunk to this longer side at most"}
    )
    rois: int = field(
        default=128, metadata={"help": "proposals judged per training image (paper: 512)"}
    )
    mask_side: int = field(
        default=28, metadata={"help": "cells of a mask along a side of its box (paper: 28)"}
    )
    score: float = field(default=0.05, metadata={"help": "objects below this score are dropped"})
    nms: float = field(
        default=0.5, metadata={"help": "boxes of one class that overlap more are one object"}
    )
    max_objects: int = field(default=100, metadata={"help": "objects kept per image"})

    def __post_init__(self) -> None:
        checks = {
            "width": self.width >= 32 and self.width % 32 == 0,
            "hidden": self.hidden >= 8,
            "anchors": len(self.anchors) in (0, _LEVELS) and all(a >= 1 for a in self.anchors),
            "min_size": self.min_size == 0 or self.min_size >= STRIDE,
            "max_size": self.max_size >= max(STRIDE, self.min_size),
            "rois": self.rois >= 4,
            "mask_side": self.mask_side >= 8 and self.mask_side % 2 == 0,
            "score": 0 <= self.score < 1,
            "nms": 0 < self.nms <= 1,
            "max_objects": self.max_objects >= 1,
        }
        for name, good in checks.items():
            if not good:
                raise UsageError(
                    f"maskrcnn option {name} is out of range",
                    seen=getattr(self, name),
                    hint="width in 32s; none or five anchors; sizes of 32 px or more, "
                    "min_size at most max_size; score and nms within 0..1",
                )


class MaskRCNN:
    """The family: `maskrcnn` in the registry.

    Source: He, Gkioxari, Dollár, Girshick, "Mask R-CNN", 2017; He, Girshick, Dollár, "Rethinking
        ImageNet Pre-training", 2019 (group normalisation from scratch); Kirillov, Girshick, He,
        Dollár, "Panoptic Feature Pyramid Networks", 2019, figure 3. Deviations: fewer proposals
        are judged per image; masks are cut from maps one level finer than boxes, because
        outlines want detail; the semantic head tells every category, not one class `other` for
        all things.
    """

    Options = MaskRCNNOptions
    kind: Literal["detector"] = "detector"

    def stride(self, options: MaskRCNNOptions) -> int:  # noqa: ARG002 - the protocol has it
        """That of the pyramid's coarsest convolved level."""
        return STRIDE

    def heads(self, options: MaskRCNNOptions) -> Sequence[Head]:  # noqa: ARG002 - the protocol has it
        """Classes, boxes, masks, and the classes of pixels."""
        return (
            Head("roi_heads.box_predictor.cls_score.", "things"),
            Head("roi_heads.box_predictor.bbox_pred.", "things", each=4, scores=False),
            Head("roi_heads.mask_predictor.mask_fcn_logits.", "things", scores=False),
            Head("semantic.logits.", "pixels"),
        )

    def settled(self, options: MaskRCNNOptions, sides_px: NDArray[np.float64]) -> MaskRCNNOptions:
        """Anchors by the data: the first level fits the smaller objects, each next is twice that.

        Args:
            options: with or without anchors.
            sides_px: (N, 2) height and width of the training objects at the network's scale.
        """
        if options.anchors or not len(sides_px):
            return options if options.anchors else replace(options, anchors=_doubling(32))
        small = float(np.quantile(np.sqrt(sides_px.prod(axis=1)), 0.1))
        first = 2 ** round(np.log2(max(small, 1.0)))
        return replace(
            options, anchors=_doubling(int(np.clip(first, _SMALLEST_ANCHOR, _LARGEST_FIRST)))
        )

    def shrink(self, options: MaskRCNNOptions, size_hw: tuple[int, int]) -> tuple[int, int]:
        """The size at which the network sees an image: by `min_size`, bounded by `max_size`."""
        factor = options.min_size / min(size_hw) if options.min_size else 1.0
        factor = min(factor, options.max_size / max(size_hw))
        height, width = (max(1, round(n * factor)) for n in size_hw)
        return height, width

    def build(
        self, options: MaskRCNNOptions, in_channels: int, things: int, classes: int
    ) -> Detector:
        """A network with random weights; see `DetectorFamily.build`."""
        width, norm = options.width, _norm(options.norm)
        anchors = AnchorGenerator(
            tuple((a,) for a in options.anchors or _doubling(32)), (_ASPECTS,) * _LEVELS
        )
        proposals = Proposals(
            anchors,
            FloatRPNHead(width, anchors.num_anchors_per_location()[0]),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=256,
            positive_fraction=0.5,
            pre_nms_top_n={"training": 1000, "testing": 1000},
            post_nms_top_n={"training": 1000, "testing": 1000},
            nms_thresh=0.7,
        )
        heads = Heads(
            box_roi_pool=MultiScaleRoIAlign(_POOLED, 7, 2),
            box_head=TwoMLPHead(width * 49, options.hidden),
            box_predictor=FloatPredictor(options.hidden, 1 + things),
            fg_iou_thresh=0.5,
            bg_iou_thresh=0.5,
            batch_size_per_image=options.rois,
            positive_fraction=0.25,
            bbox_reg_weights=None,
            score_thresh=options.score,
            nms_thresh=options.nms,
            detections_per_img=options.max_objects,
            mask_roi_pool=MultiScaleRoIAlign(
                _POOLED, options.mask_side // 2, 2, canonical_scale=_MASK_SCALE
            ),
            mask_head=MaskRCNNHeads(width, (width,) * 4, 1, norm_layer=norm),
            mask_predictor=MaskRCNNPredictor(width, width, 1 + things),
        )
        semantic = SemanticHead(width, classes) if classes else None
        return Detector(_pyramid(options, in_channels), proposals, heads, semantic)


class SemanticHead(nn.Module):
    """Classes of pixels from a feature pyramid, at a quarter of the image's size.

    Each level passes 3 × 3 convolutions, group normalisation and doublings until it is as fine
    as the finest; the sum gives the logits.

    Args:
        width: channels of the pyramid.
        classes: K of the logits.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        inner = max(32, width // 2)
        self.levels = nn.ModuleList(
            nn.ModuleList(
                nn.Sequential(
                    nn.Conv2d(width if i == 0 else inner, inner, 3, padding=1, bias=False),
                    _group_norm(inner),
                    nn.ReLU(inplace=True),
                )
                for i in range(max(1, level))
            )
            for level in range(len(_POOLED))
        )
        self.logits = nn.Conv2d(inner, classes, 1)

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """Logits (B, K, H/4, W/4)."""
        size = features["0"].shape[2:]
        total: Tensor | None = None
        for name, blocks in zip(_POOLED, self.levels, strict=True):
            x = features[name]
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x)
                if x.shape[2:] != size:
                    x = functional.interpolate(
                        x, scale_factor=2.0, mode="bilinear", align_corners=False
                    )
            total = x if total is None else total + x
        logits: Tensor = self.logits(total)
        return logits


def _doubling(first: int) -> tuple[int, ...]:
    return tuple(first << level for level in range(_LEVELS))


def _norm(name: str) -> Callable[[int], nn.Module]:
    return nn.BatchNorm2d if name == "batch" else _group_norm


def _group_norm(channels: int) -> nn.GroupNorm:
    """32 groups, fewer where that would leave fewer than four channels to a group."""
    return nn.GroupNorm(min(32, channels // 4), channels)


def _pyramid(options: MaskRCNNOptions, in_channels: int) -> BackboneWithFPN:
    norm = _norm(options.norm)
    body = getattr(resnet, options.backbone)(weights=None, norm_layer=norm)
    if in_channels != 3:
        body.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        torch.nn.init.kaiming_normal_(body.conv1.weight, mode="fan_out", nonlinearity="relu")
    deepest = body.fc.in_features
    return BackboneWithFPN(
        body,
        {f"layer{n}": str(n - 1) for n in (1, 2, 3, 4)},
        [deepest // 8, deepest // 4, deepest // 2, deepest],
        options.width,
        norm_layer=norm,
    )


MASKRCNN = MaskRCNN()
