"""Conventions by name: the rules of every family under which a number is to be read.

A convention governs only the families that it has rules for; the others follow `maskloom`, the
one we stand for. The reasons are in docs/metrics.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from maskloom.metrics.calibration import CALIBRATION_RULES, CalibrationRules
from maskloom.metrics.objects import COCO_RULES, MASKLOOM_RULES, InstanceRules


@dataclass(frozen=True, slots=True)
class Convention:
    """Rules that go by one name.

    Args:
        name: what users type.
        about: whose rules these are, with the release that they were compared with.
        objects: how objects are matched for average precision, or None where nothing is said.
        calibration: how confidences are binned.
    """

    name: str
    about: str
    objects: InstanceRules | None = None
    calibration: CalibrationRules | None = None

    def rules(self, family: str) -> Any:
        """Its rules of a family, else those of `maskloom`."""
        return getattr(self, family) or getattr(MASKLOOM, family)


MASKLOOM = Convention(
    "maskloom",
    "this project's own",
    objects=MASKLOOM_RULES,
    calibration=CALIBRATION_RULES["maskloom"],
)

CONVENTIONS: dict[str, Convention] = {
    one.name: one
    for one in (
        MASKLOOM,
        Convention("coco", "pycocotools 2.0.11", objects=COCO_RULES),
        Convention(
            "torchmetrics", "torchmetrics 1.9.0", calibration=CALIBRATION_RULES["torchmetrics"]
        ),
        Convention("panopticapi", "panopticapi, pq_compute_single_core"),
    )
}


def convention_of(name: str, *, max_detections: int = 0) -> Convention:
    """A convention by its name; with a limit on predictions per image and class, if not 0."""
    found = CONVENTIONS[name]
    if not max_detections:
        return found
    return replace(found, objects=replace(found.rules("objects"), max_detections=max_detections))
