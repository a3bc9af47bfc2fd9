"""How far a network sees is measured, and right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from maskloom.inference.engines.torch_engine import TorchEngine
from maskloom.inference.tiling.field import Field, measure_field
from maskloom.models.unet import UNET, UNetOptions


def field_of(network: nn.Module, stride: int, channels: int = 1) -> Field:
    torch.manual_seed(0)
    return measure_field(TorchEngine(network.eval()).logits, channels, stride)


def test_a_chain_of_convolutions_sees_the_sum_of_their_radii():
    chain = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 2, 5, padding=2))
    assert field_of(chain, 1) == Field(1, (3, 3), (3, 3))


def test_the_field_may_differ_by_axis_and_side():
    lean = nn.Sequential(nn.ZeroPad2d((4, 0, 0, 1)), nn.Conv2d(1, 2, (2, 5)))
    # an output sees 4 px to its left and 1 px below
    assert field_of(lean, 1) == Field(1, (0, 4), (1, 0))


def test_a_dilated_convolution_is_seen_through_its_holes():
    assert field_of(nn.Conv2d(1, 2, 3, padding=9, dilation=9), 1).before == (9, 9)


@pytest.mark.parametrize(
    ("options", "stride", "before", "after"),
    [
        (UNetOptions(encoder="plain", width=4, depth=2), 4, 24, 24),
        (UNetOptions(), 32, 288, 256),
    ],
)
def test_the_field_of_a_u_net(options: UNetOptions, stride: int, before: int, after: int):
    found = field_of(UNET.build(options, 3, 2), stride, 3)
    assert found.bounded
    assert found.stride == stride
    assert found.before == (before, before)
    assert found.after == (after, after)


def test_global_pooling_sees_everything():
    class Squeeze(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Conv2d(1, 2, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.inner(x)
            return y * torch.sigmoid(y.mean(dim=(2, 3), keepdim=True))

    assert not field_of(Squeeze(), 1).bounded


def test_normalisation_over_the_image_sees_everything():
    assert not field_of(nn.Sequential(nn.Conv2d(1, 2, 1), nn.GroupNorm(1, 2)), 1).bounded


def test_a_network_that_knows_where_it_is_is_not_bounded():
    class Placed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            ramp = torch.linspace(0, 1, x.shape[3]).expand(x.shape[0], 1, x.shape[2], -1)
            return torch.cat([x, x + ramp], dim=1)

    assert not field_of(Placed(), 1).bounded


def test_a_stride_larger_than_the_one_claimed_is_found():
    class Fourths(nn.Module):
        """Pools by 4 although inputs may be multiples of 2: phases of 4 px differ."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            pooled = nn.functional.max_pool2d(x, 4, ceil_mode=True)
            return nn.functional.interpolate(pooled, scale_factor=4.0)[
                :, :, : x.shape[2], : x.shape[3]
            ].repeat(1, 2, 1, 1)

    found = field_of(Fourths(), 2)
    assert found.bounded
    assert found.stride == 4
    assert found.before == (4, 4)


def test_a_network_that_hides_nan_is_not_trusted():
    class Hides(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nan_to_num(x).repeat(1, 2, 1, 1)

    assert not field_of(Hides(), 1).bounded


def test_a_box_reaches_far_enough_and_no_further_than_rounding():
    """Every input that changes a core lies in what the field says, by brute force."""
    torch.manual_seed(1)
    network = UNET.build(UNetOptions(encoder="plain", width=4, depth=2), 1, 2).eval()
    engine = TorchEngine(network)
    found = measure_field(engine.logits, 1, 4)
    rng = np.random.default_rng(0)
    line = rng.standard_normal((4, 256, 1)).astype(np.float32)
    core = slice(128, 132)
    changing = []
    base = engine.logits(line)[:, :, core]
    for x in range(256):
        other = line.copy()
        other[:, x] += 100
        if not np.array_equal(engine.logits(other)[:, :, core], base):
            changing.append(x)
    assert 128 - found.before[1] <= changing[0] < 128 - found.before[1] + 8
    assert 132 + found.after[1] - 8 < changing[-1] + 1 <= 132 + found.after[1]
