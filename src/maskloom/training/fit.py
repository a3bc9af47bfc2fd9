"""A plan carried out in a run's folder: new or resumed, with its files and their order.

Each better model replaces model.safetensors by rename; state.pt follows at least once a minute.
"""

from __future__ import annotations

import logging
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor

from maskloom.core.report import Curve
from maskloom.core.run import Run
from maskloom.errors import CheckpointError, UsageError
from maskloom.models import checkpoint
from maskloom.report.plots import write_curves_png
from maskloom.report.words import curve_name
from maskloom.store.files import atomic_file, atomic_write_bytes
from maskloom.training.beginning import Beginning
from maskloom.training.loop import Loop, Sinks
from maskloom.training.plan import Plan
from maskloom.training.precision import native_precision
from maskloom.training.start import parent_weights
from maskloom.training.state import STATE, State, load_state, save_state
from maskloom.work import progress

_UNDRAWN = frozenset({
    "step", "seconds", "val_score", "val_tie", "val_fwiou", "val_mean_accuracy",
    "val_dice_per_sample", "val_ap_small", "val_ap_medium", "val_ap_large", "val_ar1",
    "val_ar10", "val_ar100", "val_ar_all", "val_sq_things", "val_rq_things", "val_sq_stuff",
    "val_rq_stuff",
})  # fmt: skip
_SHA256_DIGITS = 64
_FABRIC = {"fp32": "32-true", "bf16": "bf16-mixed"}


def fit(
    plan: Plan, out: Path, beginning: Beginning, *, resume: bool = False, parent: Run | None = None
) -> tuple[Run, State]:
    """Train, or go on training, in a folder.

    Args:
        plan: what to train.
        out: the run's folder, prepared.
        beginning: what the run begins from.
        resume: go on from RUN/state.pt; on a CPU, with as many threads on the same machine, the
            result is bit-equal to an unbroken run. On a GPU sums are not ordered. A run that was
            killed before its first state begins anew.
        parent: a run whose weights to start from.

    Returns:
        The run with its best weights, and its last state.

    Raises:
        CheckpointError: another plan, another network than the parent's, or damaged files.
        WriteError: the folder cannot be written.
    """
    fixed = _fixed(plan, parent)
    tensors: dict[str, Any] | None = None
    if resume and (out / STATE).exists():
        state, tensors = load_state(out)
        _refuse_other_plan(state.fixed, fixed, out)
    else:
        state = State(fixed)
    fabric, precision = _fabric(plan, state.fixed.get("precision"))
    state.fixed["precision"] = precision
    if fabric.is_global_zero:
        _write_keys(plan, out)
    fabric.barrier()
    run = _run(plan, out, fixed, precision, beginning)
    loop = Loop(plan, fabric, state, run=run, tensors=tensors)
    if parent is not None and tensors is None:
        loop.start_from(parent_weights(parent, plan, same_project=beginning.of_project(parent)))
    if not state.finished:
        try:
            loop.run(_sinks(run, out))
        except KeyboardInterrupt:
            progress.step("to go on, give the same command with --resume")
            raise
    fabric.barrier()
    if fabric.is_global_zero:
        write_curves(state.curves, out)
    return Run.load(out), state


def training_curves(columns: dict[str, list[float]]) -> tuple[Curve, ...]:
    """The logged columns worth drawing, as curves over steps; curves.parquet has them all."""
    steps = columns.get("step", [])
    curves = []
    for name, values in columns.items():
        if name in _UNDRAWN:
            continue
        points = [(x, y) for x, y in zip(steps, values, strict=True) if math.isfinite(y)]
        if points:
            x, y = zip(*points, strict=True)
            curves.append(Curve(curve_name(name), x, y, "step", _y_label(name)))
    return tuple(curves)


def _y_label(column: str) -> str:
    if column == "lr":
        return "learning rate"
    return "validation score" if column.startswith("val_") else "loss"


