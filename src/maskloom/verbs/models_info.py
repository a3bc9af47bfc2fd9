"""`models info`: what a run is, from its files alone; no network is built."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from maskloom.core.outcome import Outcome, Table
from maskloom.core.run import WEIGHTS, Run, weights_offset
from maskloom.inference.engines.exports import found_exports
from maskloom.inference.engines.measure import all_remembered

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def run_info(run: Run) -> Outcome:
    """The run's description, scores, exports and measured engines.

    Raises:
        CheckpointError: the weights are damaged.
    """
    pre = run.preprocessing
    exports = found_exports(run)
    categories = [run.taxonomy[c].name for c in run.taxonomy.scored]
    parameters = _parameters(run)
    validation = run.scores.get("validation")
    scores = validation if isinstance(validation, Mapping) else {}
    measured = all_remembered(run)
    results = {
        "run": run.id,
        "path": run.path,
        "model": run.model,
        "options": run.options,
        "task": run.task,
        "taxonomy": run.taxonomy.to_json(),
        "background": run.background,
        "preprocessing": pre.to_json(),
        "recipe": run.recipe.to_json(),
        "parameters": parameters,
        "weights_sha256": run.weights_sha256,
        "scores": run.scores,
        "data": run.data,
        "parent": run.parent,
        "exports": [
            {"to": one.to, "path": one.path, "size_bytes": one.size_bytes, "state": one.state}
            for one in exports
        ],
        "engines": measured,
    }
    options = ", ".join(f"{key}={_short(value)}" for key, value in run.options.items())
    rows: list[tuple[str, str]] = [
        ("model", f"{run.model} ({options})" if options else run.model),
        ("task", run.task),
        ("categories", ", ".join(categories)),
        ("input", f"{', '.join(pre.channels)}; sides in steps of {pre.stride} px"),
        ("parameters", f"{parameters:,}"),
        ("weights", run.weights_sha256),
        *((name, f"{value:.3f}") for name, value in scores.items() if _number(value)),
        *(("exported", f"{one.to}: {one.path} ({one.state})") for one in exports),
        *(("engine", f"{one['engine']} on {machine}") for machine, one in measured.items()),
    ]
    damaged = [one for one in exports if one.state == "damaged"]
    warnings = tuple(f"{one.path} is damaged; export again" for one in damaged)
    if not exports:
        rows.append(("exported", f"nothing; maskloom models export {run.path} --to onnx"))
    return Outcome(results, tables=(Table(run.id, ("", ""), rows),), warnings=warnings)


def _parameters(run: Run) -> int:
    """How many weights are learned, from the header of the safetensors file."""
    with (run.path / WEIGHTS).open("rb") as file:
        head = file.read(8)
        header: dict[str, Any] = json.loads(file.read(weights_offset(head) - 8))
    return sum(
        math.prod(one["shape"])
        for name, one in header.items()
        if name != "__metadata__" and not name.endswith(_STATISTICS)
    )


def _short(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
