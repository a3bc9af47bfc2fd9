"""Conventions by name: the rules of every family under which a number is to be read.

A convention governs only the families that it has rules for; the others follow `maskloom`, the
one we stand for. The reasons are in docs/metrics.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from maskloom.metrics.objects import COCO_RULES, MASKLOOM_RULES, InstanceRules


@dataclass(frozen=True, slots=True)
class Convention:
    """Rules that go by one name.

    Args:
        name: what users type.
        about: whose rules these are, with the release that they were compared with.
        objects: how objects are matched for average precision, or None where nothing is said.
    """

    name: str
    about: str
    objects: InstanceRules | None = None


MASKLOOM = Convention("maskloom", "this project's own", MASKLOOM_RULES)

CONVENTIONS: dict[str, Convention] = {
    one.name: one
    for one in (
        MASKLOOM,
        Convention("coco", "pycocotools 2.0.11", COCO_RULES),
        Convention("panopticapi", "panopticapi, pq_compute_single_core"),
    )
}


def convention_of(name: str, *, max_detections: int = 0) -> Convention:
    """A convention by its name; with a limit on predictions per image and class, if not 0."""
    found = CONVENTIONS[name]
    if not max_detections:
        return found
    rules = found.objects or MASKLOOM_RULES
    return replace(found, objects=replace(rules, max_detections=max_detections))
