"""What scores are called and mean, in plain words, as one literal table.

It computes nothing; the definitions with their sources are in `metrics/`. A score without an
entry here is still shown, under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from maskloom.core.report import Report

Unit = Literal["fraction", "distance", "count", "bits"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """How to show one score.

    Args:
        label: what people call it.
        sentence: what it says, for a reader who does not know the term.
        unit: fractions lie in [0, 1] and get a bar; distances are in units of spacing.
        good: which direction is better.
    """

    label: str
    sentence: str = ""
    unit: Unit = "fraction"
    good: Literal["high", "low", "neither"] = "high"


MEANINGS: dict[str, Meaning] = {
    "miou": Meaning(
        "Mean IoU",
        "Shared area over joint area of truth and prediction, "
        "averaged over the classes; every class weighs the same.",
    ),
    "iou": Meaning("IoU", "Shared area over joint area of truth and prediction."),
    "fwiou": Meaning("Weighted IoU", "IoU averaged over the classes by how many pixels each has."),
    "weighted_iou": Meaning(
        "IoU of rare classes", "IoU averaged over the classes by one over how many pixels each has."
    ),
    "pixel_accuracy": Meaning(
        "Pixel accuracy",
        "Share of the counted pixels with the right class; large classes dominate it.",
    ),
    "mean_accuracy": Meaning(
        "Mean accuracy", "Share of a class's pixels that were found, averaged over the classes."
    ),
    "accuracy": Meaning("Recall", "Share of the class's pixels that were found (its accuracy)."),
    "dice": Meaning(
        "Dice",
        "Twice the shared area over the sum of both areas, "
        "averaged over the classes; kinder than IoU.",
    ),
    "dice_per_sample": Meaning("Dice per sample", "Dice of each image, averaged over the images."),
    "precision": Meaning("Precision", "Share of what was predicted that is right."),
    "recall": Meaning("Recall", "Share of the truth that was found."),
    "boundary_iou": Meaning(
        "Boundary IoU", "IoU of thin bands along the outlines; sees frayed edges that IoU forgives."
    ),
    "boundary_f1": Meaning("Boundary F1", "How well the outlines agree within a small tolerance."),
    "assd": Meaning(
        "Mean surface distance", "Average distance between the two outlines.", "distance", "low"
    ),
    "hd": Meaning(
        "Hausdorff distance", "Largest distance between the two outlines.", "distance", "low"
    ),
    "hd95": Meaning(
        "Hausdorff 95 %", "Distance that 95 % of the outline stays within.", "distance", "low"
    ),
    "nsd": Meaning("Surface Dice", "Share of the outlines that agree within the tolerance."),
    "ap": Meaning(
        "AP",
        "Precision of ranked objects over all recalls, averaged over overlap "
        "thresholds from 0.50 to 0.95.",
    ),
    "ap50": Meaning("AP50", "As AP, but an overlap of one half already counts as found."),
    "ap75": Meaning("AP75", "As AP, for objects that overlap by at least three quarters."),
    "ap_small": Meaning("AP, small objects", "AP of objects below 32 × 32 pixels."),
    "ap_medium": Meaning("AP, medium objects", "AP of objects from 32 × 32 to 96 × 96 pixels."),
    "ap_large": Meaning("AP, large objects", "AP of objects above 96 × 96 pixels."),
    "ar1": Meaning("Recall with 1", "Share of objects found with one guess per image and class."),
    "ar10": Meaning("Recall with 10", "Share of objects found with ten guesses per image."),
    "ar100": Meaning("Recall with 100", "Share of objects found with a hundred guesses per image."),
    "boundary_ap": Meaning("Boundary AP", "AP with overlaps measured along the outlines."),
    "pq": Meaning("Panoptic quality (PQ)", "Found segments times how well they fit."),
    "sq": Meaning(
        "Segment fit (SQ)",
        "Mean IoU of the segments that were matched; a class without a match counts as 0.",
    ),
    "rq": Meaning("Segments found (RQ)", "F1 score of finding segments, whatever their fit."),
    "pq_things": Meaning("PQ, things", "Panoptic quality of countable classes."),
    "sq_things": Meaning("SQ, things", "Segment fit of countable classes."),
    "rq_things": Meaning("RQ, things", "Segments found of countable classes."),
    "pq_stuff": Meaning("PQ, stuff", "Panoptic quality of uncountable classes."),
    "sq_stuff": Meaning("SQ, stuff", "Segment fit of uncountable classes."),
    "rq_stuff": Meaning("RQ, stuff", "Segments found of uncountable classes."),
    "kind": Meaning(
        "Kind", "Things are counted one by one, stuff is all of a class.", "count", "neither"
    ),
    "tp": Meaning("Matched", "", "count", "neither"),
    "fp": Meaning("Extra", "", "count", "low"),
    "fn": Meaning("Missed", "", "count", "low"),
    "aji": Meaning(
        "Aggregated Jaccard",
        "Shared area of matched objects over all object area; splits and merges cost much.",
    ),
    "f1_50": Meaning("Object F1", "Balance of missed and extra objects at an overlap of one half."),
    "cldice": Meaning("clDice", "Dice of centre lines: whether thin structures stay connected."),
    "vi_split": Meaning(
        "Over-segmentation", "Information lost by cutting objects apart.", "bits", "low"
    ),
    "vi_merge": Meaning(
        "Under-segmentation", "Information lost by joining objects.", "bits", "low"
    ),
    "rand_f": Meaning("Rand F", "Agreement on which pairs of pixels belong together."),
    "j": Meaning("J", "Mean IoU over the frames of a video object."),
    "f": Meaning("F", "Mean agreement of outlines over the frames of a video object."),
    "ece": Meaning(
        "Calibration error", "How far stated confidence is from being right.", "fraction", "low"
    ),
    "count_error": Meaning(
        "Count error", "Mean difference between counted and true objects.", "count", "low"
    ),
    "count_bias": Meaning(
        "Count bias", "Mean of counted minus true objects per image.", "count", "neither"
    ),
    "object_accuracy_50": Meaning(
        "Object accuracy", "Matched objects over all of both sides, at an overlap of one half."
    ),
    "aji_plus": Meaning("AJI+", "Aggregated Jaccard with one partner for each object."),
    "area_error": Meaning(
        "Area error", "Mean error of the area or volume of a class per image.", "distance", "low"
    ),
    "area_error_relative": Meaning(
        "Relative area error", "The same as a share of the true area.", "distance", "low"
    ),
    "length_error": Meaning(
        "Length error", "Mean error of the length of centre lines per image.", "distance", "low"
    ),
    "spurious": Meaning("Predicted where it is not", "", "count", "low"),
    "support": Meaning("Truth pixels", "", "count", "neither"),
    "pixels": Meaning("Pixels", "", "count", "neither"),
    "truth_pixels": Meaning("Truth pixels", "", "count", "neither"),
    "predicted_pixels": Meaning("Predicted pixels", "", "count", "neither"),
    "objects": Meaning("Objects", "", "count", "neither"),
    "truth_objects": Meaning("Truth objects", "", "count", "neither"),
    "predicted_objects": Meaning("Predicted objects", "", "count", "neither"),
    "images": Meaning("Images", "", "count", "neither"),
    "samples": Meaning("Images", "", "count", "neither"),
    "share": Meaning("Share", "Share of all labelled pixels.", "fraction", "neither"),
    "matched": Meaning("Matched", "", "count", "neither"),
    "missed": Meaning("Missed", "", "count", "low"),
    "extra": Meaning("Extra", "", "count", "low"),
}

CURVES: dict[str, str] = {
    "lr": "learning rate",
    "loss": "sum of all",
    "ce": "classes of pixels (cross-entropy)",
    "dice": "overlap of classes (Dice)",
    "distance": "distance to the objects' rims",
    "object": "object or not, of proposals",
    "anchor": "boxes of proposals",
    "class": "classes of objects",
    "box": "boxes of objects",
    "mask": "masks of objects",
    "semantic": "classes of pixels (cross-entropy)",
}
"""What the logged columns of a training are called; of `val_...` it is the name of the score."""

HEADLINES: dict[str, tuple[str, ...]] = {
    "semantic": ("miou", "dice", "pixel_accuracy", "boundary_iou", "mean_accuracy"),
    "instance": ("ap", "ap50", "ap75", "f1_50", "aji", "pq"),
    "panoptic": ("pq", "sq", "rq", "pq_things", "pq_stuff"),
}
RANKING = ("iou", "miou", "ap", "pq", "f1_50", "dice")


_OF_PIXELS = frozenset({"iou", "dice", "precision", "recall", "accuracy"})


def meaning(name: str, task: str = "semantic") -> Meaning:
    """The entry of a score, or one made from its name.

    Args:
        name: of the score.
        task: of the report; beside scores of objects, those of pixels say that they are.
    """
    found = MEANINGS.get(name) or Meaning(name.replace("_", " "))
    if task == "semantic" or name not in _OF_PIXELS:
        return found
    label = found.label if name in ("iou", "dice") else found.label.lower()
    return replace(found, label=f"Pixel {label}")


def curve_name(column: str) -> str:
    """What a logged column of a training is called."""
    if column.startswith("val_"):
        return meaning(column.removeprefix("val_")).label
    return CURVES.get(column, column.replace("_", " "))


def headline(report: Report, n: int = 4) -> list[str]:
    """Names of the up to `n` scores to show large, the task's own first."""
    first = [m for m in HEADLINES.get(report.task, ()) if m in report.metrics]
    return [*first, *(m for m in report.metrics if m not in first)][:n]


