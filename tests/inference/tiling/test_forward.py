"""A box computed alone is what one pass over the whole image gives."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from maskloom.core.run import Preprocessing
from maskloom.core.taxonomy import Taxonomy
from maskloom.inference.decode import Channels
from maskloom.inference.engines.torch_engine import TorchEngine
from maskloom.inference.network import NetworkSegmenter
from maskloom.inference.preprocess import image_moments, normalize, pad_to_stride, to_unit
from maskloom.inference.tiling.choose import field_of, plan_for
from maskloom.inference.tiling.forward import (
    Feed,
    Seams,
    blended_logits,
    exact_logits,
    gaussian,
    padded_window,
)
from maskloom.inference.tiling.options import TileOptions
from maskloom.inference.tiling.plan import Plan, blend_plan
from maskloom.models.unet import UNET, UNetOptions

CLASSES = Channels(Taxonomy.from_names(["a", "b", "c"]), background=False, distance=False)


def small_net(channels: int = 3) -> nn.Module:
    torch.manual_seed(3)
    network = UNET.build(UNetOptions(encoder="plain", width=4, depth=2), channels, 3).eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_var.fill_(0.05)  # what comes from deep and far must not fade
    return network


def segmenter_of(
    network: nn.Module, *, per_image: bool = False, stride: int = 4
) -> NetworkSegmenter:
    pre = Preprocessing(("red", "green", "blue"), 255.0, (0.5,) * 3, (0.25,) * 3, stride, per_image)
    return NetworkSegmenter(TorchEngine(network), CLASSES, preprocessing=pre)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)


def feed_of(segmenter: NetworkSegmenter, image: np.ndarray) -> Feed:
    def read(y0, y1, x0, x1):
        assert 0 <= y0 < y1 <= image.shape[0]
        assert 0 <= x0 < x1 <= image.shape[1]
        return image[y0:y1, x0:x1]

    moments = image_moments(read, image.shape[:2], segmenter.preprocessing)
    return Feed(read, segmenter.engine, segmenter.preprocessing, moments, 3)


@pytest.mark.parametrize("size", [(200, 200), (201, 173), (97, 400), (64, 5), (1, 1), (1, 300)])
@pytest.mark.parametrize("per_image", [False, True])
def test_every_block_equals_one_pass(size, per_image):
    segmenter = segmenter_of(small_net(), per_image=per_image)
    image = picture(*size)
    whole = segmenter.logits(image)
    plan = plan_for(segmenter, size, TileOptions(tile=64))
    assert plan is not None
    for block in plan:
        y0, y1, x0, x1 = block.core
        found = exact_logits(feed_of(segmenter, image), plan, block.core)
        np.testing.assert_allclose(
            found, whole[:, y0:y1, x0:x1], atol=1e-5 * np.abs(whole).max(), rtol=0
        )


@pytest.mark.slow
def test_a_large_u_net_over_seams_equals_one_pass():
    torch.manual_seed(0)
    network = UNET.build(UNetOptions(), 3, 3).eval().to(memory_format=torch.channels_last)
    segmenter = segmenter_of(network, stride=32)
    image = picture(1000, 1010)
    whole = segmenter.logits(image)
    plan = plan_for(segmenter, image.shape[:2], TileOptions(tile=512))
    assert plan is not None
    assert plan.grid == (2, 2)
    for block in plan:
        y0, y1, x0, x1 = block.core
        found = exact_logits(feed_of(segmenter, image), plan, block.core)
        there = whole[:, y0:y1, x0:x1]
        np.testing.assert_allclose(found, there, atol=1e-5, rtol=0)
        np.testing.assert_array_equal(found.argmax(0), there.argmax(0))


def test_reads_that_are_not_aligned_would_be_wrong():
    """The test above can fail: shifted by half a stride, the same blocks differ."""
    segmenter = segmenter_of(small_net())
    image = picture(202, 202)
    whole = segmenter.logits(image)[:, 2:]
    shifted = segmenter.logits(image[2:])
    assert np.abs(whole[:, 60:-60] - shifted[:, 60:-60]).max() > 0.1 * whole.std()


class Pooled(nn.Module):
    """Adds the image's mean to what a small network says: nothing is local."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = small_net()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) + 5 * x.mean(dim=(2, 3), keepdim=True).mean(dim=1, keepdim=True) * (
            torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1, 1)
        )