def write_curves(columns: dict[str, list[float]], out: Path) -> None:
    """RUN/curves.parquet and RUN/curves.png."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with atomic_file(out / "curves.parquet") as temporary:
        pq.write_table(
            pa.table({k: pa.array(v, pa.float64()) for k, v in columns.items()}), temporary
        )
    write_curves_png(training_curves(columns), out / "curves.png")


def _fixed(plan: Plan, parent: Run | None) -> dict[str, Any]:
    return {
        "model": plan.model,
        "options": asdict(plan.options),
        "recipe": plan.recipe.to_json(),
        "seed": plan.seed,
        "steps": plan.steps,
        "task": plan.task,
        "data": plan.examples.dataset.content_hash(),
        "validation": plan.validation.content_hash(),
        "parent": None if parent is None else parent.weights_sha256,
        "threads": torch.get_num_threads(),
    }


def _refuse_other_plan(old: dict[str, Any], new: dict[str, Any], out: Path) -> None:
    for name, value in new.items():
        if old.get(name) == value:
            continue
        if name == "threads":
            progress.step(
                f"resuming with {value} threads instead of {old.get(name)}: "
                "the result will not be bit-equal"
            )
            continue
        what, seen = name, f"now {_short(value)}, then {_short(old.get(name))}"
        if name in ("data", "validation"):
            what = {"data": "training data", "validation": "validation data"}[name]
            seen = f"its content hash is {seen}"
        if name == "recipe":
            then = old["recipe"]
            changed = [k for k, v in value.items() if then.get(k) != v]
            what = "recipe"
            seen = ", ".join(f"{k} now {value[k]}, then {then.get(k)}" for k in changed)
        raise CheckpointError(
            f"the run was begun with another {what}",
            where=out / STATE,
            seen=seen,
            hint="resume with the same arguments, or train into a new folder",
        )


def _short(value: object) -> object:
    """A hash by its first digits, as people compare them; any other value as it is."""
    return value[:12] if isinstance(value, str) and len(value) == _SHA256_DIGITS else value


def _fabric(plan: Plan, precision: str | None) -> tuple[Fabric, str]:
    recipe = plan.recipe
    device = recipe.accelerator
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device here", seen="accelerator=cuda", hint="set accelerator=cpu")
    if precision is None:
        precision = recipe.precision
    if precision == "auto":
        precision = native_precision(device)
    for talker in ("lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(talker).setLevel(logging.WARNING)
    fabric = Fabric(
        accelerator=device,
        devices=recipe.devices,
        precision=_FABRIC[precision],  # type: ignore[arg-type]
        strategy="ddp" if recipe.devices > 1 else "auto",
    )
    fabric.launch()
    return fabric, precision


def _run(plan: Plan, out: Path, fixed: dict[str, Any], precision: str, beginning: Beginning) -> Run:
    train = plan.examples.dataset
    return Run(
        path=out,
        model=plan.model,
        options=asdict(plan.options),
        task=plan.task,
        taxonomy=plan.channels.taxonomy,
        background=plan.channels.background,
        preprocessing=plan.preprocessing,
        recipe=plan.recipe,
        weights_sha256="",
        data={
            "name": train.name,
            "train": {"samples": len(train), "sha256": fixed["data"]},
            "validation": {
                "samples": len(plan.validation),
                "sha256": fixed["validation"],
                "keys_sha256": _keys_hash(plan),
            },
            "class_weights": plan.class_weights,
            "seed": plan.seed,
            "steps": plan.steps,
            **beginning.data,
        },
        scores={"precision": precision},
        parent=beginning.parent,
    )


def _write_keys(plan: Plan, out: Path) -> None:
    """RUN/train.txt and RUN/val.txt, which `--split @FILE` reads."""
    for name, dataset in (("train", plan.examples.dataset), ("val", plan.validation)):
        keys = sorted(s.key for s in dataset.samples)
        atomic_write_bytes(out / f"{name}.txt", "".join(f"{k}\n" for k in keys).encode())


def _keys_hash(plan: Plan) -> str:
    import hashlib

    keys = "\n".join(sorted(s.key for s in plan.validation.samples))
    return hashlib.sha256(keys.encode()).hexdigest()


def _sinks(run: Run, out: Path) -> Sinks:
    from dataclasses import replace

    def keep(weights: dict[str, Tensor], scores: dict[str, float]) -> None:
        checkpoint.save(replace(run, scores={**run.scores, "validation": scores}), weights)

    def save(state: State, tensors: dict[str, Any]) -> None:
        save_state(out, state, tensors)

    return Sinks(keep, save)
