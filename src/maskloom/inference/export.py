"""A run's network as a file that other programs run: ONNX, OpenVINO, or a program of torch.

Every export is opened again and compared with torch before it appears under its name. What it
says of itself is `engines/exports.py`.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from maskloom.core.run import Run
from maskloom.errors import DataError, UsageError
from maskloom.inference.engines.alive import alive_bytes_per_pixel
from maskloom.inference.engines.base import Engine
from maskloom.inference.engines.exports import (
    ABOUT,
    ALIVE,
    IMAGE,
    LOGITS,
    Target,
    description,
    export_path,
    is_current,
    missing,
)
from maskloom.inference.engines.fuse import TOLERANCE, difference, fused
from maskloom.inference.engines.onnx_engine import OnnxEngine
from maskloom.inference.engines.openvino_engine import OpenVinoEngine
from maskloom.inference.engines.seal import seal_xml, sealed_onnx
from maskloom.inference.engines.torch_engine import TorchEngine, dense_network, example_batch
from maskloom.store.files import PARTIAL, make_folder, writing
from maskloom.work import progress

SIZES = ((5, 2), (2, 3), (7, 5), (1, 1), (1, 3))
"""Rows and columns, in strides, of the inputs by which an export is compared."""
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Args:
        path: the file to open.
        difference: largest of logits against torch, as a share of the largest logit or of 1.
        sizes: (height, width) of the inputs that were compared, px.
        size_bytes: of all its files.
    """

    path: Path
    difference: float
    sizes: tuple[tuple[int, int], ...]
    size_bytes: int


def export_run(run: Run, to: Target, out: Path | None = None) -> Exported:
    """Export a run's network in fp32, for a batch of one and any size in steps of its stride.

    Args:
        run: of a network that gives logits per pixel.
        to: onnx, openvino (an .xml with a .bin), torch-export (a .pt2, whose inputs must be at
            least two strides high and wide: torch's programs tell a size of one apart).
        out: folder to write to; None is the run's own, `RUN/exports`. An earlier export is
            replaced.

    Raises:
        UsageError: the network cannot be exported.
        DataError: the export gives other logits than torch; nothing is kept.
        CheckpointError: the run is damaged.
        MissingExtra: a package is not installed.
        WriteError: the folder cannot be written.
    """
    path = export_path(run, to, out)
    progress.step(f"exporting {run.id} for {to}")
    network = dense_network(run)
    target = path.parent if to == "openvino" else path
    with _workplace(target) as place:
        made = place / path.name
        _write(made, to, run, network)
        largest = _difference(made, to, run, network)
        size = sum(file.stat().st_size for file in place.iterdir())
        if largest > TOLERANCE:
            raise DataError(
                f"the {to} export gives other logits than torch, so it was not kept",
                where=path,
                seen=f"difference {largest:.1e} of the largest logit, allowed {TOLERANCE:.0e}",
                hint="use --engine torch, and report the model's options",
            )
        _put(place if to == "openvino" else made, target, path, run)
    stride = run.preprocessing.stride
    sizes = tuple((rows * stride, columns * stride) for rows, columns in _sizes(to))
    return Exported(path, largest, sizes, size)


def _sizes(to: Target) -> tuple[tuple[int, int], ...]:
    return tuple(size for size in SIZES if to != "torch-export" or min(size) > 1)


@contextmanager
def _workplace(target: Path) -> Iterator[Path]:
    """An empty folder on the target's disk, gone at the end; every process has one of its own."""
    with writing(target):
        make_folder(target.parent)
        with TemporaryDirectory(prefix=".", suffix=PARTIAL, dir=target.parent) as name:
            place = Path(name) / "whole"
            place.mkdir()
            yield place


def _put(made: Path, target: Path, path: Path, run: Run) -> None:
    """Rename a file or a folder to its name; an earlier folder makes room."""
    if target.is_dir():
        target.replace(made.parent / "earlier")
    try:
        made.replace(target)
    except OSError:
        # Another process has put the same in the meantime.
        if not is_current(run, path):
            raise