def ranking(report: Report) -> str | None:
    """The score that orders the class table: the task's own or `iou`, if any class has it."""
    names = (*HEADLINES.get(report.task, ())[:1], *RANKING)
    return next((n for n in names if any(n in row for row in report.per_class.values())), None)


def ranked_classes(report: Report) -> list[tuple[str, Mapping[str, Any]]]:
    """(key, row) of the classes, lowest score first, equals by name, undefined ones last."""
    by = ranking(report)

    def order(item: tuple[str, Mapping[str, Any]]) -> tuple[bool, float, str]:
        score = item[1].get(by) if by else None
        return score is None, float(score or 0.0), str(item[1].get("name", item[0]))

    return sorted(report.per_class.items(), key=order) if by else list(report.per_class.items())


def verdict(report: Report) -> str:
    """One sentence: the main score, the weakest class and the weakest sample."""
    names = headline(report, 1)
    if not names:
        return ""
    value = report.metrics[names[0]]
    label = meaning(names[0]).label
    if value is None:
        return f"{label} is undefined: {report.reasons.get(names[0], 'nothing to score')}."
    parts = [f"{label} is {value:.3f}"]
    counted = len(report.per_sample)
    if counted:
        parts[0] += f" over {counted:,} {'image' if counted == 1 else 'images'}"
    parts += _weakest(report)
    low = report.worst(1)[0].get(report.ranked_by) if counted > 1 else None
    if low is not None and low < 1:
        unit = "" if report.ranked_by == names[0] else f"{meaning(report.ranked_by).label} "
        parts.append(f"the weakest image is {report.worst(1)[0]['key']} ({unit}{low:.3f})")
    return "; ".join(parts) + "."


def _weakest(report: Report) -> list[str]:
    """What to say of the class at the top of the table, if there are several."""
    by = ranking(report)
    scored = [(k, row) for k, row in ranked_classes(report) if by and row.get(by) is not None]
    if by is None or len(scored) < 2:
        return []
    key, row = scored[0]
    equals = sum(other[by] == row[by] for _, other in scored)
    if equals == len(scored):
        return []
    if equals > 1:
        return [f"{equals} of {len(scored)} classes share the lowest score ({row[by]:.3f})"]
    return [f"the weakest class is {row.get('name', key)} ({row[by]:.3f})"]
