"""U-Net: shapes, odd sizes, and weights to disk and back bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from maskloom.core.recipe import Recipe
from maskloom.core.run import Preprocessing, Run
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import UsageError
from maskloom.models import checkpoint
from maskloom.models.unet import UNET, UNetOptions

SMALL = UNetOptions(encoder="plain", width=4, depth=3)


@pytest.mark.parametrize(
    "options", [SMALL, UNetOptions(encoder="resnet18", decoder=(32, 16, 8, 8, 8))]
)
@pytest.mark.parametrize(("channels", "classes"), [(1, 2), (3, 20), (5, 1)])
def test_logits_have_the_size_of_the_input_and_gradients_reach_every_weight(
    options, channels, classes
) -> None:
    network = UNET.build(options, channels, classes)
    stride = UNET.stride(options)
    logits = network(torch.randn(2, channels, stride, 2 * stride))
    assert logits.shape == (2, classes, stride, 2 * stride)
    logits.square().mean().backward()
    missing = [name for name, p in network.named_parameters() if p.grad is None]
    assert missing == []


def test_the_plain_form_has_the_papers_weights_at_width_64() -> None:
    """31.0 M parameters: the paper's network; batch norms and padding do not change convolutions."""
    network = UNET.build(UNetOptions(encoder="plain", width=64), 1, 2)
    kernels = sum(p.numel() for n, p in network.named_parameters() if p.ndim == 4)
    assert 31_000_000 < kernels < 31_100_000


def test_the_plain_form_commutes_with_shifts_of_its_stride() -> None:
    torch.manual_seed(0)
    network = UNET.build(SMALL, 1, 2).eval()
    image = torch.zeros(1, 1, 128, 128)
    image[..., 48:72, 48:72] = torch.rand(24, 24)
    moved = network(image.roll((8, 16), (2, 3))).roll((-8, -16), (2, 3))
    assert torch.allclose(network(image)[..., 40:80, 40:80], moved[..., 40:80, 40:80], atol=1e-5)


@pytest.mark.parametrize("wrong", [{"depth": 0}, {"width": 0}, {"decoder": (1, 2)}])
def test_options_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(UsageError, match="out of range"):
        UNetOptions(**wrong)


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(UsageError, match="no such encoder"):
        UNET.build(UNetOptions(encoder="no-such-net"), 3, 2)


def test_weights_come_back_bit_for_bit_and_the_description_with_them(tmp_path: Path) -> None:
    run = Run(
        path=tmp_path,
        model="unet",
        options={"encoder": "plain", "width": 4, "depth": 3},
        task="semantic",
        taxonomy=Taxonomy.from_names(["a", "b"]),
        background=True,
        preprocessing=Preprocessing(("gray",), 255.0, (0.5,), (0.25,), 8),
        recipe=Recipe(),
        weights_sha256="",
        data={"train": {"samples": 3}},
        scores={"precision": "fp32"},
    )
    network = checkpoint.build(run)
    saved = checkpoint.save(run, network.state_dict())
    loaded = Run.load(tmp_path)
    assert loaded == saved
    again = checkpoint.load(loaded)
    for name, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    first = (tmp_path / "model.safetensors").read_bytes()
    checkpoint.save(run, network.state_dict())
    assert (tmp_path / "model.safetensors").read_bytes() == first
