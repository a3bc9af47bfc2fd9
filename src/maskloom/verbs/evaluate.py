"""`evaluate`: masks scored against the truth."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from maskloom.core.dataset import Dataset
    from maskloom.core.outcome import Outcome
    from maskloom.core.report import Report
    from maskloom.formats.base import Format
    from maskloom.metrics.judge import Terms


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


def evaluate(
    truth: Path,
    predicted: Path,
    *,
    task: Literal["auto", "semantic", "instance"] = "auto",
    from_: str | None = None,
    predicted_from: str | None = None,
    taxonomy: Path | None = None,
    void: str | None = None,
    missing: Literal["error", "empty", "skip"] = "error",
    by: str | None = None,
    metrics: tuple[str, ...] = (),
    convention: Literal["maskloom", "coco"] = "maskloom",
    split: str | None = None,
    images: Path | None = None,
    report: Path | None = None,
    skip_bad: bool = False,
    map_: tuple[str, ...] = (),
    set_: tuple[str, ...] = (),
) -> Outcome:
    """Score masks against the truth: IoU, Dice and accuracy of pixels, AP of objects.

    Samples match by relative path without suffix, or by image id where both sides are COCO.
    Pixel scores come from one confusion matrix over all samples; a void prediction on a valid
    pixel is a miss; a class absent from both sides is left out of the means.

    Args:
        truth: the labels to score by, a data set in any known format.
        predicted: the labels to score, likewise.
        task: semantic (classes of pixels) or instance (objects, and their pixels); auto decides
            by the labels.
        from_: format of the truth, if it should not be detected.
        predicted_from: format of the prediction, if it should not be detected.
        taxonomy: JSON file that names the ids of bare label maps on both sides.
        void: id or name of the class whose pixels count nowhere.
        missing: what to do with samples without a prediction: refuse (error), score them as
            empty, or skip them.
        by: also score each value of this tag, or each group.
        metrics: names to report; all that apply if left out.
        convention: how objects are matched; coco keeps 100 predictions per image and class.
        split: score only this split of the truth; @FILE lists keys, e.g. @runs/1/val.txt.
        images: where the images lie, if not with the labels; only the report shows them.
        report: HTML file to write, with pictures of the worst and best images.
        skip_bad: leave invalid annotations out instead of refusing the file.
        map_: OLD=NEW says which category of the truth a predicted one is.
        set_: KEY=VALUE of the truth's format (from.KEY), the prediction's (predicted.KEY) or of
            the metrics (metric.max_detections).

    Returns:
        results: metrics, per_class, per_slice, per_sample, confusion, reasons for what is
        undefined, and provenance with the content hashes of both sides.

    Raises:
        MaskloomError: data that cannot be read or do not belong together.
    """
    from maskloom.formats.mapping import parse_renames
    from maskloom.metrics.align import compare
    from maskloom.metrics.judge import RULES, Terms, judge
    from maskloom.work.progress import step

    request = _Request(
        (truth, predicted), (from_, predicted_from), taxonomy, void, split, images, skip_bad
    )
    ours, theirs, options = request.read(set_)
    rules = RULES[convention]
    if options.max_detections:
        rules = replace(rules, max_detections=options.max_detections)
    terms = Terms(task, rules, convention, missing, by, parse_renames(map_), metrics)
    judged = judge(ours, theirs, terms)
    step("hashing both sides")
    hashes = compare(ours, theirs, missing=missing, renames=terms.renames).hashes()
    judged = replace(judged, provenance={**judged.provenance, **hashes})
    if report is not None:
        _write_report(judged, report, ours, theirs, terms)
    return _outcome(judged, (ours, theirs), report)


@dataclass(frozen=True, slots=True)
class _Request:
    """How to read both sides."""

    paths: tuple[Path, Path]
    formats: tuple[str | None, str | None]
    taxonomy: Path | None
    void: str | None
    split: str | None
    images: Path | None
    skip_bad: bool

    def read(self, settings: tuple[str, ...]) -> tuple[Dataset, Dataset, MetricOptions]:
        from maskloom.core.options import parse_settings
        from maskloom.errors import UsageError
        from maskloom.formats.detect import detect_format, load_format

        pairs = zip(self.paths, self.formats, strict=True)
        sides = [detect_format(p) if name is None else load_format(name) for p, name in pairs]
        prefixes = ("from", "predicted")
        targets = {prefix: side.ReadOptions for prefix, side in zip(prefixes, sides, strict=True)}
        parsed = parse_settings(settings, {**targets, "metric": MetricOptions})
        known = [_known(parsed[prefix]) for prefix in prefixes]
        if self.taxonomy is not None and not any("taxonomy" in names for names in known):
            raise UsageError(
                "both sides name their own classes",
                where="--taxonomy",
                seen=self.taxonomy,
                hint="match classes with --map OLD=NEW",
            )
        like = self._like(sides[0], parsed["predicted"])
        if like is not None:
            parsed["predicted"] = replace(parsed["predicted"], like=like)
        options = [
            self._completed(parsed[prefix], names)
            for prefix, names in zip(prefixes, known, strict=True)
        ]
        ours = self._open(0, sides[0], options[0])
        theirs = self._open(1, sides[1], options[1])
        if (again := _as_classes(ours, theirs, options[1])) is not None:
            theirs = self._open(1, sides[1], again)
        elif (again := _as_classes(theirs, ours, options[0])) is not None:
            ours = self._open(0, sides[0], again)
        return ours, theirs, parsed["metric"]

    def _like(self, truth: Format, options: Any) -> Path | None:
        """The truth's file, where the prediction is a bare COCO results list."""
        ours, theirs = self.paths
        if getattr(options, "like", self) is not None or truth.name != "coco":
            return None
        if not ours.is_file() or not theirs.is_file():
            return None
        with theirs.open("rb") as file:
            return ours if file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") else None

    def _completed(self, options: Any, known: set[str]) -> Any:
        """The options of one side, with --taxonomy and --void where its format knows them."""
        given: dict[str, Any] = {}
        if self.taxonomy is not None and "taxonomy" in known:
            given["taxonomy"] = self.taxonomy
        if self.void is not None and self.void.isdecimal() and "void" in known:
            given["void"] = int(self.void)
        return replace(options, **given) if given else options

    def _open(self, side: int, fmt: Format, options: Any) -> Dataset:
        from maskloom.formats.detect import read_dataset
        from maskloom.metrics.keep import keep_labels

        dataset = read_dataset(
            self.paths[side],
            fmt.name,
            options=options,
            images=None if side else self.images,
            split=None if side else self.split,
            skip_bad=self.skip_bad,
        )
        in_options = self.void is not None and self.void.isdecimal() and "void" in _known(options)
        dataset = keep_labels(dataset)
        if self.void is None or in_options:
            return dataset
        return _with_void(dataset, self.void, required=side == 0)


