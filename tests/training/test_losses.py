"""Losses over valid pixels: by hand, against torch, and where nothing is valid."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from maskloom.training.losses import (
    IGNORED,
    cross_entropy,
    cross_entropy_and_dice,
    distance_loss,
    soft_dice,
)

LOGITS = torch.tensor([[[[2.0, 0.0]], [[0.0, 0.0]]]])  # (1, 2, 1, 2)


def test_cross_entropy_by_hand_ignores_the_ignored_pixel() -> None:
    target = torch.tensor([[[0, IGNORED]]])
    assert float(cross_entropy(LOGITS, target)) == pytest.approx(math.log(1 + math.exp(-2)))


def test_cross_entropy_does_not_change_when_ignored_pixels_are_added() -> None:
    logits = torch.randn(2, 3, 4, 5)
    target = torch.randint(0, 3, (2, 4, 5))
    wider = torch.cat([logits, torch.randn(2, 3, 4, 5)], dim=3)
    padded = torch.cat([target, torch.full((2, 4, 5), IGNORED)], dim=2)
    assert torch.allclose(cross_entropy(wider, padded), cross_entropy(logits, target))
    assert torch.allclose(soft_dice(wider, padded), soft_dice(logits, target))


def test_weighted_cross_entropy_equals_torch() -> None:
    logits, target = torch.randn(2, 3, 6, 6), torch.randint(0, 3, (2, 6, 6))
    weights = torch.tensor([0.5, 2.0, 3.0])
    expected = functional.cross_entropy(logits, target, weights)
    assert torch.allclose(cross_entropy(logits, target, weights), expected)


@pytest.mark.parametrize("loss", [cross_entropy, soft_dice])
def test_a_batch_without_a_valid_pixel_gives_zero_with_a_gradient_of_zero(loss) -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    value = loss(logits, torch.full((1, 4, 4), IGNORED))
    value.backward()
    assert float(value.detach()) == 0.0
    assert logits.grad is not None
    assert float(logits.grad.abs().sum()) == 0.0


def test_ignored_pixels_get_no_gradient() -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    target = torch.randint(0, 3, (1, 4, 4))
    target[0, 0] = IGNORED
    (cross_entropy(logits, target) + soft_dice(logits, target)).backward()
    assert logits.grad is not None
    assert float(logits.grad[:, :, 0].abs().max()) == 0.0
    assert float(logits.grad[:, :, 1:].abs().max()) > 0.0


def test_soft_dice_by_hand() -> None:
    # two pixels of class 0 with probabilities 0.8808 and 0.5: 2 * 1.3808 / (1.3808 + 2)
    p = 1 / (1 + math.exp(-2)) + 0.5
    value = float(soft_dice(LOGITS, torch.tensor([[[0, 0]]])))
    assert value == pytest.approx(1 - 2 * p / (p + 2), abs=1e-6)


def test_soft_dice_of_a_sure_and_right_answer_is_nearly_zero() -> None:
    target = torch.randint(0, 4, (2, 8, 8))
    logits = functional.one_hot(target, 4).permute(0, 3, 1, 2) * 50.0
    assert float(soft_dice(logits, target)) < 1e-6


def test_classes_are_interchangeable() -> None:
    logits, target = torch.randn(1, 3, 8, 8), torch.randint(0, 3, (1, 8, 8))
    order = torch.tensor([2, 0, 1])
    assert torch.allclose(
        soft_dice(logits[:, order], torch.argsort(order)[target]), soft_dice(logits, target)
    )


def test_losses_are_float32_under_bf16_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        logits = torch.randn(1, 2, 4, 4).bfloat16()
        target = torch.zeros((1, 4, 4), dtype=torch.int64)
        assert cross_entropy(logits, target).dtype == torch.float32
        assert soft_dice(logits, target).dtype == torch.float32


def test_distance_loss_counts_valid_pixels_only() -> None:
    logits, wanted = torch.zeros(1, 2, 2), torch.tensor([[[0.5, 1.0], [0.0, 0.25]]])
    valid = torch.tensor([[[True, False], [False, False]]])
    assert float(distance_loss(logits, wanted, valid)) == pytest.approx(math.log(2))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [0.0, 0.3, 1.0])
def test_the_fused_losses_and_gradients_equal_the_two_written_plainly(weighted, ignored) -> None:
    torch.manual_seed(3)
    target = torch.randint(0, 4, (2, 9, 7))  # class 4 of 5 never occurs
    target[torch.rand(target.shape) < ignored] = IGNORED
    weights = torch.tensor([0.5, 1.0, 2.0, 3.0, 1.0]) if weighted else None
    ours = torch.randn(2, 5, 9, 7).to(memory_format=torch.channels_last).requires_grad_()
    plain = ours.detach().clone().requires_grad_()
    ce, dice = cross_entropy_and_dice(ours, target, weights, 0.7)
    (2 * ce + dice).backward()
    expected = cross_entropy(plain, target, weights), 0.7 * soft_dice(plain, target)
    (2 * expected[0] + expected[1]).backward()
    assert torch.allclose(ce.detach(), expected[0].detach(), atol=1e-6)
    assert torch.allclose(dice.detach(), expected[1].detach(), atol=1e-6)
    assert ours.grad is not None
    assert plain.grad is not None
    assert torch.allclose(ours.grad, plain.grad, atol=1e-6)
