"""Runs with random weights, and images to cut."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from torch import nn

from maskloom.core.recipe import Recipe
from maskloom.core.run import Preprocessing, Run
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.inference.open_run import open_run
from maskloom.models import checkpoint

THINGS = Taxonomy((Category("cell", "cell", "thing"),))
CLASSES = Taxonomy.from_names(["a", "b", "c"])


def save_run(path: Path, task: str = "semantic", **changes) -> Run:
    """A plain U-Net of depth 2 with weights that let what is far away count."""
    stride = changes.pop("stride", 4)
    pre = Preprocessing(("gray",), 255.0, (0.5,), (0.25,), stride, changes.pop("per_image", False))
    run = Run(
        path=path,
        model=changes.pop("model", "unet"),
        options=changes.pop("options", {"encoder": "plain", "width": 4, "depth": 2}),
        task=task,
        taxonomy=CLASSES if task == "semantic" else THINGS,
        background=task != "semantic",
        preprocessing=pre,
        recipe=Recipe(crop=(64, 64)),
        weights_sha256="",
        scores={"precision": "fp32"},
    )
    torch.manual_seed(5)
    network = checkpoint.build(run)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_var.fill_(0.05)
    if task != "semantic":  # about half of all pixels are foreground, and objects many
        with torch.no_grad():
            network.eval().head.weight *= 20
            noise = torch.rand(1, 1, 64, 64) * 4 - 2
            network.head.bias -= network(noise).mean(dim=(0, 2, 3))
    path.mkdir(parents=True, exist_ok=True)
    return checkpoint.save(run, network.state_dict())


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """A run of three classes."""
    return save_run(tmp_path_factory.mktemp("runs") / "classes").path


@pytest.fixture
def maker(run_folder):
    """Makes its segmenter in any process."""
    return partial(open_run, run_folder, device="cpu")


@pytest.fixture
def image_file(tmp_path):
    """A grey tiled TIFF of 210 × 290."""
    return write_image(tmp_path / "image.tif", (210, 290))


def write_image(path: Path, size: tuple[int, int], seed: int = 0) -> Path:
    """Smooth noise as a tiled TIFF."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, size).astype(np.uint8)
    tifffile.imwrite(path, pixels, tile=(64, 64))
    return path


def write_sparse(path: Path) -> None:
    """A TIFF of 20,000² whose tiles are all alike and small on disk."""
    tile = np.zeros((2000, 2000), np.uint8)
    with tifffile.TiffWriter(path) as file:
        file.write(
            (tile for _ in range(100)),
            shape=(20_000, 20_000),
            dtype=np.uint8,
            tile=(2000, 2000),
            compression="zlib",
        )
