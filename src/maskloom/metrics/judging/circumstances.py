"""Under which rules scores were made, as a report's provenance says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maskloom.metrics.conventions import MASKLOOM
from maskloom.metrics.judging.align import Comparison
from maskloom.metrics.judging.families import FAMILIES, families_of
from maskloom.metrics.judging.feeding import object_rules
from maskloom.version import __version__

if TYPE_CHECKING:
    from maskloom.metrics.judging.judge import Terms

_AGGREGATION = {
    "pixels": "one confusion matrix over all samples",
    "samples": "IoU is a mean over samples of means over their classes",
    "pairs": "IoU is a mean over all samples and classes at once",
}
_VOID_RULE = (
    "truth pixels that are void or unlabelled count nowhere; void predicted on a valid pixel "
    "is a miss"
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


def circumstances(pair_up: Comparison, terms: Terms, task: str) -> dict[str, Any]:
    """Version, task, convention, rules and limits, for the provenance of a report."""
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
        rules = object_rules(terms.convention, terms.settings)
        out["max_detections"] = rules.max_per_image or rules.max_detections
        out["limit of detections"] = "an image" if rules.max_per_image else "an image and class"
    if task == "panoptic":
        out["convention"] = "panopticapi"
    if terms.settings.weights:
        out["weights of weighted_iou"] = terms.settings.weights
    if terms.renames:
        out["renames"] = dict(terms.renames)
    return out
