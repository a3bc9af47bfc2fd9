"""A run as a Segmenter, whatever its network is: the one door from a folder to predictions.

torch is loaded only where torch computes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from maskloom import registry
from maskloom.core.run import Run
from maskloom.core.segmenter import Segmenter
from maskloom.errors import UsageError
from maskloom.inference.decode import DEFAULT, Channels, Decoding
from maskloom.inference.engines.base import Engine
from maskloom.inference.engines.choose import EngineName, open_engine
from maskloom.inference.network import NetworkSegmenter
from maskloom.inference.panoptic import PanopticSegmenter, RowSegmenter

if TYPE_CHECKING:
    from torch import nn

    from maskloom.models.detector import Detector


def open_run(
    path: Path,
    *,
    device: str = "auto",
    engine: str = "torch",
    decoding: Decoding = DEFAULT,
    white: float | None = None,
) -> Segmenter:
    """The segmenter of a run's folder.

    Args:
        path: the run.
        device: auto, cpu, cuda, cuda:1, ...; auto is the best at hand.
        engine: torch, onnx, openvino, or auto for the fastest; detectors know torch alone.
        decoding: how outputs become labels.
        white: the value that is white in images of floats; None: as in the run's training data,
            so that a run of whole numbers refuses floats.

    Returns:
        A `NetworkSegmenter` for classes of pixels and objects parted from them, a
        `DetectorSegmenter` for objects found by boxes; either in a `PanopticSegmenter` for runs
        of that task.

    Raises:
        CheckpointError: the run is damaged.
        UsageError: an engine that the run does not go with.
        MissingExtra: the engine is not installed.
    """
    run = Run.load(path)
    run = replace(run, preprocessing=replace(run.preprocessing, white=white))
    if registry.find("models", run.model).kind == "dense":
        return _dense(
            open_engine(run, engine=cast("EngineName", engine), device=device), run, decoding
        )
    if engine not in ("torch", "auto"):
        raise UsageError(
            f"{run.model} is computed by torch alone",
            where=path,
            seen=f"engine {engine}",
            hint="leave out --engine",
        )
    import torch

    from maskloom.models import checkpoint

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return _detector(cast("Detector", checkpoint.load(run).to(device)), run, device, decoding)


def segmenter_of(
    network: nn.Module, run: Run, *, device: str = "cpu", decoding: Decoding = DEFAULT
) -> Segmenter:
    """A run's network, in evaluation mode and on its device, behind the Segmenter protocol."""
    if registry.find("models", run.model).kind != "dense":
        return _detector(cast("Detector", network), run, device, decoding)
    from maskloom.inference.engines.torch_engine import TorchEngine, usable_precision

    precision = usable_precision(str(run.scores.get("precision", "fp32")), device)
    return _dense(TorchEngine(network, precision=precision, device=device), run, decoding)


def _dense(engine: Engine, run: Run, decoding: Decoding) -> Segmenter:
    segmenter = NetworkSegmenter(
        engine,
        Channels(run.taxonomy, run.background, run.task != "semantic"),
        preprocessing=run.preprocessing,
        layer=run.layer,
        depth=decoding.depth,
        min_area=decoding.min_area,
        run=run,
    )
    return _for_task(segmenter, run, decoding)


def _detector(network: Detector, run: Run, device: str, decoding: Decoding) -> Segmenter:
    from maskloom.inference.detector import DetectorSegmenter
    from maskloom.inference.engines.torch_engine import usable_precision

    precision = usable_precision(str(run.scores.get("precision", "fp32")), device)
    segmenter = DetectorSegmenter(
        network, run, decoding=decoding, precision=precision, device=device
    )
    return _for_task(segmenter, run, decoding)


def _for_task(segmenter: RowSegmenter, run: Run, decoding: Decoding) -> Segmenter:
    return PanopticSegmenter(segmenter, decoding) if run.task == "panoptic" else segmenter
