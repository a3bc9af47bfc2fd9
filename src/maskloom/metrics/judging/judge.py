"""Labels against labels, over two data sets: one pass, one report.

The one comparison of maskloom: predictions, gold sets and second annotators are all judged
here. Counting is `count.py`, on several workers `spread.py`; scores are in `pixels.py`,
`objects/family.py` and `panoptic/family.py`; what belongs together, in `align.py`.
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
from maskloom.metrics.conventions import MASKLOOM, Convention
from maskloom.metrics.intervals import FEWEST, Draws, Interval, intervals, often_undefined
from maskloom.metrics.judging.align import Comparison, Missing, compare
from maskloom.metrics.judging.boxes_alone import of_boxes, only_boxes, row_of_boxes
from maskloom.metrics.judging.circumstances import circumstances
from maskloom.metrics.judging.count import NO_TAG, Counted, count, new_tally, slice_of
from maskloom.metrics.judging.families import (
    FAMILIES,
    RANKED_BY,
    SEQUENCES,
    families_of,
)
from maskloom.metrics.judging.frames import refuse_shared_places, units_of
from maskloom.metrics.judging.frequencies import NAMES, frequency_scores
from maskloom.metrics.judging.settings import DEFAULTS, MetricSettings
from maskloom.metrics.judging.tally import Tally
from maskloom.metrics.judging.tasks import check_metrics, chosen_task
from maskloom.metrics.scores import Scores

Task = Literal["semantic", "instance", "auto"]
JudgedTask = Literal["auto", "semantic", "instance", "panoptic"]
_FEW = 20


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
    check_metrics(terms.metrics, task)
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
            own = tally.result()
            scores = (of_boxes(own) if only_boxes(tally) else own).metrics
            per_slice[name] = {"samples": tally.samples, **_only(scores, chosen)}
    found = whole.result()
    rare = frequency_scores(pair_up.truth, found.per_class)
    found = _explained(replace(found, metrics={**found.metrics, **rare}), chosen)
    rows = [counted.rows[i] for i in sorted(counted.rows)]
    if only_boxes(whole):
        found, rows = of_boxes(found), list(map(row_of_boxes, rows))
    told = [name for name, value in found.metrics.items() if value is not None]
    drawn, bounds, unit = _resampled(pair_up, terms, whole, told)
    truth, predicted = pair_up.truth, pair_up.predicted
    return Report(
        title=f"{predicted.name or 'prediction'} against {truth.name or 'truth'}",
        task=task,
        metrics=_only(found.metrics, chosen),
        reasons=_only(found.reasons, chosen),
        per_class=found.per_class,
        per_slice=per_slice,
        per_sample=tuple(rows),
        confusion=None if only_boxes(whole) else whole.confusion(),
        curves=found.curves,
        breakdowns=found.breakdowns,
        provenance={**circumstances(pair_up, terms, task), **unit},
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
    unknown = "the truth says no frequency of classes, or holds no object of one that is so"
    reasons |= {name: unknown for name in absent if name in NAMES.values()}
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
    wanted = set(_only(dict.fromkeys(metrics), terms.metrics))
    # What is told of fewer samples than that has no interval either.
    drawn = {
        name: family
        for name, family in whole.families.items()
        if wanted.intersection(FAMILIES[name].metrics) and whole.fed[name] >= FEWEST
    }
    scores = draws.scores(drawn)
    scores = {name: scores[name] for name in metrics if name in scores and name in wanted}
    rough = "; so few that they are rough" if n < _FEW else ""
    said = f"95 % of {draws.resamples} resamples of {units}{rough}"
    return scores, intervals(scores, units=n), {"intervals": said}


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
