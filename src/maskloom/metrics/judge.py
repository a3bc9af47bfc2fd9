"""Labels against labels, over two data sets: one pass, one report.

The one comparison of maskloom: predictions, gold sets and second annotators are all judged
here. Counting is `count.py`, on several workers `spread.py`; scores are in `pixels.py`,
`instances.py` and `panoptic.py`; what belongs together, in `align.py`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.report import Report
from maskloom.errors import UsageError
from maskloom.metrics.align import Comparison, Missing, compare
from maskloom.metrics.contingency import columns_of, overlap_in
from maskloom.metrics.conventions import MASKLOOM, Convention
from maskloom.metrics.count import NO_TAG, Counted, count, new_tally, slice_of
from maskloom.metrics.families import (
    FAMILIES,
    RANKED_BY,
    SEQUENCES,
    TASKS,
    families_of,
    metrics_of,
)
from maskloom.metrics.frames import refuse_shared_places, units_of
from maskloom.metrics.frequencies import frequency_scores
from maskloom.metrics.intervals import FEWEST, Draws, Interval, intervals, often_undefined
from maskloom.metrics.scores import Scores
from maskloom.metrics.segments import segment_rows
from maskloom.metrics.settings import DEFAULTS, MetricSettings
from maskloom.metrics.tally import Tally
from maskloom.version import __version__

Task = Literal["semantic", "instance", "auto"]
JudgedTask = Literal["auto", "semantic", "instance", "panoptic"]
_AGGREGATION = {
    "pixels": "one confusion matrix over all samples",
    "samples": "IoU is a mean over samples of means over their classes",
    "pairs": "IoU is a mean over all samples and classes at once",
}
_FEW = 20
_VOID_RULE = (
    "truth pixels that are void or unlabelled count nowhere; void predicted on a valid pixel "
    "is a miss"
)


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a judgement.

    Args:
        task: "auto" decides by the labels; see `chosen_task`.
        convention: the rules of each family.
        missing: what becomes of samples without a prediction.
        by: slice by this tag, or by "group" or "sequence".
        renames: category of the prediction → category of the truth.
        metrics: names to report; empty reports all.
        resamples: draws of samples from which intervals are made; 0 makes none.
        settings: choices beside the convention.
    """

    task: JudgedTask = "auto"
    convention: Convention = MASKLOOM
    missing: Missing = "error"
    by: str | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    resamples: int = 0
    settings: MetricSettings = DEFAULTS


def judge(truth: Dataset, predicted: Dataset, terms: Terms = Terms()) -> Report:
    """Score one data set's labels by another's.

    Each sample is read once from both sides, and nothing of its pixels is kept. Labels outside
    the truth's coverage are not judged: such pixels count nowhere, such categories make no
    false alarms.

    Args:
        truth: decides samples, taxonomy and where anything is judged.
        predicted: labels by any author.
        terms: task, convention and policies.

    Returns:
        a report with metrics, per class, per slice and per sample scores, and, for classes of
        pixels, the confusion matrix.

    Raises:
        DataError: samples are missing, sizes differ, labels hold no instances, panoptic
            segments overlap, or two frames have one place in their sequence.
        TaxonomyError: the prediction uses a category that the truth does not have.
        UsageError: a metric, tag or category is unknown.
    """
    pair_up = compare(truth, predicted, missing=terms.missing, renames=terms.renames)
    task = check_terms(pair_up, terms)
    pairs = range(len(pair_up.pairs))
    return report_of(pair_up, terms, task, count(pair_up, pairs, terms, task, label="scoring"))


def check_terms(pair_up: Comparison, terms: Terms) -> str:
    """The task of the terms, once it is sure that the data sets can be judged on them.

    Raises:
        DataError: two frames have one place in their sequence.
        UsageError: a metric or tag is unknown.
    """
    task = chosen_task(pair_up) if terms.task == "auto" else terms.task
    _chosen(terms.metrics, task)
    if terms.resamples < 0:
        raise UsageError("resamples are 0 or more", where="--resamples", seen=terms.resamples)
    _check_tag(pair_up, terms.by)
    if SEQUENCES & set(families_of(task, terms.metrics)):
        refuse_shared_places(pair.truth for pair in pair_up.pairs)
    return task


