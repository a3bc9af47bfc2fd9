"""A plan that takes the stride or the field of a network for too small is found out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from maskloom.core.run import Preprocessing
from maskloom.core.taxonomy import Taxonomy
from maskloom.inference.decode import Channels
from maskloom.inference.engines.torch_engine import TorchEngine
from maskloom.inference.network import NetworkSegmenter
from maskloom.inference.tiling.blocks import save_block
from maskloom.inference.tiling.check import checked_seams, meeting_places
from maskloom.inference.tiling.compute import block_labels
from maskloom.inference.tiling.forward import Seams
from maskloom.inference.tiling.plan import Plan
from maskloom.inference.tiling.tiled import Tiled, block_file

CHANNELS = Channels(Taxonomy.from_names(["dark", "light"]), background=False, distance=False)
PRE = Preprocessing(("gray",), 255.0, (0.5,), (0.25,), 8)


class Cells(nn.Module):
    """Says whether the mean of each cell of 16 × 16 px is light: its stride is 16."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        means = functional.avg_pool2d(x, 16, ceil_mode=True, count_include_pad=False)
        wide = functional.interpolate(means, scale_factor=16.0)[..., : x.shape[2], : x.shape[3]]
        return torch.cat([-wide, wide], dim=1)


class Far(nn.Module):
    """Says what the pixel 128 rows above or 128 columns to the left holds."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pads = (0, 0, 128, 0) if self.axis == 0 else (128, 0)
        there = functional.pad(x, pads)[..., : x.shape[2], : x.shape[3]]
        return torch.cat([-there, there], dim=1)


def checked(network: nn.Module, plan: Plan, folder) -> Seams:
    """What the check of a finished noise image says."""
    image = np.random.default_rng(0).integers(0, 256, (*plan.size, 1)).astype(np.uint8)

    def read(y0, y1, x0, x1):
        return image[y0:y1, x0:x1]

    segmenter = NetworkSegmenter(TorchEngine(network.eval()), CHANNELS, preprocessing=PRE)
    for block in plan:
        save_block(block_file(folder, block.index), block_labels(segmenter, read, plan, block))
    return checked_seams(segmenter, read, Tiled(folder, plan, 0, 0, Seams()), None)


def test_a_stride_that_is_twice_that_of_the_plan_shows(tmp_path):
    wrong = Plan((256, 320), "exact", (64, 64), 8, before=(16, 16), after=(16, 16))
    found = checked(Cells(), wrong, tmp_path)
    assert found.pixels == len(meeting_places(wrong)) * 64 * 64
    assert found.differing > 500


def test_the_right_stride_shows_nothing(tmp_path):
    right = Plan((256, 320), "exact", (64, 64), 16, before=(16, 16), after=(16, 16))
    assert checked(Cells(), right, tmp_path).differing == 0


@pytest.mark.parametrize("axis", [0, 1])
def test_a_field_that_is_larger_than_that_of_the_plan_shows(tmp_path, axis):
    wrong = Plan((384, 448), "exact", (64, 64), 8, before=(48, 48), after=(8, 8))
    assert checked(Far(axis), wrong, tmp_path).differing > 100


@pytest.mark.parametrize("axis", [0, 1])
def test_the_right_field_shows_nothing(tmp_path, axis):
    right = Plan((384, 448), "exact", (64, 64), 8, before=(128, 128), after=(8, 8))
    assert checked(Far(axis), right, tmp_path).differing == 0
