"""A two-stage detector of torchvision's parts: proposals, boxes, masks, a class per pixel.

Where it differs from `torchvision.models.detection.MaskRCNN`, and why:
- images come normalised and stay as large as they are; masks stay a grid over their box, because
  pasting them into the image is decoding (`inference/detector.py`);
- boxes are float32 whatever the convolutions compute in: bf16 places an edge at 500 px to 2 px;
- mask targets are sampled at pixel centres (torchvision's lie half a pixel up and left);
- proposals that lie on void pixels are neither objects nor background.

Source: He, Gkioxari, Dollár, Girshick, "Mask R-CNN", 2017; torchvision 0.29 `detection`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import (
    RoIHeads,
    fastrcnn_loss,
    maskrcnn_inference,
)
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import roi_align

_MOSTLY = 0.5
_NAMES = {"loss_objectness": "object", "loss_rpn_box_reg": "anchor"}

Targets = list[dict[str, Tensor]]
"""Per image: boxes (N, 4) int64 pixel edges, labels (N,) int64 from 1, masks (N, H, W) uint8,
void (H, W) bool. Whole numbers, because mixed precision rounds float inputs to bf16, in which a
box from 319 to 320 px has no width."""


class Detector(nn.Module):
    """The whole network.

    Args:
        backbone: (B, C, H, W) → ordered dict of feature maps.
        proposals: first stage.
        heads: second stage.
        semantic: feature maps → logits (B, K, H/4, W/4), or None.
    """

    def __init__(
        self,
        backbone: nn.Module,
        proposals: RegionProposalNetwork,
        heads: RoIHeads,
        semantic: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.backbone, self.rpn, self.roi_heads = backbone, proposals, heads
        self.semantic = semantic

    def forward(
        self, images_BCHW: Tensor, targets: Targets | None = None
    ) -> tuple[dict[str, Tensor], list[dict[str, Tensor]], Tensor | None]:
        """Losses where targets are given, else detections.

        Args:
            images_BCHW: normalised, H and W multiples of the stride.
            targets: see `Targets`; one for each image, in training mode only.

        Returns:
            losses by name; per image boxes (N, 4), scores, labels (N,), masks (N, 1, M, M);
            logits (B, K, H, W) of the semantic head, or None.
        """
        hw = (int(images_BCHW.shape[2]), int(images_BCHW.shape[3]))
        if targets is not None:
            targets = [{**target, "boxes": target["boxes"].float()} for target in targets]
        frames = ImageList(images_BCHW, [hw] * len(images_BCHW))
        features = {name: map_.float() for name, map_ in self.backbone(images_BCHW).items()}
        boxes, first = self.rpn(frames, features, targets)
        found, second = self.roi_heads(features, boxes, frames.image_sizes, targets)
        logits = None
        if self.semantic is not None:
            logits = functional.interpolate(
                self.semantic(features).float(), size=hw, mode="bilinear", align_corners=False
            )
        losses = {_NAMES.get(name, name): value for name, value in {**first, **second}.items()}
        return losses, found, logits


class FloatRPNHead(RPNHead):
    """The first stage's convolutions, answering in float32."""

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Objectness and box deltas of each level."""
        scores, deltas = super().forward(x)
        return [s.float() for s in scores], [d.float() for d in deltas]


class FloatPredictor(FastRCNNPredictor):
    """The second stage's classes and boxes, in float32."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1 + T) logits and (N, 4 (1 + T)) deltas."""
        scores, deltas = super().forward(x)
        return scores.float(), deltas.float()


