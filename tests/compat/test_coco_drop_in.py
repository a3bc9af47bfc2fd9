"""Code that was written for pycocotools runs on ours: torchmetrics gives the same tensors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from maskloom.compat.coco import COCO, COCOeval


def boxes_and_masks(rng, count, near=None):
    low = rng.integers(0, 40, (count, 2))
    boxes = np.concatenate([low, low + rng.integers(5, 40, (count, 2))], 1)
    if near is not None:
        boxes[: len(near)] = near[:count] + 1
    masks = torch.zeros(count, 90, 90, dtype=torch.bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes.tolist(), strict=True):
        mask[y0:y1, x0:x1] = True
    labels = torch.as_tensor(rng.integers(0, 3, count))
    return {"boxes": torch.tensor(boxes, dtype=torch.float), "masks": masks, "labels": labels}


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_torchmetrics_gives_the_same_tensors(kind, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        from torchmetrics.detection import MeanAveragePrecision
        from torchmetrics.detection.helpers import CocoBackend

        rng = np.random.default_rng(0)
        truth = [boxes_and_masks(rng, int(rng.integers(0, 5))) for _ in range(6)]
        found = [
            boxes_and_masks(rng, len(one["boxes"]) + 2, one["boxes"].numpy().astype(int))
            for one in truth
        ]
        for one in found:
            one["scores"] = torch.as_tensor(rng.random(len(one["boxes"])), dtype=torch.float)

        def computed():
            metric = MeanAveragePrecision(iou_type=kind, class_metrics=True, extended_summary=True)
            metric.update(found, truth)
            return metric.compute()

        theirs = computed()
        monkeypatch.setattr(CocoBackend, "coco", property(lambda _: COCO))
        monkeypatch.setattr(CocoBackend, "cocoeval", property(lambda _: COCOeval))
        ours = computed()
    assert theirs.keys() == ours.keys()
    for name, value in theirs.items():
        if isinstance(value, dict):
            assert value.keys() == ours[name].keys()
            assert all(np.array_equal(value[k], ours[name][k]) for k in value)
        else:
            assert torch.equal(value, ours[name]), name
