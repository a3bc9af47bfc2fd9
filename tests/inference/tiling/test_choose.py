"""Whether an image is cut: within the memory allowed, and alike on every machine."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from maskloom.core.run import Preprocessing
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import ImageError
from maskloom.inference.decode import Channels
from maskloom.inference.engines.torch_engine import TorchEngine
from maskloom.inference.network import NetworkSegmenter
from maskloom.inference.tiling.choose import field_of, plan_for
from maskloom.inference.tiling.options import TileOptions
from maskloom.models.unet import UNET, UNetOptions

LARGE = (20_000, 20_000)


class Pooled(nn.Module):
    """Adds the image's mean to what a small network says: nothing is local."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.inner(image) + image.mean(dim=(2, 3), keepdim=True)


def segmenter_of(*, bounded: bool = True, precision: str = "fp32") -> NetworkSegmenter:
    network = UNET.build(UNetOptions(encoder="plain", width=4, depth=2), 1, 3).eval()
    engine = TorchEngine(network if bounded else Pooled(network).eval(), precision=precision)
    return NetworkSegmenter(
        engine,
        Channels(Taxonomy.from_names(["a", "b", "c"]), background=False, distance=False),
        preprocessing=Preprocessing(("gray",), 255.0, (0.5,), (0.25,), 4),
    )


@pytest.mark.parametrize("bounded", [True, False])
def test_a_tile_that_the_memory_does_not_hold_is_refused(bounded):
    segmenter = segmenter_of(bounded=bounded)
    options = TileOptions(tile=4096, memory=2.0)
    with pytest.raises(ImageError, match="does not hold one block") as caught:
        plan_for(segmenter, LARGE, options)
    assert "smaller model.tile" in caught.value.hint
    assert ("4144 × 4144" if bounded else "4096 × 4096") in caught.value.seen


def test_pixels_that_are_held_leave_less_room_for_blocks():
    segmenter, options = segmenter_of(), TileOptions(memory=2.0)
    usual = plan_for(segmenter, LARGE, options)
    less = plan_for(segmenter, LARGE, options, held=256 << 20)
    assert usual is not None
    assert less is not None
    assert np.prod(less.core) < np.prod(usual.core)
    with pytest.raises(ImageError, match="does not hold one block"):
        plan_for(segmenter, LARGE, options, held=2 << 30)


def test_a_tile_larger_than_the_image_takes_no_more_than_the_image():
    plan = plan_for(segmenter_of(), (90, 120), TileOptions(tile=4096))
    assert plan is not None
    assert plan.core == (92, 120)


@pytest.mark.parametrize("bounded", [True, False])
def test_memory_that_holds_no_block_is_refused_alike_in_both_modes(bounded):
    with pytest.raises(ImageError, match="does not hold one block") as caught:
        plan_for(segmenter_of(bounded=bounded), LARGE, TileOptions(memory=0.7))
    assert "model.memory" in caught.value.hint


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("options", [TileOptions(), TileOptions(tile=512, memory=1.2)])
def test_plans_do_not_depend_on_whether_the_machine_computes_bf16(bounded, options):
    plans = [
        plan_for(segmenter_of(bounded=bounded, precision=precision), LARGE, options)
        for precision in ("fp32", "bf16")
    ]
    assert plans[0] is not None
    assert plans[0] == plans[1]


def test_what_a_network_sees_is_measured_once():
    segmenter = segmenter_of()
    passes = []
    segmenter.engine.network.register_forward_hook(lambda *_: passes.append(1))
    first = field_of(segmenter)
    probed = len(passes)
    assert probed > 0
    plan_for(segmenter, LARGE, TileOptions())
    assert field_of(segmenter) == first
    assert len(passes) == probed


class Full:
    """An engine that has no memory left."""

    name, precision, host = "torch", "fp32", False
    bytes_per_pixel = bytes_per_pixel_fp32 = 300

    def logits(self, image_hwc):
        raise MemoryError


def test_a_pass_that_does_not_fit_names_the_options_that_cut():
    segmenter = segmenter_of()
    segmenter.engine = Full()
    with pytest.raises(ImageError, match="one pass") as caught:
        segmenter.predict(np.zeros((8, 8, 1), np.uint8))
    assert "--set model.tile" in caught.value.hint
    assert "model.memory" in caught.value.hint