class Proposals(RegionProposalNetwork):
    """torchvision's first stage, that learns nothing from void."""

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: Targets
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Labels 1, 0 or -1 (counts nowhere) of anchors, and the boxes that they should be."""
        labels, matched = super().assign_targets_to_anchors(anchors, targets)
        for label, anchor, target in zip(labels, anchors, targets, strict=True):
            label[(label == 0) & on_void(anchor, target["void"])] = -1.0
        return labels, matched

    def compute_loss(
        self,
        objectness: Tensor,
        pred_bbox_deltas: Tensor,
        labels: list[Tensor],
        regression_targets: list[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """(objectness, boxes); 0 where no anchor counts."""
        if all(bool((label < 0).all()) for label in labels):
            return objectness.sum() * 0.0, pred_bbox_deltas.sum() * 0.0
        return super().compute_loss(  # type: ignore[no-any-return]
            objectness, pred_bbox_deltas, labels, regression_targets
        )


class Heads(RoIHeads):
    """torchvision's second stage with the deviations of this module's head."""

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: Targets | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        """(detections per image, losses by name): one of the two is empty."""
        if targets is not None:
            return [], self._losses(features, proposals, image_shapes, targets)
        pooled = self.box_roi_pool(features, proposals, image_shapes)
        scores, deltas = self.box_predictor(self.box_head(pooled))
        found = self.postprocess_detections(scores, deltas, proposals, image_shapes)
        boxes, confidence, labels = found
        logits = self._mask_logits(features, boxes, image_shapes)
        masks = maskrcnn_inference(logits, labels)
        rows = zip(boxes, confidence, labels, masks, strict=True)
        return [{"boxes": b, "scores": s, "labels": n, "masks": m} for b, s, n, m in rows], {}

    def _losses(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: Targets,
    ) -> dict[str, Tensor]:
        boxes, matched, labels, wanted = self.select_training_samples(proposals, targets)
        pooled = self.box_roi_pool(features, boxes, image_shapes)
        scores, deltas = self.box_predictor(self.box_head(pooled))
        if len(scores):
            category, box = fastrcnn_loss(scores, deltas, labels, wanted)
        else:
            category, box = scores.sum() * 0.0, deltas.sum() * 0.0
        objects = [label > 0 for label in labels]
        inside = [b[o] for b, o in zip(boxes, objects, strict=True)]
        logits = self._mask_logits(features, inside, image_shapes)
        truth = [
            mask_targets(t["masks"], b, m[o], int(logits.shape[-1]))
            for t, b, m, o in zip(targets, inside, matched, objects, strict=True)
        ]
        names = torch.cat([n[o] for n, o in zip(labels, objects, strict=True)])
        return {"class": category, "box": box, "mask": _mask_loss(logits, torch.cat(truth), names)}

    def select_training_samples(self, proposals: list[Tensor], targets: Any) -> Any:
        """Proposals to judge, the objects that they match, labels and box targets.

        As torchvision, but a background proposal that lies on void is left out of the draw.
        """
        truth = [t["boxes"] for t in targets]
        proposals = self.add_gt_proposals(proposals, truth)
        matched, labels = self.assign_targets_to_proposals(
            proposals, truth, [t["labels"] for t in targets]
        )
        for label, boxes, target in zip(labels, proposals, targets, strict=True):
            label[(label == 0) & on_void(boxes, target["void"])] = -1
        chosen = self.subsample(labels)
        proposals = [p[c] for p, c in zip(proposals, chosen, strict=True)]
        labels = [n[c] for n, c in zip(labels, chosen, strict=True)]
        matched = [m[c] for m, c in zip(matched, chosen, strict=True)]
        wanted = [
            (t if len(t) else t.new_zeros((1, 4)))[m] for t, m in zip(truth, matched, strict=True)
        ]
        return proposals, matched, labels, self.box_coder.encode(wanted, proposals)

    def _mask_logits(
        self, features: dict[str, Tensor], boxes: list[Tensor], shapes: list[tuple[int, int]]
    ) -> Tensor:
        pooled = self.mask_roi_pool(features, boxes, shapes)
        logits: Tensor = self.mask_predictor(self.mask_head(pooled))
        return logits.float()


def on_void(boxes: Tensor, void_HW: Tensor) -> Tensor:
    """Which boxes lie on void for the greater part.

    Args:
        boxes: (N, 4) float, pixel edges.
        void_HW: (H, W) bool.

    Returns:
        (N,) bool; False for boxes without a pixel inside the image.
    """
    if not bool(void_HW.any()):
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    height, width = void_HW.shape
    total = functional.pad(void_HW.to(torch.int64).cumsum(0).cumsum(1), (1, 0, 1, 0))
    x = boxes[:, 0::2].round().long().clamp(0, width)
    y = boxes[:, 1::2].round().long().clamp(0, height)
    (x0, x1), (y0, y1) = x.unbind(1), y.unbind(1)
    inside = total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0]
    return inside > _MOSTLY * ((x1 - x0) * (y1 - y0))


def mask_targets(masks: Tensor, boxes: Tensor, matched: Tensor, side: int) -> Tensor:
    """(N, side, side) share of each cell of each box that its object covers."""
    if not len(boxes):
        return boxes.new_zeros((0, side, side))
    rois = torch.cat([matched[:, None].to(boxes), boxes], dim=1)
    shares: Tensor = roi_align(masks[:, None].to(boxes), rois, (side, side), 1.0, aligned=True)
    return shares[:, 0]


def _mask_loss(logits: Tensor, truth: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy of each object's own class; 0 where there is no object."""
    if not len(labels):
        return logits.sum() * 0.0
    own = logits[torch.arange(len(labels), device=labels.device), labels]
    return functional.binary_cross_entropy_with_logits(own, truth)
