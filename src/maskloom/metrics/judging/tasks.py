"""What is judged as what: classes of pixels, objects, or panoptic segments."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Literal

import numpy as np

from maskloom.errors import UsageError
from maskloom.metrics.contingency import columns_of, overlap_in
from maskloom.metrics.judging.align import Comparison
from maskloom.metrics.judging.families import TASKS, metrics_of
from maskloom.metrics.panoptic.segments import segment_rows


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


def check_metrics(metrics: tuple[str, ...], task: str) -> None:
    """Refuse names of scores that a task does not have.

    Raises:
        UsageError: there is one.
    """
    known = metrics_of(task)
    for name in metrics:
        if name in known:
            continue
        other = next((t for t in TASKS if name in metrics_of(t)), None)
        near = get_close_matches(name.lower(), known, 1, 0.7)
        hint = f"known: {', '.join(known)}"
        if other or near:
            hint = f"say --task {other}" if other else f"did you mean {near[0]}?"
        seen = f"the task {task} has no such metric"
        raise UsageError(seen, where="--metrics", seen=name, hint=hint)