def report_of(pair_up: Comparison, terms: Terms, task: str, counted: Counted) -> Report:
    """The report of everything that was counted; in which order, makes no difference."""
    chosen = terms.metrics
    whole = new_tally(pair_up.taxonomy, terms, task)
    per_slice = {}
    for name in sorted(counted.slices):
        tally = counted.slices[name]
        whole.merge(tally)
        if terms.by:
            scores = tally.result().metrics
            per_slice[name] = {"samples": tally.samples, **_only(scores, chosen)}
    found = whole.result()
    rare = frequency_scores(pair_up.truth, found.per_class)
    found = _explained(replace(found, metrics={**found.metrics, **rare}), chosen)
    drawn, bounds, unit = _resampled(pair_up, terms, whole, found.metrics)
    truth, predicted = pair_up.truth, pair_up.predicted
    return Report(
        title=f"{predicted.name or 'prediction'} against {truth.name or 'truth'}",
        task=task,
        metrics=_only(found.metrics, chosen),
        reasons=_only(found.reasons, chosen),
        per_class=found.per_class,
        per_slice=per_slice,
        per_sample=tuple(counted.rows[i] for i in sorted(counted.rows)),
        confusion=whole.confusion(),
        curves=found.curves,
        breakdowns=found.breakdowns,
        provenance={**_provenance(pair_up, terms, task), **unit},
        notes=(*pair_up.notes, *found.notes, *often_undefined(bounds)),
        ranked_by=RANKED_BY[task],
        intervals={k: astuple(v) for k, v in bounds.items()},
        resamples=drawn,
        colors=dict(zip(pair_up.taxonomy.keys, pair_up.taxonomy.colors(), strict=True)),
    )


def groups_of(pair_up: Comparison) -> dict[str, str]:
    """Key of a sample → what is drawn with it; see `frames.units_of`."""
    return units_of([pair.truth for pair in pair_up.pairs])[0]


def _explained(found: Scores, asked: tuple[str, ...]) -> Scores:
    """The same, with a reason for what is infinite, and for what was asked for and is not there."""
    reasons = dict(found.reasons)
    for name, value in found.metrics.items():
        if value is not None and math.isinf(value):
            reasons[name] = "infinite: a class is on one side of a sample alone"
    lacking = {m: kind.lacking for kind in FAMILIES.values() for m in kind.metrics}
    absent = [name for name in asked if name not in found.metrics]
    reasons |= {name: f"no sample counts: {lacking[name] or 'nothing to score'}" for name in absent}
    return replace(found, metrics={**found.metrics, **dict.fromkeys(absent)}, reasons=reasons)


def _resampled(
    pair_up: Comparison, terms: Terms, whole: Tally, metrics: Collection[str]
) -> tuple[dict[str, NDArray[np.float64]], dict[str, Interval], dict[str, str]]:
    """Chosen scores of resamples, their intervals, and what was drawn."""
    groups, units = units_of([pair.truth for pair in pair_up.pairs])
    orders = [pair.order for pair in pair_up.pairs]
    draws = Draws.of(orders, list(groups.values()), terms.resamples)
    n = draws.n_groups
    if not terms.resamples:
        return {}, {}, {}
    if n < FEWEST:
        return {}, {}, {"intervals": f"none: {units}, and fewer than {FEWEST} say too little"}
    scores = _only(draws.scores(whole.families), terms.metrics)
    scores = {name: scores[name] for name in metrics if name in scores}
    rough = "; so few that they are rough" if n < _FEW else ""
    said = f"95 % of {draws.resamples} resamples of {units}{rough}"
    return scores, intervals(scores, units=n), {"intervals": said}


