"""`evaluate`: masks scored against the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from maskloom.verbs.python import from_python

if TYPE_CHECKING:
    from maskloom.core.dataset import Dataset
    from maskloom.core.outcome import Outcome
    from maskloom.core.report import Report
    from maskloom.metrics.judging.judge import Terms
    from maskloom.metrics.judging.spread import Complete, Opening, Waiting
    from maskloom.verbs.moves import Moves
    from maskloom.verbs.rivals import Rivalry
    from maskloom.verbs.sides import Sides
    from maskloom.work.executors import Engine
    from maskloom.work.shards import Share

Convention = Literal[
    "maskloom", "coco", "lvis", "cityscapes", "mmseg", "panopticapi", "torchmetrics", "monai",
    "medpy", "deepmind", "metrics-reloaded", "boundary-iou-api", "davis", "trackeval", "bsds",
    "stardist", "cellpose", "hover-net", "cldice", "scikit-image",
]  # fmt: skip
"""The names of `metrics/conventions.py`, which a command line must know before it is loaded."""


@from_python
def evaluate(
    truth: Path,
    predicted: Path,
    *,
    task: Literal["auto", "semantic", "instance", "panoptic"] = "auto",
    from_: str | None = None,
    predicted_from: str | None = None,
    taxonomy: Path | None = None,
    void: str | None = None,
    missing: Literal["error", "empty", "skip"] = "error",
    by: str | None = None,
    metrics: tuple[str, ...] = (),
    resamples: int = 1000,
    against: Path | None = None,
    explain_conventions: bool = False,
    convention: Convention = "maskloom",
    split: str | None = None,
    images: Path | None = None,
    report: Path | None = None,
    skip_bad: bool = False,
    map_: tuple[str, ...] = (),
    set_: tuple[str, ...] = (),
    workers: int = 1,
    engine: Literal["local", "ray"] = "local",
    shard: str | None = None,
    parts: Path | None = None,
) -> Outcome:
    """Score masks against the truth: IoU, Dice and accuracy of pixels, AP of objects, PQ.

    Samples match by relative path without suffix, or by image id where both sides are COCO.
    Pixel scores come from one confusion matrix over all samples; a void prediction on a valid
    pixel is a miss; a class absent from both sides is left out of the means.

    Args:
        truth: the labels to score by, a data set in any known format.
        predicted: the labels to score, likewise.
        task: semantic (classes of pixels), instance (objects, and their pixels) or panoptic
            (segments of things and stuff that do not overlap, and their pixels); auto decides by
            the labels.
        from_: format of the truth, if it should not be detected. With task panoptic, panoptic
            files of a folder go before others.
        predicted_from: format of the prediction, if it should not be detected.
        taxonomy: JSON file that names the ids of bare label maps on both sides.
        void: id or name of the class whose pixels count nowhere.
        missing: what to do with samples without a prediction: refuse (error), score them as
            empty, or skip them.
        by: also score each value of this tag, or each group or sequence.
        metrics: names to report; all that apply if left out.
        resamples: draws of samples (of groups, where every sample has one, or of sequences) that
            95 % intervals come from; 0 makes none.
        against: another prediction of the same samples, in the format of the first: how much
            better it is, with an interval and tests on samples.
        explain_conventions: also score under every other convention, and say which of its rules
            differ.
        convention: whose rules the scores follow; families that it says nothing of follow
            maskloom. coco keeps 100 predictions per image and class.
            Panoptic segments are always matched as panopticapi does.
        split: score only this split of the truth; @FILE lists keys, e.g. @runs/1/val.txt, which
            is found in the project too.
        images: where the images lie, if not with the labels; only the report shows them.
        report: HTML file to write, with pictures of the worst and best images.
        skip_bad: leave invalid annotations out instead of refusing the file.
        map_: OLD=NEW says which category of the truth a predicted one is.
        set_: KEY=VALUE of the truth's format (from.KEY), the prediction's (predicted.KEY) or of
            the metrics (metric.max_detections).
        workers: processes that score; 0 is one per core. Scores are the same to the last bit.
        engine: where workers run, on this machine or on Ray (RAY_ADDRESS names a cluster).
        shard: i/N, with i from 1: score this share only. Of N calls, on whatever machines, the
            one that finds the parts of all others reports.
        parts: folder that these calls have in common, for what each has counted; what lies
            there is used up by the report.

    Returns:
        results: metrics, per_class, per_slice, per_sample, confusion, breakdowns that say where
        the errors are, reasons for what is undefined, and provenance with the content hashes of
        both sides.

    Raises:
        MaskloomError: data that cannot be read or do not belong together.
    """
    from maskloom.formats.mapping import parse_renames
    from maskloom.metrics.conventions import CONVENTIONS
    from maskloom.metrics.judging.judge import Terms
    from maskloom.metrics.judging.settings import MetricSettings
    from maskloom.metrics.judging.spread import Waiting
    from maskloom.verbs.shares import share_of, waiting_outcome
    from maskloom.verbs.sides import Sides, both_called

    share, spread = share_of(shard, parts, against), (engine, workers)
    paths = (truth, predicted)
    formats = _formats(task, paths, (from_, predicted_from))
    sides = Sides(paths, formats, taxonomy, void, split, images, skip_bad)
    (ours, theirs), given = sides.read(set_, {"metric": MetricSettings})
    chosen, renames = CONVENTIONS[convention], parse_renames(map_)
    terms = Terms(task, chosen, missing, by, renames, metrics, resamples, given["metric"])
    other = _other(sides, against, set_, terms)
    opening = partial(_opened, sides, set_)
    found = _judged(opening, (ours, theirs), terms, spread, (share, parts))
    if isinstance(found, Waiting):
        return waiting_outcome(found, str(share), parts)
    asked = _Asked(report, other, explain_conventions)
    return _reported(found, both_called(paths, (ours, theirs)), terms, asked, (sides, set_, spread))


@dataclass(frozen=True, slots=True)
class _Other:
    """Another prediction of the same samples, opened with the truth that is its own."""

    sides: Sides
    both: tuple[Dataset, Dataset]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is wanted beside the scores."""

    report: Path | None
    other: _Other | None
    conventions: bool


