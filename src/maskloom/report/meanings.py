"""What each score is called and means, as one literal table; how reports use it is `words.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


def _of_kind(kind: str, name: str, how: str) -> dict[str, Meaning]:
    """Average precisions whose overlaps are measured in another way than by masks."""
    found = {f"{kind}_ap": Meaning(name, f"AP with overlaps of {how}.")}
    for at in ("50", "75"):
        found[f"{kind}_ap{at}"] = Meaning(f"{name}{at}", f"AP{at} with overlaps of {how}.")
    for size in ("small", "medium", "large"):
        text = f"AP of {size} objects with overlaps of {how}."
        found[f"{kind}_ap_{size}"] = Meaning(f"{name}, {size} objects", text)
    return found


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
    "ar_all": Meaning("Recall with all", "Share of objects found with every guess that is kept."),
    "ap_rare": Meaning("AP, rare classes", "AP of the classes that few training images show."),
    "ap_common": Meaning("AP, common classes", "AP of classes of middling frequency."),
    "ap_frequent": Meaning("AP, frequent classes", "AP of the classes of most training images."),
    **_of_kind("box", "Box AP", "boxes instead of masks"),
    **_of_kind("boundary", "Boundary AP", "outlines as well as areas"),
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
    **{
        f"boundary_{q}{of}": Meaning(
            f"Boundary {q.upper()}{name}",
            f"{q.upper()} of {classes} where outlines must fit as well as areas.",
        )
        for of, name, classes in (
            ("", "", "all classes"),
            ("_things", ", things", "countable classes"),
            ("_stuff", ", stuff", "uncountable classes"),
        )
        for q in ("pq", "sq", "rq")
    },
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
    "j_and_f": Meaning(
        "J&F", "Mean of J and F of video objects: how well masks and their outlines fit."
    ),
    "j": Meaning("J", "Mean IoU over the frames of a video object."),
    "j_recall": Meaning("J recall", "Share of an object's frames with an IoU above one half."),
    "j_decay": Meaning(
        "J decay", "How much J falls from the first quarter of a video to the last.", good="low"
    ),
    "f": Meaning("F", "Mean agreement of outlines over the frames of a video object."),
    "f_recall": Meaning("F recall", "Share of an object's frames with an F above one half."),
    "f_decay": Meaning(
        "F decay", "How much F falls from the first quarter of a video to the last.", good="low"
    ),
    "hota": Meaning(
        "HOTA", "How well objects are found and keep their identity over frames, in equal parts."
    ),
    "det_a": Meaning("Detection (DetA)", "The part of HOTA about finding objects in each frame."),
    "ass_a": Meaning("Association (AssA)", "The part of HOTA about keeping identities."),
    "loc_a": Meaning("Localisation (LocA)", "Mean overlap of objects that were found."),
    "det_re": Meaning("Detection recall", "Share of the true objects that were found."),
    "det_pr": Meaning("Detection precision", "Share of the predicted objects that are there."),
    "ass_re": Meaning("Association recall", "How much of a true track one predicted track holds."),
    "ass_pr": Meaning("Association precision", "How much of a predicted track is one true track."),
    "idf1": Meaning(
        "IDF1", "Share of objects with the right identity where each track has one partner."
    ),
    "idp": Meaning("Identity precision", "Share of predicted objects with the right identity."),
    "idr": Meaning("Identity recall", "Share of true objects with the right identity."),
    "mota": Meaning(
        "MOTA", "One less the share of missed, extra and switched objects; may be below 0."
    ),
    "motp": Meaning("MOTP", "Mean overlap of objects matched at one half or more."),
    "moda": Meaning("MODA", "As MOTA, but switches of identity cost nothing."),
    "smota": Meaning("Soft MOTA", "As MOTA, with the overlap of matched objects in their place."),
    "idsw": Meaning("Identity switches", "", "count", "low"),
    "frag": Meaning("Interrupted tracks", "", "count", "low"),
    "mt": Meaning("Tracks mostly found", "", "count", "high"),
    "pt": Meaning("Tracks partly found", "", "count", "neither"),
    "ml": Meaning("Tracks mostly lost", "", "count", "low"),
    "idtp": Meaning("Objects with the right identity", "", "count", "high"),
    "idfp": Meaning("Predicted objects with another identity", "", "count", "low"),
    "idfn": Meaning("True objects with another identity", "", "count", "low"),
    "ece": Meaning(
        "Calibration error", "How far stated confidence is from being right.", "fraction", "low"
    ),
    "object_ece": Meaning(
        "Calibration error of scores",
        "How far scores of objects are from the share of them that is right.",
        "fraction",
        "low",
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
