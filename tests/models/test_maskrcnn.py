"""Mask R-CNN: losses that stay finite, gradients, void, anchors, sizes, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maskloom import registry
from maskloom.errors import UsageError
from maskloom.models.detector import mask_targets, on_void
from maskloom.models.maskrcnn import MASKRCNN, MaskRCNNOptions

SMALL = MaskRCNNOptions(width=32, hidden=16, rois=16, anchors=(8, 16, 32, 64, 128))
SIDE = 64


def target(boxes=((8, 8, 24, 40), (30, 20, 60, 50)), labels=(1, 2), void=None):
    masks = torch.zeros(len(boxes), SIDE, SIDE, dtype=torch.uint8)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = 1
    return {
        "boxes": torch.tensor(boxes, dtype=torch.int64).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "masks": masks,
        "void": torch.zeros(SIDE, SIDE, dtype=torch.bool) if void is None else void,
    }


def network(classes: int = 0, **options):
    torch.manual_seed(0)
    chosen = MaskRCNNOptions(
        **{"width": 32, "hidden": 16, "rois": 16, "anchors": SMALL.anchors} | options
    )
    return MASKRCNN.build(chosen, 3, 2, classes).train()


@pytest.mark.parametrize("norm", ["group", "batch"])
def test_every_weight_gets_a_gradient(norm: str) -> None:
    net = network(norm=norm)
    losses, found, logits = net(torch.randn(2, 3, SIDE, SIDE), [target(), target()])
    assert sorted(losses) == ["anchor", "box", "class", "mask", "object"]
    assert found == []
    assert logits is None
    sum(losses.values()).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


def test_the_panoptic_form_gives_a_logit_for_every_class_and_pixel() -> None:
    net = network(classes=5)
    losses, _, logits = net(torch.randn(2, 3, SIDE, SIDE), [target(), target()])
    assert logits.shape == (2, 5, SIDE, SIDE)
    (sum(losses.values()) + logits.square().mean()).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


def test_images_without_objects_give_finite_losses_and_nothing_to_mask() -> None:
    empty = target(boxes=(), labels=())
    losses = network()(torch.randn(1, 3, SIDE, SIDE), [empty])[0]
    assert all(torch.isfinite(value) for value in losses.values())
    assert float(losses["mask"].detach()) == 0
    assert float(losses["anchor"].detach()) == 0
    assert float(losses["object"].detach()) > 0


def test_a_crop_that_is_all_void_teaches_nothing() -> None:
    void = target(boxes=(), labels=(), void=torch.ones(SIDE, SIDE, dtype=torch.bool))
    net = network()
    losses = net(torch.randn(1, 3, SIDE, SIDE), [void])[0]
    assert {name: float(value.detach()) for name, value in losses.items()} == dict.fromkeys(
        losses, 0.0
    )
    sum(losses.values()).backward()
    assert all(not p.grad.any() for p in net.parameters() if p.grad is not None)


def test_boxes_lie_on_void_by_more_than_half_of_their_pixels() -> None:
    void = torch.zeros(10, 10, dtype=torch.bool)
    void[:, 5:] = True
    boxes = torch.tensor([
        [0, 0, 5, 5],  # none
        [4, 0, 6, 5],  # exactly half
        [4, 0, 7, 5],  # two thirds
        [8, 8, 30, 30],  # all that is inside
        [20, 20, 30, 30],  # nothing inside
    ]).float()  # fmt: skip
    assert on_void(boxes, void).tolist() == [False, False, True, True, False]


def test_mask_targets_are_the_shares_of_cells_that_an_object_covers() -> None:
    mask = torch.zeros(1, 8, 8, dtype=torch.uint8)
    mask[0, 2:6, 2:4] = 1  # the left half of its box 2, 2, 6, 6
    box = torch.tensor([[2.0, 2.0, 6.0, 6.0]])
    found = mask_targets(mask, box, torch.tensor([0]), 4)
    assert found[0].tolist() == [[1, 1, 0, 0]] * 4


def test_detections_are_float32_boxes_inside_the_image_whatever_is_computed_in() -> None:
    net = network(score=0.0).eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        _, (found,), _ = net(torch.randn(1, 3, 64, 96))
    assert found["boxes"].dtype == torch.float32
    assert len(found["boxes"]) > 0
    assert found["boxes"][:, 2].max() <= 96
    assert found["boxes"][:, 3].max() <= 64
    assert found["masks"].shape[1:] == (1, 28, 28)


def test_the_side_of_masks_can_be_chosen() -> None:
    net = network(score=0.0, mask_side=16).eval()
    with torch.inference_mode():
        _, (found,), _ = net(torch.randn(1, 3, SIDE, SIDE))
    assert found["masks"].shape[1:] == (1, 16, 16)


@pytest.mark.parametrize(("side", "first"), [(10, 8), (3, 4), (200, 32), (17, 16)])
def test_the_first_anchor_fits_the_smaller_objects(side: int, first: int) -> None:
    options = MASKRCNN.settled(MaskRCNNOptions(), np.full((20, 2), side, float))
    assert options.anchors == tuple(first * n for n in (1, 2, 4, 8, 16))


def test_anchors_that_were_given_stay() -> None:
    assert MASKRCNN.settled(SMALL, np.full((3, 2), 200.0)) == SMALL


@pytest.mark.parametrize(
    ("options", "size", "seen"),
    [
        ({}, (300, 500), (300, 500)),
        ({}, (1333, 2666), (666, 1333)),
        ({"max_size": 250}, (300, 500), (150, 250)),
        ({"min_size": 600}, (300, 500), (600, 1000)),
        ({"min_size": 600, "max_size": 750}, (300, 500), (450, 750)),
        ({"max_size": 32}, (1, 3200), (1, 32)),
    ],
)
def test_images_are_seen_at_a_bounded_size(options, size, seen) -> None:
    assert MASKRCNN.shrink(MaskRCNNOptions(**options), size) == seen


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 40},
        {"hidden": 1},
        {"anchors": (1, 2)},
        {"min_size": 8},
        {"min_size": 600, "max_size": 500},
        {"mask_side": 7},
        {"score": 1.0},
        {"nms": 0.0},
        {"max_objects": 0},
    ],
)
def test_options_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(UsageError, match="out of range"):
        MaskRCNNOptions(**wrong)


def test_grey_images_and_deeper_bodies_are_built() -> None:
    options = MaskRCNNOptions(backbone="resnet50", width=32, hidden=16, rois=8)
    net = MASKRCNN.build(options, 1, 1, 0).train()
    losses = net(torch.randn(1, 1, SIDE, SIDE), [target(boxes=((8, 8, 40, 40),), labels=(1,))])[0]
    assert all(torch.isfinite(value) for value in losses.values())


def test_the_registry_tells_the_kind_of_every_model() -> None:
    for name, entry in registry.MODELS.items():
        assert registry.load("models", name).kind == entry.kind, name
