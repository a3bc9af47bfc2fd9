"""The report of a run: its validation samples judged with the kept weights, and its curves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from maskloom.core.outcome import counted
from maskloom.core.report import Report
from maskloom.core.run import Run
from maskloom.inference.open_run import open_run
from maskloom.metrics.judging.judge import Terms, judge
from maskloom.metrics.judging.pictures import error_panels
from maskloom.report.html import write_html
from maskloom.training.beginning import Beginning
from maskloom.training.fit import training_curves
from maskloom.training.improvement import comparison, comparison_tables, comparison_verdict
from maskloom.training.plan import Plan
from maskloom.training.state import State
from maskloom.training.validation import as_dataset, judged_as


def summarise(plan: Plan, run: Run, state: State, beginning: Beginning) -> Report:
    """Judge the validation samples and write RUN/report.html.

    A run that started from another one is compared with it.

    Raises:
        CheckpointError: the kept weights are damaged.
        WriteError: the report cannot be written.
    """
    predicted = as_dataset(open_run(run.path), plan.validation)
    terms = Terms(task=judged_as(run.task))
    report = judge(plan.validation, predicted, terms)
    height, width = plan.recipe.crop
    report = replace(
        report,
        title=f"Run {run.path.name}: {run.model} on {run.data['name']}",
        curves=training_curves(state.curves),
        provenance={
            **report.provenance,
            "model": run.model,
            "model options": dict(run.options),
            "weights sha256": run.weights_sha256,
            "training data sha256": run.data["train"]["sha256"],
            "validation data sha256": run.data["validation"]["sha256"],
            "seed": plan.seed,
            "recipe": plan.recipe.to_json(),
            **({"data": dict(beginning.data)} if beginning.data else {}),
            **({"parent": dict(beginning.parent)} if beginning.parent else {}),
        },
    )
    facts = {
        "Training": counted(len(plan.examples), "image"),
        "Validation": counted(len(plan.validation), "image"),
        "Steps": f"{state.step} of {plan.steps}, batches of {plan.recipe.batch}",
        "Crops": f"{height} × {width} px",
        "Time": f"{state.seconds / 60:.1f} min of steps, {state.validating / 60:.1f} min of "
        f"validation, {run.scores['precision']}",
        "Kept weights": f"of step {state.best_step}",
    }
    if beginning.data:
        facts["Data"] = str(beginning.data["address"])
    more: dict[str, Any] = {}
    if beginning.parent:
        facts["Started from"] = str(beginning.parent["id"])
        compared = comparison(beginning, report)
        more["tables"] = comparison_tables(compared)
        more["verdict"] = comparison_verdict(compared, report)
    panels = error_panels(report, plan.validation, predicted, terms)
    write_html(report, run.path / "report.html", panels=panels, facts=facts, **more)
    return report
