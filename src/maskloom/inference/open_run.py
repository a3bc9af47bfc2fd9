"""A run as a Segmenter, whatever its network is: the one door from a folder to predictions."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import nn

from maskloom import registry
from maskloom.core.run import Run
from maskloom.core.segmenter import Segmenter
from maskloom.errors import UsageError
from maskloom.inference.decode import DEFAULT, Channels, Decoding
from maskloom.inference.engines.torch_engine import TorchEngine, usable_precision
from maskloom.inference.network import NetworkSegmenter
from maskloom.inference.panoptic import PanopticSegmenter
from maskloom.models import checkpoint
from maskloom.models.family import DetectorFamily, Family

TORCH = "torch"


def open_run(
    path: Path, *, device: str = "auto", engine: str = TORCH, decoding: Decoding = DEFAULT
) -> Segmenter:
    """The segmenter of a run's folder.

    Args:
        path: the run.
        device: auto, cpu, cuda, cuda:1, ...; auto is the best at hand.
        engine: what computes the network; this door knows torch alone.
        decoding: how outputs become labels.

    Returns:
        A `NetworkSegmenter` for classes of pixels and objects parted from them, a
        `DetectorSegmenter` for objects found by boxes, either in a `PanopticSegmenter` for runs
        of that task.

    Raises:
        CheckpointError: the run is damaged.
        UsageError: an engine that is not known here.
    """
    if engine != TORCH:
        raise UsageError(
            "this run is computed by torch alone",
            where=path,
            seen=f"engine {engine}",
            hint="leave out --engine",
        )
    run = Run.load(path)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return segmenter_of(checkpoint.load(run).to(device), run, device=device, decoding=decoding)


def segmenter_of(
    network: nn.Module, run: Run, *, device: str = "cpu", decoding: Decoding = DEFAULT
) -> Segmenter:
    """A run's network, in evaluation mode and on its device, behind the Segmenter protocol."""
    family: Family = registry.load("models", run.model)
    precision = usable_precision(str(run.scores.get("precision", "fp32")), device)
    segmenter: Segmenter
    if family.kind == "dense":
        segmenter = NetworkSegmenter(
            TorchEngine(network, precision=precision, device=device),
            dense_channels(run),
            preprocessing=run.preprocessing,
            layer=run.layer,
            depth=decoding.depth,
            min_area=decoding.min_area,
            run=run,
        )
    else:
        segmenter = _detector(network, run, family, (decoding, precision, device))
    return PanopticSegmenter(segmenter, decoding) if run.task == "panoptic" else segmenter


def dense_channels(run: Run) -> Channels:
    """What the outputs of a run's dense network mean."""
    return Channels(run.taxonomy, run.background, run.task != "semantic")


def _detector(
    network: nn.Module, run: Run, family: DetectorFamily, how: tuple[Decoding, str, str]
) -> Segmenter:
    from maskloom.inference.detector import DetectorSegmenter
    from maskloom.models.detector import Detector

    decoding, precision, device = how
    return DetectorSegmenter(
        cast("Detector", network),
        run,
        family=family,
        options=checkpoint.model_options(family, dict(run.options)),
        decoding=decoding,
        precision=precision,
        device=device,
    )
