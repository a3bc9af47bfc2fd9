"""`evaluate`: masks scored against the truth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from maskloom.verbs.python import from_python

if TYPE_CHECKING:
    from maskloom.core.dataset import Dataset
    from maskloom.core.outcome import Outcome
    from maskloom.core.report import Report
    from maskloom.metrics.judge import Terms
    from maskloom.metrics.spread import Complete, Opening, Waiting
    from maskloom.verbs.sides import Sides
    from maskloom.work.executors import Engine
    from maskloom.work.shards import Share


@dataclass(frozen=True, slots=True)
class MetricOptions:
    """`--set metric.KEY=VALUE`."""

    max_detections: int = field(
        default=0,
        metadata={
            "help": "predictions kept per image and class for AP; 0 is the convention's own: "
            "100 for coco, no limit for maskloom"
        },
    )

    def __post_init__(self) -> None:
        if self.max_detections < 0:
            raise ValueError("max_detections is 0 or more")


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
    convention: Literal["maskloom", "coco", "panopticapi"] = "maskloom",
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
        by: also score each value of this tag, or each group.
        metrics: names to report; all that apply if left out.
        convention: how objects are matched; coco keeps 100 predictions per image and class.
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
        results: metrics, per_class, per_slice, per_sample, confusion, reasons for what is
        undefined, and provenance with the content hashes of both sides.

    Raises:
        MaskloomError: data that cannot be read or do not belong together.
    """
    from maskloom.formats.mapping import parse_renames
    from maskloom.metrics.conventions import convention_of
    from maskloom.metrics.judge import Terms
    from maskloom.metrics.spread import Waiting
    from maskloom.verbs.sides import Sides, both_called

    share = _share(shard, parts)
    paths, formats = (truth, predicted), (from_, predicted_from)
    if task == "panoptic":
        formats = _panoptic_formats(paths, formats)
    sides = Sides(paths, formats, taxonomy, void, split, images, skip_bad)
    (ours, theirs), given = sides.read(set_, {"metric": MetricOptions})
    options: MetricOptions = given["metric"]
    chosen = convention_of(convention, max_detections=options.max_detections)
    terms = Terms(task, chosen, missing, by, parse_renames(map_), metrics)
    opening = partial(_opened, sides, set_)
    found = _judged(opening, (ours, theirs), terms, (engine, workers), (share, parts))
    if isinstance(found, Waiting):
        return _waiting(found, str(share), parts)
    ours, theirs = both_called(paths, (ours, theirs))
    judged = _completed(found.report, (ours, theirs), predicted, terms)
    _write_report(judged, report, ours, theirs, terms)
    found.clear()
    return _outcome(judged, (ours, theirs), report)


def _judged(
    opening: Opening,
    sides: tuple[Dataset, Dataset],
    terms: Terms,
    spread: tuple[Engine, int],
    share: tuple[Share | None, Path | None],
) -> Complete | Waiting:
    """The report, made here or by workers; of one share perhaps what is still to come."""
    from maskloom.metrics.judge import judge
    from maskloom.metrics.spread import Complete, Division, judge_divided
    from maskloom.work.executors import open_executor

    with open_executor(*spread) as executor:
        if share[0] is None and executor.workers == 1 and spread[0] == "local":
            return Complete(judge(*sides, terms))
        return judge_divided(*sides, terms, Division(opening, executor, *share))


def _opened(sides: Sides, settings: tuple[str, ...]) -> tuple[Dataset, Dataset]:
    """Both data sets, in a process of their own."""
    return sides.read(settings, {"metric": MetricOptions})[0]


def _share(shard: str | None, parts: Path | None) -> Share | None:
    from maskloom.errors import UsageError
    from maskloom.work.shards import Share

    if (shard is None) != (parts is None):
        raise UsageError(
            "--shard and --parts belong together",
            seen=f"--shard {shard}" if parts is None else f"--parts {parts}",
            hint="say --shard i/N --parts FOLDER, with one folder for all N calls",
        )
    return None if shard is None else Share.parse(shard)


def _waiting(found: Waiting, shard: str, parts: Path | None) -> Outcome:
    """What a call says that is not the last."""
    from maskloom.core.outcome import Outcome, counted

    of = shard.partition("/")[2]
    done = f"shard {shard} is counted, {counted(found.samples, 'image')}"
    rest = ", ".join(f"{number}/{of}" for number in found.numbers[:8])
    more = f" and {len(found.numbers) - 8} more" if len(found.numbers) > 8 else ""
    line = (
        f"{done}; still to come: --shard {rest}{more} with --parts {parts}; the last one reports"
        if rest
        else f"{done}; another call has found all parts and reports"
    )
    results = {
        "shard": shard,
        "samples": found.samples,
        "waiting": [f"{number}/{of}" for number in found.numbers],
        "parts": parts,
    }
    return Outcome(results, lines=(line,))


def _completed(
    judged: Report, sides: tuple[Dataset, Dataset], predicted: Path, terms: Terms
) -> Report:
    """The report with what only the verb knows: names, hashes, and what a model was trained on."""
    from maskloom.metrics.align import compare
    from maskloom.verbs.sides import trained_on_note
    from maskloom.work.progress import step

    hashes: dict[str, str] = {}
    if "truth_hash" not in judged.provenance:
        step("hashing both sides")
        hashes = compare(*sides, missing=terms.missing, renames=terms.renames).hashes()
    seen = trained_on_note(predicted, [str(row["key"]) for row in judged.per_sample])
    return replace(
        judged,
        title=f"{sides[1].name or 'prediction'} against {sides[0].name or 'truth'}",
        provenance={**judged.provenance, **hashes},
        notes=(*judged.notes, *([seen] if seen else [])),
    )


def _panoptic_formats(
    paths: tuple[Path, Path], given: tuple[str | None, str | None]
) -> tuple[str | None, str | None]:
    """The formats as given, else the panoptic one of folders that hold its files."""
    from maskloom.formats.detect import panoptic_format

    return given[0] or panoptic_format(paths[0]), given[1] or panoptic_format(paths[1])


def _write_report(
    judged: Report, path: Path | None, truth: Dataset, predicted: Dataset, terms: Terms
) -> None:
    """The HTML file, if one was asked for."""
    if path is None:
        return
    from maskloom.core.outcome import counted
    from maskloom.metrics.pictures import error_panels
    from maskloom.report.html import write_html
    from maskloom.work.progress import step

    step(f"writing {path}")
    facts = {
        "Truth": f"{truth.name}, {counted(len(judged.per_sample), 'image')}",
        "Prediction": predicted.name,
        "Task": judged.task,
    }
    write_html(judged, path, panels=error_panels(judged, truth, predicted, terms), facts=facts)


def _outcome(judged: Report, sides: tuple[Dataset, Dataset], report: Path | None) -> Outcome:
    from maskloom.core.outcome import Outcome
    from maskloom.metrics.tables import report_tables
    from maskloom.verbs.sides import side_warnings

    results = judged.to_json()
    if report is not None:
        results["report"] = report
    return Outcome(
        results=results,
        tables=report_tables(judged),
        lines=(f"report: {report}",) if report is not None else (),
        warnings=(*side_warnings(sides, pictures=report is not None), *judged.notes),
    )