def test_a_network_that_sees_everything_is_blended_and_its_seams_are_counted():
    segmenter = segmenter_of(Pooled().eval())
    assert not field_of(segmenter).bounded
    image = np.zeros((256, 384, 3), np.uint8)
    image[:, 192:] = 255  # windows of the left and the right half disagree about the mean
    plan = plan_for(segmenter, image.shape[:2], TileOptions(tile=64))
    assert plan is not None
    assert plan.mode == "blend"
    block = plan[0]
    logits, seams = blended_logits(feed_of(segmenter, image), plan, block)
    assert logits.shape == (3, block.window[1] - block.window[0], block.window[3] - block.window[2])
    assert np.isfinite(logits).all()
    assert seams.pixels > 0
    assert seams.share is not None
    assert 0 < seams.share < 1


def test_a_blend_of_one_window_is_that_window():
    segmenter = segmenter_of(small_net())
    image = picture(64, 64)
    plan = blend_plan((64, 64), 4, tile=64, most_px=1 << 20)
    logits, seams = blended_logits(feed_of(segmenter, image), plan, plan[0])
    np.testing.assert_allclose(logits, segmenter.logits(image), atol=1e-4)
    assert seams.share is None


def test_a_blend_does_not_depend_on_how_blocks_are_cut():
    segmenter = segmenter_of(small_net())
    image = picture(300, 260)
    feed = feed_of(segmenter, image)
    maps = []
    for most in (128**2, 1 << 20):
        plan = blend_plan((300, 260), 4, tile=64, most_px=most)
        out = np.empty((3, 300, 260), np.float32)
        for block in plan:
            y0, y1, x0, x1 = block.core
            out[:, y0:y1, x0:x1] = blended_logits(feed, plan, block)[0]
        maps.append(out)
    np.testing.assert_array_equal(maps[0], maps[1])


def pairs_of_windows(feed: Feed, plan: Plan) -> Seams:
    """Every two windows of the image compared on each pixel that both have."""
    height, width = plan.size
    tiles = plan.tiles_of((0, height, 0, width))
    seen = [np.full((height, width), -1) for _ in tiles]
    for (y, y1, x, x1), classes in zip(tiles, seen, strict=True):
        logits = feed.engine.logits(
            normalize(
                to_unit(padded_window(feed.read, plan.size, (y, y1, x, x1)), feed.preprocessing),
                feed.preprocessing,
                feed.moments,
            )
        )
        classes[y:y1, x:x1] = logits.argmax(0)[: height - y, : width - x]
    pixels = differing = 0
    for one, two in combinations(seen, 2):
        both = (one >= 0) & (two >= 0)
        pixels += int(both.sum())
        differing += int((one[both] != two[both]).sum())
    return Seams(pixels, differing)


@pytest.mark.parametrize("margin", [0, 24])
@pytest.mark.parametrize("most_px", [1, 100**2, 1 << 20])
def test_each_pair_of_windows_counts_once_however_blocks_are_cut(most_px, margin):
    segmenter = segmenter_of(Pooled().eval())
    image = picture(100, 150)
    image[:, 75:] //= 2
    feed = feed_of(segmenter, image)
    one_cell = (32 + 2 * margin) ** 2
    plan = blend_plan((100, 150), 4, tile=64, most_px=max(most_px, one_cell), margin=margin)
    wanted = pairs_of_windows(feed, plan)
    assert wanted.differing > 0
    found = sum((blended_logits(feed, plan, block)[1] for block in plan), Seams())
    assert found == wanted


def test_weights_are_largest_in_the_middle_and_never_zero():
    weights = gaussian(64)
    assert weights.shape == (64, 64)
    assert weights.min() == np.float32(1e-3)
    assert weights.argmax() // 64 in (31, 32)
    np.testing.assert_array_equal(weights, weights.T)
    np.testing.assert_array_equal(weights, weights[::-1])


@pytest.mark.parametrize("size", [(5, 7), (1, 1), (3, 40), (33, 31), (32, 32)])
def test_windows_past_the_border_are_the_padded_image(size):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (*size, 1)).astype(np.uint8)
    padded = pad_to_stride(image.astype(np.float32), 32)
    found = padded_window(
        lambda y0, y1, x0, x1: image[y0:y1, x0:x1], size, (0, padded.shape[0], 0, padded.shape[1])
    )
    np.testing.assert_array_equal(found, padded.astype(np.uint8))
