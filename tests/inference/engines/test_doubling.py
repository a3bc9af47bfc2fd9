"""Doublings go into the convolution after them only where that says the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from maskloom.inference.engines.doubling import fold_doublings
from maskloom.inference.engines.fuse import difference, fused
from maskloom.models import checkpoint


class Decoder(nn.Module):
    """Doubles a map of two channels by `how`, lays others beside it, and convolves."""

    def __init__(self, how, beside: int = 0, bias: bool = True, **conv) -> None:
        super().__init__()
        self.how, self.beside = how, beside
        self.conv = nn.Conv2d(
            2 + 3 * beside, 5, **{"kernel_size": 3, "padding": 1} | conv, bias=bias
        )
        self.skips = nn.ModuleList(
            nn.Conv2d(2, 3, 2, stride=2, dilation=n + 1, padding=n) for n in range(beside)
        )
        self.same = nn.Identity()

    def forward(self, image):
        small = image[:, :, ::4, ::4]
        found = self.how(small, image)
        if self.beside:
            found = torch.cat([found, *(skip(image) for skip in self.skips)], dim=1)
        return self.conv(self.same(found))


def twice(small, _image):
    """As smp's decoders say it once their skip connection has told the size."""
    return interpolate(small, size=(small.shape[2] * 2, small.shape[3] * 2), mode="nearest")


def by_factor(small, _image):
    return interpolate(small, scale_factor=2, mode="nearest")


def fourfold(small, _image):
    return interpolate(small, scale_factor=4, mode="nearest")


def bilinear(small, _image):
    return interpolate(small, scale_factor=2, mode="bilinear")


def to_a_fixed_size(small, _image):
    # Twice the size of the example alone.
    return interpolate(small, size=(8, 12), mode="nearest")


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("how", [twice, by_factor])
@pytest.mark.parametrize("beside", [0, 1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_the_rewritten_network_gives_the_same_numbers(how, beside, bias) -> None:
    network = Decoder(how, beside, bias).eval()
    graph = torch.fx.symbolic_trace(network)
    assert fold_doublings(graph, noise(1, 2, 16, 24)) == 1
    assert any(isinstance(m, nn.ConvTranspose2d) for m in graph.modules())
    assert not any(node.target is interpolate for node in graph.graph.nodes)
    for size in ((16, 24), (4, 4), (36, 4)):
        image = noise(2, 2, *size)
        with torch.inference_mode():
            torch.testing.assert_close(graph(image), network(image), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("how", "conv"),
    [
        (fourfold, {}),
        (bilinear, {}),
        (to_a_fixed_size, {}),
        (twice, {"kernel_size": 5, "padding": 2}),
        (twice, {"padding": 0}),
        (twice, {"stride": 2}),
        (twice, {"dilation": 2, "padding": 2}),
        (twice, {"padding_mode": "reflect"}),
    ],
)
def test_what_the_transposed_form_cannot_say_stays(how, conv) -> None:
    graph = torch.fx.symbolic_trace(Decoder(how, **conv).eval())
    assert fold_doublings(graph, noise(1, 2, 16, 24)) == 0
    assert not any(isinstance(m, nn.ConvTranspose2d) for m in graph.modules())


class DoubledIsRead(Decoder):
    def forward(self, image):
        found = twice(image, image)
        return self.conv(found), found


class JoinedIsRead(Decoder):
    def forward(self, image):
        found = torch.cat([twice(image[:, :1], image), twice(image[:, 1:], image)], dim=1)
        return self.conv(found), found


class CalledTwice(Decoder):
    def forward(self, image):
        return self.conv(twice(image, image)) + self.conv(twice(-image, image))


class OfParts(Decoder):
    """The concatenated maps are no list that the graph tells."""

    def forward(self, image):
        return self.conv(torch.cat(twice(image, image).chunk(2, 1), dim=1))


class ByName(Decoder):
    def forward(self, image):
        return self.conv(input=twice(image, image))


@pytest.mark.parametrize("kind", [DoubledIsRead, JoinedIsRead, CalledTwice, OfParts, ByName])
def test_a_doubling_that_is_read_otherwise_stays(kind) -> None:
    graph = torch.fx.symbolic_trace(kind(twice).eval())
    assert fold_doublings(graph, noise(1, 2, 16, 24)) == 0
    graph(noise(1, 2, 16, 24))


class NoSkip(Decoder):
    """As smp joins them where an encoder has no map of that size: a skip of no channels."""

    def forward(self, image):
        return self.conv(torch.cat([twice(image, image), twice(image, image)[:, :0]], dim=1))


def test_a_skip_without_channels_is_left_out() -> None:
    network = NoSkip(twice).eval()
    graph = torch.fx.symbolic_trace(network)
    assert fold_doublings(graph, noise(1, 2, 16, 24)) == 1
    with torch.inference_mode():
        torch.testing.assert_close(graph(noise(1, 2, 8, 4)), network(noise(1, 2, 8, 4)))


class Rectified(nn.Module):
    """The doubled map is rectified in place before it is read: not what folding reckons with."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)
        self.last = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, image):
        found = twice(self.norm(self.first(image)), image)
        torch.relu_(found)
        return self.last(found)


def test_where_folding_doublings_fails_normalisations_are_folded_still() -> None:
    network = Rectified().eval()
    graph = fused(network, noise(1, 2, 16, 24))
    assert graph is not None
    assert not any(isinstance(m, nn.BatchNorm2d | nn.ConvTranspose2d) for m in graph.modules())


@pytest.mark.parametrize(
    ("model", "options", "doublings"),
    [
        ("unet", {"encoder": "convnext_atto"}, 5),
        ("unet", {"encoder": "efficientnet_b0"}, 5),
        ("deeplabv3+", {}, 0),
    ],
)
def test_networks_of_users_open_and_give_the_same(
    write_run, tmp_path, model, options, doublings
) -> None:
    run = write_run(tmp_path / "run", options, model=model, stride=32)
    network = checkpoint.load(run)
    graph = fused(network, noise(1, 1, 64, 96))
    assert graph is not None
    assert sum(isinstance(m, nn.ConvTranspose2d) for m in graph.modules()) == doublings
    image = noise(1, 1, 96, 64)
    with torch.inference_mode():
        wanted, got = network(image), graph(image)
    assert difference(got, wanted) < 1e-5
    assert callable(network.check_input_shape)


def test_every_doubling_of_a_u_net_is_folded_and_the_network_is_not_changed(
    write_run, tmp_path
) -> None:
    options = {"encoder": "resnet18", "decoder": [16, 16, 8, 8, 8]}
    network = checkpoint.load(write_run(tmp_path / "run", options, stride=32))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    graph = fused(network, noise(1, 1, 64, 96))
    assert graph is not None
    assert sum(isinstance(m, nn.ConvTranspose2d) for m in graph.modules()) == 5
    assert all(torch.equal(before[n], v) for n, v in network.state_dict().items())
    image = noise(1, 1, 160, 32)
    with torch.inference_mode():
        wanted = network(image)
        torch.testing.assert_close(
            graph(image), wanted, atol=1e-5 * float(wanted.abs().max()), rtol=0
        )
    assert fused(network, noise(1, 1, 64, 96), doublings=False) is not None
