"""Conventions by name: the rules of every family under which a number is to be read.

A convention governs only the families that it has rules for; the others follow `maskloom`, the
one we stand for. The reasons are in docs/metrics.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskloom.metrics.boundary.rules import (
    BOUNDARY_RULES,
    CONTOUR_RULES,
    VIDEO_RULES,
    BoundaryRules,
    ContourRules,
    VideoRules,
)
from maskloom.metrics.calibration import CALIBRATION_RULES, CalibrationRules
from maskloom.metrics.objects.sides import COCO_RULES, LVIS_RULES, MASKLOOM_RULES, InstanceRules
from maskloom.metrics.pixel_rules import PIXEL_RULES, PixelRules
from maskloom.metrics.shape.clusters import CLUSTER_RULES, ClusterRules
from maskloom.metrics.shape.objects import OBJECT_RULES, ObjectRules
from maskloom.metrics.shape.thin import THIN_RULES, ThinRules
from maskloom.metrics.surface.rules import SURFACE_RULES, SurfaceRules
from maskloom.metrics.tracks.counts import TRACK_RULES, TrackRules


@dataclass(frozen=True, slots=True)
class Convention:
    """Rules that go by one name; None where the convention says nothing.

    Args:
        name: what users type.
        about: whose rules these are, with the release that they were compared with.
        pixels: over what IoU, Dice and accuracy are averaged.
        objects: how objects are matched for average precision.
        shapes: how objects are matched for AJI and F1.
        clusters: which labels VI and Rand leave out.
        bands: what Boundary IoU compares.
        contours: how outlines meet.
        video: which frames and objects of sequences count, for J and F.
        tracks: what tracks score where there is nothing to divide by.
        surface: what is a surface, and how its distances are averaged.
        thin: what clDice is where there is no line.
        calibration: how confidences are binned.
        silent: scores that the reference does not have, though it has rules of their family.
    """

    name: str
    about: str
    pixels: PixelRules | None = None
    objects: InstanceRules | None = None
    shapes: ObjectRules | None = None
    clusters: ClusterRules | None = None
    bands: BoundaryRules | None = None
    contours: ContourRules | None = None
    video: VideoRules | None = None
    tracks: TrackRules | None = None
    surface: SurfaceRules | None = None
    thin: ThinRules | None = None
    calibration: CalibrationRules | None = None
    silent: tuple[str, ...] = ()

    def governs(self, metric: str, rules: str) -> bool:
        """Whether it says how a score is made that follows some rules."""
        return getattr(self, rules) is not None and metric not in self.silent

    def rules(self, family: str) -> Any:
        """Its rules of a family, else those of `maskloom`."""
        return getattr(self, family) or getattr(MASKLOOM, family)


MASKLOOM = Convention(
    "maskloom",
    "this project's own",
    pixels=PIXEL_RULES["maskloom"],
    objects=MASKLOOM_RULES,
    shapes=OBJECT_RULES["maskloom"],
    clusters=CLUSTER_RULES["maskloom"],
    bands=BOUNDARY_RULES["maskloom"],
    contours=CONTOUR_RULES["maskloom"],
    video=VIDEO_RULES["maskloom"],
    tracks=TRACK_RULES["maskloom"],
    surface=SURFACE_RULES["maskloom"],
    thin=THIN_RULES["maskloom"],
    calibration=CALIBRATION_RULES["maskloom"],
)

CONVENTIONS: dict[str, Convention] = {
    one.name: one
    for one in (
        MASKLOOM,
        Convention("coco", "pycocotools 2.0.11", objects=COCO_RULES),
        Convention("lvis", "lvis-api 0.5.3", objects=LVIS_RULES, silent=("ar1", "ar10", "ar100")),
        Convention("cityscapes", "cityscapesScripts", pixels=PIXEL_RULES["cityscapes"]),
        Convention("mmseg", "mmsegmentation IoUMetric", pixels=PIXEL_RULES["mmseg"]),
        Convention("panopticapi", "panopticapi, pq_compute_single_core"),
        Convention(
            "torchmetrics",
            "torchmetrics 1.9.0",
            pixels=PIXEL_RULES["torchmetrics"],
            surface=SURFACE_RULES["torchmetrics"],
            calibration=CALIBRATION_RULES["torchmetrics"],
            silent=("assd", "hd95", "nsd"),
        ),
        Convention(
            "monai", "MONAI 1.6.1", pixels=PIXEL_RULES["monai"], surface=SURFACE_RULES["monai"]
        ),
        Convention("medpy", "MedPy 0.5.2", surface=SURFACE_RULES["medpy"]),
        Convention("deepmind", "surface-distance 0.1", surface=SURFACE_RULES["deepmind"]),
        Convention(
            "metrics-reloaded",
            "MetricsReloaded at cb38dfc",
            surface=SURFACE_RULES["metrics-reloaded"],
            bands=BOUNDARY_RULES["metrics-reloaded"],
        ),
        Convention(
            "boundary-iou-api", "boundary-iou-api", bands=BOUNDARY_RULES["boundary-iou-api"]
        ),
        Convention(
            "davis",
            "davis2017-evaluation",
            contours=CONTOUR_RULES["davis"],
            video=VIDEO_RULES["davis2017"],
        ),
        Convention("trackeval", "TrackEval", tracks=TRACK_RULES["trackeval"]),
        Convention("bsds", "BSDS500 correspondPixels", contours=CONTOUR_RULES["bsds"]),
        Convention(
            "stardist",
            "StarDist matching",
            shapes=OBJECT_RULES["stardist"],
            silent=("aji", "aji_plus"),
        ),
        Convention(
            "cellpose", "Cellpose metrics", shapes=OBJECT_RULES["cellpose"], silent=("aji_plus",)
        ),
        Convention(
            "hover-net",
            "hover_net stats_utils",
            shapes=OBJECT_RULES["hover-net"],
            silent=("object_accuracy_50",),
        ),
        Convention("cldice", "clDice", thin=THIN_RULES["cldice"]),
        Convention("scikit-image", "scikit-image 0.26", clusters=CLUSTER_RULES["scikit-image"]),
    )
}
