"""Which engine computes a run: the one that is asked for, or the one that is fastest here."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from maskloom import registry
from maskloom.core.run import Run
from maskloom.errors import DataError, MissingExtra, UsageError, WriteError
from maskloom.inference.engines.base import Engine
from maskloom.inference.engines.exports import (
    Target,
    export_path,
    importable,
    is_current,
    missing,
)
from maskloom.inference.engines.machine import machine_key, thread_count
from maskloom.work import progress

if TYPE_CHECKING:
    from maskloom.inference.engines.measure import Measured

Computing = Literal["torch", "onnx", "openvino"]
EngineName = Computing | Literal["auto"]
Exportable = Literal["onnx", "openvino"]
_RUNTIMES: dict[Exportable, str] = {"onnx": "onnxruntime", "openvino": "openvino"}


def open_engine(
    run: Run, *, engine: EngineName = "torch", device: str = "auto", threads: int | None = None
) -> Engine:
    """An engine that computes the logits of a run.

    Args:
        run: of a network that gives logits per pixel.
        engine: torch; onnx or openvino, for which the run is exported where it has no export of
            its present weights; auto measures what is installed, about a second each, and
            remembers the fastest in RUN/exports/engine.json for this machine.
        device: auto, cpu, cuda, cuda:1, ...; all but cpu is torch's.
        threads: None is OMP_NUM_THREADS, else all cores.

    Raises:
        UsageError: an engine that is not known, or that the device or network does not go with.
        CheckpointError: the run or its export is damaged.
        MissingExtra: the engine is not installed.
        DataError: the export gives other logits than torch.
    """
    if engine == "torch":
        return _torch(run, device, threads)
    if engine in ("onnx", "openvino"):
        _refuse_device(engine, device)
        return _exported(run, engine, threads)
    if engine != "auto":
        raise UsageError("unknown engine", seen=engine, hint="choose torch, onnx, openvino or auto")
    name = auto_engine(run, device=device, threads=threads)
    return open_engine(run, engine=name, device=device, threads=threads)


def auto_engine(run: Run, *, device: str = "auto", threads: int | None = None) -> Computing:
    """What `auto` means on this machine, by name, so that all processes of a call can be told.

    Args:
        run: any; networks that find objects by boxes are computed by torch alone.
        device: see `open_engine`.
        threads: of each process, see `open_engine`.
    """
    # A GPU is not compared: no engine of the CPU comes near it.
    gpu = device not in ("auto", "cpu") or (device == "auto" and _gpu())
    if gpu or registry.find("models", run.model).kind != "dense":
        return "torch"
    return _fastest(run, threads)


def _torch(run: Run, device: str, threads: int | None) -> Engine:
    try:
        from maskloom.inference.engines.torch_engine import open_torch
    except ModuleNotFoundError as error:
        raise missing(error.name, "train", "the engine torch") from error
    return open_torch(run, device=device, threads=threads)


def _gpu() -> bool:
    """Whether torch has a GPU; asked without loading torch where the system has none."""
    if not any(Path(f"/dev/{name}").exists() for name in ("nvidiactl", "kfd", "dxg")):
        return False
    try:
        import torch
    except ModuleNotFoundError:
        return False
    return torch.cuda.is_available()


def _refuse_device(engine: str, device: str) -> None:
    if device not in ("auto", "cpu"):
        raise UsageError(
            f"the engine {engine} computes on the CPU alone",
            where="device",
            seen=device,
            hint="use --engine torch for a GPU",
        )


def _exported(run: Run, engine: Exportable, threads: int | None) -> Engine:
    if not importable(_RUNTIMES[engine]):
        raise missing(_RUNTIMES[engine], engine, f"the engine {engine}")
    path = export_path(run, engine)
    if is_current(run, path):
        return _open(path, run, engine, threads)
    try:
        return _open(_export(run, engine, None), run, engine, threads)
    except WriteError as error:
        progress.step(f"{error.what}: exporting to a temporary folder, for this call alone")
    with tempfile.TemporaryDirectory(prefix="maskloom-", ignore_cleanup_errors=True) as folder:
        return _open(_export(run, engine, Path(folder)), run, engine, threads)


def _export(run: Run, to: Target, out: Path | None) -> Path:
    try:
        from maskloom.inference.export import export_run
    except ModuleNotFoundError as error:
        raise missing(error.name, "train", "exporting a run") from error
    return export_run(run, to, out).path


def _open(path: Path, run: Run, engine: Exportable, threads: int | None) -> Engine:
    if engine == "onnx":
        from maskloom.inference.engines.onnx_engine import OnnxEngine

        return OnnxEngine(path, threads=threads)
    from maskloom.inference.engines.openvino_engine import OpenVinoEngine

    precision = str(run.scores.get("precision", "fp32"))
    return OpenVinoEngine(path, precision=precision, threads=threads)


def _fastest(run: Run, threads: int | None) -> Computing:
    from maskloom.inference.engines import measure

    key = machine_key(thread_count(threads))
    chosen = measure.remembered(run, key)
    if chosen is not None and (chosen == "torch" or importable(_RUNTIMES[chosen])):
        progress.step(f"engine {chosen}: measured before on this machine")
        return chosen
    reference = _torch(run, "cpu", None)
    from maskloom.inference.engines.torch_engine import torch_threads

    with torch_threads(thread_count(threads)):
        measured = _measured(run, reference, threads)
    best = measure.best(measured)
    progress.step(measure.said(best, measured))
    measure.remember(run, key, best, measured)
    return best.engine


def _measured(run: Run, reference: Engine, threads: int | None) -> list[Measured]:
    from maskloom.inference.engines import measure

    measured = [measure.measure(run, reference, reference)]
    for name, package in _RUNTIMES.items():
        if not importable(package):
            continue
        try:
            engine = _exported(run, name, threads)
        except (UsageError, DataError, MissingExtra) as error:
            progress.step(f"engine {name} left out: {error.message}")
            continue
        measured.append(measure.measure(run, engine, reference))
    return measured