def _program(run: Run, network: nn.Module) -> torch.export.ExportedProgram:
    """The network as a graph, for every height and width that is a multiple of the stride."""
    stride = run.preprocessing.stride
    example = example_batch(run, 2, 3)
    steps = [torch.export.Dim(name, min=1, max=_LARGEST // stride) for name in ("rows", "columns")]
    sizes = {0: torch.export.Dim.STATIC, 2: stride * steps[0], 3: stride * steps[1]}
    try:
        return torch.export.export(network, (example,), dynamic_shapes=(sizes,), strict=False)
    except Exception as error:  # whatever the network's code raises under tracing
        raise _refusal(run, error) from error


def _refusal(run: Run, error: Exception) -> UsageError:
    return UsageError(
        "this network cannot be exported; torch alone computes it",
        where=run.path,
        seen=f"{run.model}: {str(error).strip().partition(chr(10))[0]}",
        hint="leave out --engine and do not export it",
    )


def _write(path: Path, to: Target, run: Run, network: nn.Module) -> None:
    """The network, rewritten to fewer operations where that is known, and what it is."""
    about = description(run)
    example = example_batch(run, 2, 3)
    network = fused(network, example) or network
    about[ALIVE] = str(alive_bytes_per_pixel(network, example))
    with _quiet():
        _WRITERS[to](path, run, network, about)


def _onnx_bytes(run: Run, network: nn.Module, about: dict[str, str]) -> bytes:
    try:
        import onnx
        import onnxscript  # noqa: F401 (torch writes ONNX by it)
    except ModuleNotFoundError as error:
        raise missing(error.name, "onnx", "exporting") from error
    program = _program(run, network)
    try:
        written = torch.onnx.export(
            program, dynamo=True, input_names=[IMAGE], output_names=[LOGITS], verbose=False
        )
    except torch.onnx.OnnxExporterError as error:
        raise _refusal(run, error) from error
    if written is None:
        raise TypeError("torch.onnx.export gives a program where no file is named")
    proto: Any = written.model_proto
    onnx.helper.set_model_props(proto, {f"maskloom.{k}": v for k, v in about.items()})
    return bytes(proto.SerializeToString())


def _write_onnx(path: Path, run: Run, network: nn.Module, about: dict[str, str]) -> None:
    model = _onnx_bytes(run, network, about)
    path.write_bytes(sealed_onnx(model, run.weights_sha256))


def _write_openvino(path: Path, run: Run, network: nn.Module, about: dict[str, str]) -> None:
    """By way of ONNX: OpenVINO's own reader of torch programs lags behind torch."""
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise missing(error.name, "openvino", "exporting for openvino") from error
    model = openvino.Core().read_model(_onnx_bytes(run, network, about))
    for key, value in about.items():
        model.set_rt_info(value, ["maskloom", key])
    openvino.save_model(model, str(path), compress_to_fp16=False)
    seal_xml(path, run.weights_sha256)


def _write_program(path: Path, run: Run, network: nn.Module, about: dict[str, str]) -> None:
    program = _program(run, network)
    torch.export.save(program, path, extra_files={ABOUT: json.dumps(about, indent=1)})


_WRITERS = {"onnx": _write_onnx, "openvino": _write_openvino, "torch-export": _write_program}


def _opened(path: Path, to: Target) -> Engine:
    if to == "onnx":
        return OnnxEngine(path)
    if to == "openvino":
        return OpenVinoEngine(path)
    return TorchEngine(torch.export.load(path).module())


def _difference(path: Path, to: Target, run: Run, network: nn.Module) -> float:
    """The largest over all sizes; infinite where a size is not taken or gives another shape."""
    with _quiet():
        engine, reference = _opened(path, to), TorchEngine(network)
    largest = 0.0
    for rows, columns in _sizes(to):
        image = example_batch(run, rows, columns)[0].permute(1, 2, 0).numpy()
        wanted, got = (torch.from_numpy(one.logits(image)) for one in (reference, engine))
        if wanted.shape != got.shape:
            return float("inf")
        largest = max(largest, difference(got, wanted))
    return largest


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporters' warnings are about their own decompositions; the comparison is the judge."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    levels = [one.level for one in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for one in loggers:
            one.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for one, level in zip(loggers, levels, strict=True):
                one.setLevel(level)
