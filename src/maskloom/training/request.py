"""What `train` was asked for, and the errors that can be told before torch is loaded."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from maskloom import registry
from maskloom.core.run import Run
from maskloom.errors import CheckpointError, FormatError, UsageError, WriteError
from maskloom.store.files import PARTIAL
from maskloom.store.project.address import Address
from maskloom.store.project.runs import find_run, project_address, runs

BEGUN = "begun.json"
OUT_VARIABLE = "MASKLOOM_RUN"


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """The arguments of the verb, as plain fields; after `checked`, paths are resolved."""

    data: Path
    out: Path | None
    model: str
    task: str
    epochs: int | None
    steps: int | None
    val: str
    split: str | None
    seed: int
    resume: bool
    resume_from: Path | None
    from_: str | None
    images: Path | None
    map_: tuple[str, ...]
    skip_bad: bool
    set_: tuple[str, ...]

    @property
    def project(self) -> Address | None:
        """The address of the data, where it is a project's."""
        return project_address(self.data) if self.from_ in (None, "project") else None


def checked(request: TrainRequest) -> TrainRequest:
    """The request with model, run to start from and run to go on with found.

    Returns:
        `out` is None only where a project's next `runs/N` is to be claimed.

    Raises:
        MaskloomError: what is wrong with arguments and paths, before anything is read.
    """
    if request.epochs is not None and request.steps is not None:
        raise UsageError("give --epochs or --steps, not both")
    if any(n is not None and n < 1 for n in (request.epochs, request.steps)) or request.seed < 0:
        raise UsageError("--epochs and --steps are at least 1, --seed at least 0")
    address = request.project
    if address is None and not request.data.exists():
        raise FormatError("no such file or folder", where=request.data, hint="check the path")
    parent = None
    if request.resume_from is not None:
        path = find_run(request.resume_from, address.root if address else None)
        parent = Run.load(path)
        request = replace(request, resume_from=path)
    if request.model == "auto":
        request = replace(request, model=parent.model if parent else "unet")
    refuse_task(request.model, request.task)
    out = _target(request, address)
    _refuse_taken(request, out)
    return replace(request, out=out)


def refuse_task(model: str, task: str) -> None:
    """Refuse a task that a model is not for; `auto` is settled later.

    Raises:
        UsageError: the model is unknown, or not for the task.
    """
    known = registry.find("models", model).task
    if task in ("auto", *known):
        return
    able = ", ".join(name for name, entry in registry.MODELS.items() if task in entry.task)
    raise UsageError(
        f"{model} is not for the task {task}",
        seen=f"--model {model} --task {task}",
        hint=f"its tasks: {', '.join(known)}; models for {task}: {able}",
    )


def is_unused(out: Path) -> bool:
    """Whether a folder holds nothing but files that a killed process did not finish."""
    return all(p.name.startswith(".") and p.name.endswith(PARTIAL) for p in out.iterdir())


def _target(request: TrainRequest, address: Address | None) -> Path | None:
    if request.out is not None:
        return request.out
    if given := os.environ.get(OUT_VARIABLE):  # a process of a run on several devices
        return Path(given)
    if address is None:
        raise UsageError(
            "no project, so where should the run be written?",
            where=request.data,
            hint="say --out RUN; only projects keep their runs",
        )
    if not request.resume:
        return None
    begun = [path for path in runs(address.root) if (path / BEGUN).is_file()]
    if not begun:
        raise CheckpointError(
            "no run of this project to go on with",
            where=address.root,
            hint="leave out --resume to start anew",
        )
    return begun[-1]


def _refuse_taken(request: TrainRequest, out: Path | None) -> None:
    """Before minutes go into reading data: a target that would be refused at its end."""
    if out is None or int(os.environ.get("LOCAL_RANK", "0")) > 0:
        return
    if request.resume:
        if not any((out / name).exists() for name in ("state.pt", BEGUN)):
            raise CheckpointError(
                "no state to resume from", where=out, hint="leave out --resume to start anew"
            )
        return
    if out.exists() and not (out.is_dir() and is_unused(out)):
        raise WriteError(
            "the target exists",
            where=out,
            hint="continue it with --resume, remove it, or choose another target",
        )