def task_of(pair_up: Comparison) -> Literal["semantic", "instance"]:
    """Instance if the first pair holds rows on both sides; a format does not mix the forms."""
    for pair in pair_up.pairs:
        if pair.predicted is not None:
            rows = [labels.rows for labels in pair_up.labels(pair)]
            return "semantic" if None in rows else "instance"
    return "semantic"


def chosen_task(pair_up: Comparison) -> Literal["semantic", "instance", "panoptic"]:
    """What "auto" stands for: semantic unless the first pair holds rows on both sides.

    Rows are judged as panoptic if the taxonomy has both things and stuff, and both sides of the
    first pair hold stuff and no segments that overlap; else as instances.
    """
    form = task_of(pair_up)
    kinds = {pair_up.taxonomy[k].kind for k in pair_up.taxonomy.scored}
    if form == "semantic" or len(kinds) < 2:
        return form
    first = next(pair for pair in pair_up.pairs if pair.predicted is not None)
    for side, labels in zip((pair_up.ours, pair_up.theirs), pair_up.labels(first), strict=True):
        rows = segment_rows(side.rows(labels, first.truth.key), pair_up.taxonomy, void=False)
        held = {pair_up.taxonomy[int(k)].kind for k in np.unique(rows.category)}
        if "stuff" not in held or overlap_in(columns_of(rows.masks)) is not None:
            return "instance"
    return "panoptic"


def _chosen(metrics: tuple[str, ...], task: str) -> tuple[str, ...]:
    for name in metrics:
        if name not in metrics_of(task):
            other = next((t for t in TASKS if name in metrics_of(t)), None)
            raise UsageError(
                f"the task {task} has no such metric",
                where="--metrics",
                seen=name,
                hint=f"say --task {other}" if other else f"known: {', '.join(metrics_of(task))}",
            )
    return metrics


def _only(values: Mapping[str, Any], chosen: tuple[str, ...]) -> dict[str, Any]:
    return {k: v for k, v in values.items() if not chosen or k in chosen}


def _check_tag(pair_up: Comparison, by: str | None) -> None:
    samples = [pair.truth for pair in pair_up.pairs]
    if by is not None and all(slice_of(sample, by) == NO_TAG for sample in samples):
        known = sorted({tag for sample in samples for tag in sample.tags})
        raise UsageError(
            "no sample has this tag",
            where="--by",
            seen=by,
            hint=f"known: {', '.join(['group', 'sequence', *known])}",
        )


def _convention(terms: Terms, task: str) -> dict[str, str]:
    """The convention and which scores follow it; the others follow `maskloom`."""
    governed = [
        metric
        for name in families_of(task, terms.metrics)
        for metric, rules in FAMILIES[name].rules.items()
        if terms.convention.governs(metric, rules)
    ]
    if terms.convention is MASKLOOM or not governed:
        return {"convention": MASKLOOM.name}
    return {"convention": terms.convention.name, "governs": ", ".join(governed)}


def _provenance(pair_up: Comparison, terms: Terms, task: str) -> dict[str, Any]:
    out: dict[str, Any] = {
        "maskloom": __version__,
        "task": task,
        "samples": len(pair_up.pairs),
        "void": _VOID_RULE,
        **_convention(terms, task),
        "aggregation": _AGGREGATION[terms.convention.rules("pixels").iou],
        "missing": terms.missing,
    }
    if task == "semantic":
        units = {p.truth.image.unit if p.truth.image.spacing else "px" for p in pair_up.pairs}
        out["unit of distances"] = ", ".join(sorted(units))
        out["tolerance of nsd"] = terms.settings.tolerance
    if task == "instance":
        own = terms.convention.rules("objects").max_detections
        out["max_detections"] = terms.settings.max_detections or own
    if task == "panoptic":
        out["convention"] = "panopticapi"
    if terms.settings.weights:
        out["weights of weighted_iou"] = terms.settings.weights
    if terms.renames:
        out["renames"] = dict(terms.renames)
    return out