def _reported(
    found: Complete,
    both: tuple[Dataset, Dataset],
    terms: Terms,
    asked: _Asked,
    opened: tuple[Sides, tuple[str, ...], tuple[Engine, int]],
) -> Outcome:
    """What the verb says, once the report file is written."""
    from maskloom.verbs.scored import completed, outcome_of, write_report

    sides, settings, spread = opened
    judged = completed(found.report, both, sides.paths[1], terms)
    more = (
        _rival(judged, asked.other, terms, (settings, spread)),
        _moves(both, terms) if asked.conventions else None,
    )
    write_report(judged, asked.report, both, terms, more)
    found.clear()
    return outcome_of(judged, both, asked.report, more)


def _moves(sides: tuple[Dataset, Dataset], terms: Terms) -> Moves:
    from maskloom.metrics.judging.explain import explain
    from maskloom.verbs.moves import Moves

    return Moves(explain(*sides, terms))


def _other(
    sides: Sides, path: Path | None, settings: tuple[str, ...], terms: Terms
) -> _Other | None:
    """The other prediction, if there is one; what it lacks must show before anything is scored."""
    if path is None:
        return None
    from maskloom.metrics.judging.align import compare

    sides = replace(sides, paths=(sides.paths[0], path))
    both = _opened(sides, settings)
    compare(*both, missing=terms.missing, renames=terms.renames)
    return _Other(sides, both)


def _rival(
    judged: Report,
    other: _Other | None,
    terms: Terms,
    how: tuple[tuple[str, ...], tuple[Engine, int]],
) -> Rivalry | None:
    """The other prediction judged on the same terms and compared."""
    if other is None:
        return None
    from maskloom.metrics.judging.align import compare
    from maskloom.metrics.judging.judge import groups_of
    from maskloom.metrics.judging.spread import Waiting
    from maskloom.verbs.rivals import rivalry
    from maskloom.work.progress import step

    settings, spread = how
    path = other.sides.paths[1]
    step(f"scoring {path}")
    opening = partial(_opened, other.sides, settings)
    found = _judged(opening, other.both, terms, spread, (None, None))
    if isinstance(found, Waiting):
        raise TypeError("a judgement of all pairs has nothing to wait for")
    groups = groups_of(compare(*other.both, missing=terms.missing, renames=terms.renames))
    return rivalry(judged, found.report, path, groups, terms.metrics)


def _judged(
    opening: Opening,
    sides: tuple[Dataset, Dataset],
    terms: Terms,
    spread: tuple[Engine, int],
    share: tuple[Share | None, Path | None],
) -> Complete | Waiting:
    """The report, made here or by workers; of one share perhaps what is still to come."""
    from maskloom.metrics.judging.judge import judge
    from maskloom.metrics.judging.spread import Complete, Division, judge_divided
    from maskloom.work.executors import open_executor

    with open_executor(*spread) as executor:
        if share[0] is None and executor.workers == 1 and spread[0] == "local":
            return Complete(judge(*sides, terms))
        return judge_divided(*sides, terms, Division(opening, executor, *share))


def _opened(sides: Sides, settings: tuple[str, ...]) -> tuple[Dataset, Dataset]:
    """Both data sets, in a process of their own."""
    from maskloom.metrics.judging.settings import MetricSettings

    return sides.read(settings, {"metric": MetricSettings})[0]


def _formats(
    task: str, paths: tuple[Path, Path], given: tuple[str | None, str | None]
) -> tuple[str | None, str | None]:
    """The formats as given; for panoptic segments else that of folders that hold its files."""
    if task != "panoptic":
        return given
    from maskloom.formats.detect import panoptic_format

    return given[0] or panoptic_format(paths[0]), given[1] or panoptic_format(paths[1])
