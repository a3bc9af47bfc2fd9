"""What `list` says of a project: its layers, and its runs with what they were trained on.

No verb of its own: `listing.py` calls it.
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Any

from maskloom.core.outcome import Outcome, Table


def list_layers(root: Path) -> Outcome:
    """The layers of a project, `main` first.

    Raises:
        MaskloomError: it is no project or cannot be opened.
    """
    from maskloom.store.project import Project

    with Project.open(root, readonly=True) as project:
        found = project.layers()
    rows: list[dict[str, Any]] = [
        {
            "name": one.name,
            "address": f"{root}::{one.name}",
            "form": one.form,
            "immutable": one.immutable,
            "samples": one.samples,
            "objects": one.objects,
            "sequence": one.sequence,
        }
        for one in found
    ]
    cells = [
        (r["name"], "class maps" if r["form"] == "map" else "objects",
         "a machine" if r["immutable"] else "people", r["samples"], r["objects"], r["sequence"])
        for r in rows
    ]  # fmt: skip
    columns = ("layer", "holds", "by", "images", "objects", "last change")
    named = quote(f"{root}::LAYER"), quote(f"{root}::LAYER#NUMBER")
    note = f"a layer is named {named[0]}, one of earlier {named[1]}"
    return Outcome(
        {"what": "layers", "rows": rows}, tables=(Table("Layers", columns, cells, note),)
    )


def list_runs(root: Path) -> Outcome:
    """The runs of a project in the order of their numbers; what is not finished has no scores.

    Raises:
        UsageError: it is no project.
    """
    from maskloom.store.project import Project
    from maskloom.store.project.layout import project_root
    from maskloom.store.project.runs import runs

    folders = runs(project_root(root))
    machine: list[str] = []
    if folders:
        with Project.open(root, readonly=True) as project:
            machine = [one.name for one in project.layers() if one.immutable]
    rows = [_run(path, machine) for path in folders]
    cells = [
        (r["name"], r["model"], r["task"], r["score"], r["data"], r["parent"], r["layer"])
        for r in rows
    ]
    columns = ("run", "model", "task", "score", "trained on", "started from", "layer")
    note = (
        "score: mean IoU of classes, AP50 of objects, on its own validation samples\n"
        "layer: what was predicted with it"
    )
    lines = () if rows else (f"no runs yet: maskloom train {quote(str(root))}",)
    return Outcome(
        {"what": "runs", "rows": rows},
        tables=(Table("Runs", columns, cells, note),) if rows else (),
        lines=lines,
    )


def _run(path: Path, machine: list[str]) -> dict[str, Any]:
    """What is known of a run; `layer` is None until something was predicted with it."""
    from maskloom.core.run import Run
    from maskloom.errors import CheckpointError
    from maskloom.store.project.runs import layers_of_run

    row: dict[str, Any] = dict.fromkeys(("model", "task", "score", "data", "parent", "layer"))
    row["name"] = f"runs/{path.name}"
    try:
        run = Run.load(path)
    except CheckpointError as error:
        return {**row, "problem": error.what}
    score = run.scores.get("validation", {}).get("score")
    return row | {
        "model": run.model,
        "task": run.task,
        "score": None if score is None else round(float(score), 4),
        "data": run.data.get("address", run.data.get("name")),
        "parent": run.parent.get("id"),
        "layer": next(iter(layers_of_run(run, machine)), None),
        "weights_sha256": run.weights_sha256,
    }
