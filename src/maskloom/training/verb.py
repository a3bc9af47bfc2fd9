"""The work behind `train`: request in, run and report out."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskloom import registry
from maskloom.core.dataset import Dataset
from maskloom.core.options import parse_settings
from maskloom.core.outcome import Outcome, Table
from maskloom.core.recipe import Recipe
from maskloom.core.run import WEIGHTS, Run
from maskloom.errors import UsageError, WriteError
from maskloom.formats.detect import detect_format, load_format
from maskloom.training.data import Source, guess_task, training_data
from maskloom.training.fit import fit
from maskloom.training.plan import Choices, Plan, make_plan
from maskloom.training.summary import summarise
from maskloom.work import progress


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """The arguments of the verb, as plain fields."""

    data: Path
    out: Path
    model: str
    task: str
    epochs: int | None
    steps: int | None
    val: str
    split: str | None
    seed: int
    resume: bool
    init: Path | None
    from_: str | None
    images: Path | None
    map_: tuple[str, ...]
    skip_bad: bool
    set_: tuple[str, ...]


def train_run(request: TrainRequest) -> Outcome:
    """Plan, train, judge, report.

    Raises:
        MaskloomError: whatever is wrong with data, options or target.
    """
    if request.epochs is not None and request.steps is not None:
        raise UsageError("give --epochs or --steps, not both")
    if any(n is not None and n < 1 for n in (request.epochs, request.steps)) or request.seed < 0:
        raise UsageError("--epochs and --steps are at least 1, --seed at least 0")
    _refuse_early(request)
    plan, notes = _plan(request)
    progress.step(_announce(plan))
    run, state = fit(plan, request.out, resume=request.resume, init=request.init)
    if int(os.environ.get("LOCAL_RANK", "0")) > 0:
        return Outcome({"rank": int(os.environ["LOCAL_RANK"])})
    report = summarise(plan, run, state)
    return replace(_outcome(run, plan, state.seconds, state.step, report), warnings=notes)


def _refuse_early(request: TrainRequest) -> None:
    """Before minutes go into reading data: a target that fit() would refuse."""
    taken = (request.out / WEIGHTS).exists() or (request.out.exists() and not request.out.is_dir())
    if taken and not request.resume and int(os.environ.get("LOCAL_RANK", "0")) == 0:
        raise WriteError(
            "the target exists",
            where=request.out,
            hint="continue it with --resume, remove it, or choose another target",
        )


def _plan(request: TrainRequest) -> tuple[Plan, tuple[str, ...]]:
    family = registry.load("models", request.model)
    fmt = detect_format(request.data) if request.from_ is None else load_format(request.from_)
    settings = parse_settings(
        request.set_, {"recipe": Recipe, "model": family.Options, "from": fmt.ReadOptions}
    )
    options = settings["from"]
    if request.skip_bad:
        options = replace(options, skip_bad=True)
    source = Source(request.data, fmt.name, options, request.images, request.map_, request.split)
    parts = training_data(source, request.val, request.seed)
    task = guess_task(parts.train) if request.task == "auto" else request.task
    choices = Choices(
        request.model,
        settings["model"],
        task,
        settings["recipe"],
        request.epochs,
        request.steps,
        request.seed,
    )
    notes = (*parts.train.warnings, *parts.notes)
    return make_plan(parts.train, parts.validation, choices), notes


def _announce(plan: Plan) -> str:
    height, width = plan.recipe.crop
    return (
        f"training {plan.model} on {len(plan.examples)} images{_groups(plan.examples.dataset)}, "
        f"validating on {len(plan.validation)}{_groups(plan.validation)}: {plan.steps} steps of "
        f"{plan.recipe.batch} crops of {height} × {width}"
    )


def _groups(dataset: Dataset) -> str:
    groups = {s.group for s in dataset.samples if s.group}
    if not groups:
        return ""
    few = len(groups) <= 3
    return f" ({', '.join(sorted(groups))})" if few else f" (of {len(groups)} groups)"


def _outcome(run: Run, plan: Plan, seconds: float, steps: int, report: Any) -> Outcome:
    speed = steps * plan.recipe.batch / seconds if seconds else None
    scores = dict(run.scores["validation"])
    results = {
        "run": str(run.path),
        "report": str(run.path / "report.html"),
        "task": run.task,
        "metrics": dict(report.metrics),
        "per_class": {k: dict(v) for k, v in report.per_class.items()},
        "validation": scores,
        "steps": steps,
        "seconds": round(seconds, 1),
        "images_per_second": None if speed is None else round(speed, 2),
        "precision": run.scores["precision"],
        "weights_sha256": run.weights_sha256,
        "data": dict(run.data),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }
    rows = [[name, f"{value:.4f}"] for name, value in report.metrics.items() if value is not None]
    speed_text = "" if speed is None else f", {speed:.1f} images/s"
    return Outcome(
        results,
        tables=(Table("validation scores of the kept weights", ["score", "value"], rows),),
        lines=(
            f"trained {steps} steps in {seconds / 60:.1f} min{speed_text}, "
            f"{run.scores['precision']}",
            f"run     {run.path}",
            f"report  {run.path / 'report.html'}",
        ),
    )
