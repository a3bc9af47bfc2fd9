"""DeepLabv3+: shapes at both strides, batches of one, what it refuses."""

from __future__ import annotations

import pytest
import torch

from maskloom.errors import UsageError
from maskloom.models.deeplabv3plus import DEEPLABV3PLUS, DeepLabOptions


@pytest.mark.parametrize("output_stride", [16, 8])
@pytest.mark.parametrize(("channels", "classes"), [(1, 2), (3, 20)])
def test_logits_have_the_size_of_the_input_and_gradients_reach_every_weight(
    output_stride, channels, classes
) -> None:
    options = DeepLabOptions(output_stride=output_stride, channels=16)
    network = DEEPLABV3PLUS.build(options, channels, classes)
    stride = DEEPLABV3PLUS.stride(options)
    assert stride == output_stride
    logits = network(torch.randn(2, channels, 3 * stride, 5 * stride))
    assert logits.shape == (2, classes, 3 * stride, 5 * stride)
    logits.square().mean().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_the_encoders_last_map_has_the_stride_that_was_asked_for() -> None:
    for stride in (16, 8):
        network = DEEPLABV3PLUS.build(DeepLabOptions(output_stride=stride, channels=16), 3, 2)
        assert network.encoder(torch.zeros(1, 3, 64, 64))[-1].shape[-1] == 64 // stride


def test_a_batch_of_one_trains() -> None:
    network = DEEPLABV3PLUS.build(DeepLabOptions(channels=16), 3, 2).train()
    assert torch.isfinite(network(torch.randn(1, 3, 32, 32))).all()


def test_an_output_pixel_sees_input_beyond_every_convolution() -> None:
    """At 768 px the other corner is out of reach of all but the image pooling."""
    torch.manual_seed(0)
    options = DeepLabOptions(channels=16, rates=(1, 1, 1), dropout=0.0)
    network = DEEPLABV3PLUS.build(options, 1, 2).eval()
    image = torch.randn(1, 1, 768, 768, requires_grad=True)
    network(image)[..., :16, :16].square().sum().backward()
    assert (image.grad[..., -32:, -32:] != 0).any()


def test_the_head_holds_the_outputs() -> None:
    options = DeepLabOptions(channels=16)
    weights = DEEPLABV3PLUS.build(options, 3, 7).state_dict()
    (head,) = DEEPLABV3PLUS.heads(options)
    head = [v for k, v in weights.items() if k.startswith(head.prefix)]
    assert [v.shape[0] for v in head] == [7, 7]


@pytest.mark.parametrize("encoder", ["no-such-net", "swin_tiny_patch4_window7_224"])
def test_an_encoder_that_is_unknown_or_cannot_be_dilated_is_refused(encoder) -> None:
    with pytest.raises(UsageError, match="no such encoder"):
        DEEPLABV3PLUS.build(DeepLabOptions(encoder=encoder), 3, 2)


@pytest.mark.parametrize("wrong", [{"channels": 1}, {"dropout": 1.0}, {"rates": (1, 2)}])
def test_options_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(UsageError, match="out of range"):
        DeepLabOptions(**wrong)