def _known(options: Any) -> set[str]:
    return {item.name for item in fields(options)}


def _with_void(dataset: Dataset, void: str, *, required: bool) -> Dataset:
    """The data set with one category made void; the truth must have it, a prediction may."""
    from maskloom.core.taxonomy import Taxonomy
    from maskloom.errors import TaxonomyError

    old = dataset.taxonomy
    position = old.find(void)
    if position is None and void.isdecimal():
        having = [i for i, c in enumerate(old) if int(void) in dict(c.ids).values()]
        position = having[0] if having else None
    if position is None:
        if not required:
            return dataset
        raise TaxonomyError(
            "no such category to be void",
            where="--void",
            seen=void,
            hint=f"known: {', '.join(c.name for c in old.categories[:30])}",
        )
    categories = list(old)
    categories[position] = replace(categories[position], void=True)
    return replace(dataset, taxonomy=Taxonomy(tuple(categories), old.revision))


def _as_classes(by: Dataset, other: Dataset, options: Any) -> Any:
    """Options that read bare maps of zeros alone as class 0 where the other side has classes.

    Zeros alone look like binary maps without foreground; beside a side of class ids they are
    the class 0. None where that is not the case.
    """
    kinds = [one.extra.get("bitmap", {}).get("kind") for one in (by, other)]
    if kinds != ["class", "binary"] or options.kind != "auto" or by.taxonomy.find("0") is None:
        return None
    position = other.taxonomy.scored[0]
    for _, labels in other:
        if labels.class_map is not None and (labels.class_map == position).any():
            return None
    return replace(options, kind="class")


def _write_report(
    judged: Report, path: Path, truth: Dataset, predicted: Dataset, terms: Terms
) -> None:
    from maskloom.metrics.pictures import error_panels
    from maskloom.report.html import write_html
    from maskloom.work.progress import step

    step(f"writing {path}")
    facts = {
        "Truth": f"{truth.name}, {len(judged.per_sample)} images",
        "Prediction": predicted.name,
        "Task": judged.task,
    }
    write_html(judged, path, panels=error_panels(judged, truth, predicted, terms), facts=facts)


def _outcome(judged: Report, sides: tuple[Dataset, Dataset], report: Path | None) -> Outcome:
    from maskloom.core.outcome import Outcome
    from maskloom.metrics.tables import report_tables

    results = judged.to_json()
    if report is not None:
        results["report"] = report
    warnings = [
        f"{name}: {text}"
        for name, dataset in zip(("truth", "predicted"), sides, strict=True)
        for text in dataset.warnings
        if report is not None or "images are missing" not in text
    ]
    return Outcome(
        results=results,
        tables=report_tables(judged),
        lines=(f"report: {report}",) if report is not None else (),
        warnings=(*warnings, *judged.notes),
    )
