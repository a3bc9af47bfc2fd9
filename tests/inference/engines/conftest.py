"""Runs with weights that no training has seen, and statistics that matter when they are folded."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from maskloom.core.recipe import Recipe
from maskloom.core.run import Preprocessing, Run
from maskloom.core.taxonomy import Taxonomy
from maskloom.inference.export import export_run
from maskloom.models import checkpoint

PLAIN = {"encoder": "plain", "width": 4, "depth": 2}
RESNET = {"encoder": "resnet18", "decoder": [16, 16, 8, 8, 8]}


def _write_run(
    path: Path,
    options=PLAIN,
    *,
    channels=("gray",),
    stride=4,
    precision="fp32",
    seed=0,
    model="unet",
) -> Run:
    n = len(channels)
    run = Run(
        path=path,
        model=model,
        options=options,
        task="semantic",
        taxonomy=Taxonomy.from_names(["nucleus", "größe"]),
        background=True,
        preprocessing=Preprocessing(channels, 255.0, (0.5,) * n, (0.25,) * n, stride),
        recipe=Recipe(crop=(32, 48)),
        weights_sha256="",
        scores={"precision": precision},
    )
    torch.manual_seed(seed)
    network = checkpoint.build(run)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    return checkpoint.save(run, network.state_dict())


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Run]:
    """Writes a run: (path, options, *, channels, stride, precision, seed) -> run."""
    return _write_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A plain U-Net of depth 2 on grey images, three classes with background."""
    return _write_run(tmp_path / "run")


@pytest.fixture(scope="session")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A U-Net on a ResNet-18, on colour images."""
    path = tmp_path_factory.mktemp("resnet") / "run"
    return _write_run(path, RESNET, channels=("red", "green", "blue"), stride=32)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The plain U-Net with its exports to ONNX and OpenVINO; not to be changed."""
    run = _write_run(tmp_path_factory.mktemp("exported") / "run")
    for to in ("onnx", "openvino"):
        export_run(run, to)
    return run


@pytest.fixture
def copy(exported: Run, tmp_path: Path) -> Callable[[], Run]:
    """Copies the exported run, to be changed."""

    def copied() -> Run:
        shutil.copytree(exported.path, tmp_path / "copy")
        return replace(exported, path=tmp_path / "copy")

    return copied
