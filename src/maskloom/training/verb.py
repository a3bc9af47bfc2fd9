"""The work behind `train`: request in, run and report out."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskloom import registry
from maskloom.core.dataset import Dataset
from maskloom.core.options import parse_settings
from maskloom.core.outcome import Outcome, Table, counted
from maskloom.core.recipe import Recipe
from maskloom.core.report import Report
from maskloom.core.run import Run
from maskloom.errors import CheckpointError, MaskloomError
from maskloom.formats.detect import detect_format, load_format, panoptic_format
from maskloom.models.checkpoint import model_options
from maskloom.store.project.address import Address
from maskloom.store.project.runs import claim_run
from maskloom.training.beginning import (
    Beginning,
    forget_unbegun,
    load_beginning,
    parent_facts,
    prepare_folder,
)
from maskloom.training.data import Parts, Source, guess_task, training_data
from maskloom.training.fit import fit
from maskloom.training.improvement import (
    comparison,
    comparison_tables,
    comparison_verdict,
    comparison_warning,
)
from maskloom.training.plan import Choices, Plan, make_plan
from maskloom.training.request import BEGUN, OUT_VARIABLE, TrainRequest, refuse_task
from maskloom.training.start import parent_recipe
from maskloom.training.state import State
from maskloom.training.summary import summarise
from maskloom.training.validation import scores_of
from maskloom.work import progress


def train_run(request: TrainRequest) -> Outcome:
    """Plan, train, judge, report.

    Args:
        request: as `checked` returned it.

    Raises:
        MaskloomError: whatever is wrong with data, options or target.
    """
    parent = None if request.resume_from is None else Run.load(request.resume_from)
    begun = _begun(request, parent)
    address = request.project
    if address is not None:
        from maskloom.training.project_data import pinned  # loads the database

        address = pinned(address, begun.data.get("sequence") if begun else None)
    plan, parts = _plan(request, address, parent)
    progress.step(_announce(plan))
    if begun is None:
        begun = _begin(plan, parts, address, parent)
    out = request.out
    if out is None:
        assert address is not None, "checked() asks for a target outside projects"
        out = claim_run(address.root)
    os.environ[OUT_VARIABLE] = str(out)  # for the processes of further devices
    try:
        if _rank() == 0:
            prepare_folder(out, begun)
        run, state = fit(plan, out, begun, resume=_goes_on(request), parent=parent)
    except MaskloomError:
        if not _goes_on(request) and _rank() == 0:
            forget_unbegun(out)
        raise
    finally:
        del os.environ[OUT_VARIABLE]
    if _rank() > 0:
        return Outcome({"rank": _rank()})
    report = summarise(plan, run, state, begun)
    outcome = _outcome(run, plan, state, report, begun)
    return replace(outcome, warnings=(*parts.notes, *outcome.warnings))


def _rank() -> int:
    return int(os.environ.get("LOCAL_RANK", "0"))


def _goes_on(request: TrainRequest) -> bool:
    return request.resume or _rank() > 0


def _begun(request: TrainRequest, parent: Run | None) -> Beginning | None:
    """What a run that goes on began from; None of a new one."""
    if not _goes_on(request) or request.out is None or not (request.out / BEGUN).is_file():
        return None
    begun = load_beginning(request.out)
    wanted = None if parent is None else parent.weights_sha256
    if begun.parent.get("weights_sha256") != wanted:
        raise CheckpointError(
            "the run was begun from another run",
            where=request.out,
            seen=begun.parent.get("id", "random weights"),
            hint="resume with the same arguments, or train into a new folder",
        )
    return begun


def _begin(plan: Plan, parts: Parts, address: Address | None, parent: Run | None) -> Beginning:
    """Settle what a new run begins from; judges the run that it starts from."""
    facts: dict[str, Any] = {}
    labels: dict[str, Any] = {}
    if address is not None:
        from maskloom.training.project_data import label_changes, project_facts

        facts = project_facts(address, parts.whole)
        labels = {} if parent is None else label_changes(address, parent.data, parts.whole)
    if parent is None:
        return Beginning(facts)
    root = None if address is None else address.root
    before = scores_of(parent, plan.validation, plan.task)
    return Beginning(facts, parent_facts(parent, root), before, labels)


def _plan(request: TrainRequest, address: Address | None, parent: Run | None) -> tuple[Plan, Parts]:
    family = registry.load("models", request.model)
    path = request.data if address is None else Path(str(address))
    wanted = request.from_
    if wanted is None and request.task == "panoptic":
        wanted = panoptic_format(path)
    fmt = detect_format(path) if wanted is None else load_format(wanted)
    bases: dict[str, Any] = {}
    if parent is not None:
        bases["recipe"] = parent_recipe(parent)
        if parent.model == request.model:
            bases["model"] = model_options(family, dict(parent.options))
    targets = {"recipe": Recipe, "model": family.Options, "from": fmt.ReadOptions}
    settings = parse_settings(request.set_, targets, bases)
    options = settings["from"]
    if request.skip_bad:
        options = replace(options, skip_bad=True)
    source = Source(
        path, fmt.name, options, request.images, request.map_, request.split, _held(parent)
    )
    parts = training_data(source, request.val, request.seed)
    task = request.task
    if task == "auto":
        task = guess_task(parts.train, fmt.name) if parent is None else parent.task
        refuse_task(request.model, task)
    choices = Choices(
        request.model,
        settings["model"],
        task,
        settings["recipe"],
        request.epochs,
        request.steps,
        request.seed,
    )
    return make_plan(parts.train, parts.validation, choices), parts


def _held(parent: Run | None) -> tuple[str, ...]:
    """The keys that a parent was validated on, as its list says."""
    file = None if parent is None else parent.path / "val.txt"
    if file is None or not file.is_file():
        return ()
    return tuple(line for line in file.read_text(encoding="utf-8").splitlines() if line)


def _announce(plan: Plan) -> str:
    height, width = plan.recipe.crop
    images, steps = counted(len(plan.examples), "image"), counted(plan.steps, "step")
    return (
        f"training {plan.model} on {images}{_groups(plan.examples.dataset)}, "
        f"validating on {len(plan.validation)}{_groups(plan.validation)}: {steps} of "
        f"{plan.recipe.batch} crops of {height} × {width}, {_validations(plan)}"
    )


def _validations(plan: Plan) -> str:
    if plan.eval_every >= plan.steps:
        return "a validation at the end"
    return f"a validation every {counted(plan.eval_every, 'step')} (eval_every)"


def _groups(dataset: Dataset) -> str:
    groups = {s.group for s in dataset.samples if s.group}
    if not groups:
        return ""
    few = len(groups) <= 3
    return f" ({', '.join(sorted(groups))})" if few else f" (of {len(groups)} groups)"


def _outcome(run: Run, plan: Plan, state: State, report: Report, begun: Beginning) -> Outcome:
    seconds, steps = state.seconds, state.step
    speed = steps * plan.recipe.batch / seconds if seconds else None
    results: dict[str, Any] = {
        "run": str(run.path),
        "report": str(run.path / "report.html"),
        "task": run.task,
        "metrics": dict(report.metrics),
        "per_class": {k: dict(v) for k, v in report.per_class.items()},
        "validation": dict(run.scores["validation"]),
        "steps": steps,
        "seconds": round(seconds, 1),
        "validation_seconds": round(state.validating, 3),
        "images_per_second": None if speed is None else round(speed, 2),
        "precision": run.scores["precision"],
        "weights_sha256": run.weights_sha256,
        "data": dict(run.data),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }
    rows = [[name, f"{value:.4f}"] for name, value in report.metrics.items() if value is not None]
    tables: tuple[Table, ...] = (
        Table("validation scores of the kept weights", ["score", "value"], rows),
    )
    said, warned = "", ""
    if begun.parent:
        compared = results["before_after"] = comparison(begun, report)
        tables = comparison_tables(compared)
        said = comparison_verdict(compared, report)
        warned = comparison_warning(compared, report, _name(run.path))
    speed_text = "" if speed is None else f", {speed:.1f} images/s"
    return Outcome(
        results,
        tables=tables,
        lines=(
            *([said] if said else []),
            f"trained {counted(steps, 'step')} in {seconds / 60:.1f} min{speed_text}, "
            f"{run.scores['precision']}; validated in {state.validating / 60:.1f} min",
            f"run     {run.path}",
            f"report  {run.path / 'report.html'}",
        ),
        warnings=(warned,) if warned else (),
    )


def _name(path: Path) -> str:
    """A run as users name it: `runs/2` of a project."""
    return f"runs/{path.name}" if path.parent.name == "runs" else str(path)
