"""How each family is made for a convention, and what of a sample it is fed.

`families.py` has the table; a family itself knows neither samples nor conventions by name.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.boundary.family import BoundaryMetrics
from maskloom.metrics.boundary.video_family import VideoFamily
from maskloom.metrics.calibration import Calibration
from maskloom.metrics.class_weights import parse_weights
from maskloom.metrics.conventions import Convention
from maskloom.metrics.errors.map_family import MapErrors
from maskloom.metrics.errors.object_family import ObjectErrors
from maskloom.metrics.judging.scene import Scene
from maskloom.metrics.judging.settings import MetricSettings
from maskloom.metrics.objects.family import InstanceMetrics
from maskloom.metrics.objects.overlaps import BOUNDARIES, BOXES, MASKS, Overlap
from maskloom.metrics.objects.sides import InstanceRules
from maskloom.metrics.panoptic.family import BAND, PanopticMetrics
from maskloom.metrics.pixels import PixelMetrics
from maskloom.metrics.shape.cluster_metrics import ClusterMetrics
from maskloom.metrics.shape.object_metrics import ObjectShapeMetrics
from maskloom.metrics.shape.size_metrics import SizeMetrics
from maskloom.metrics.shape.thin_metrics import ThinMetrics
from maskloom.metrics.surface.family import SurfaceMetrics
from maskloom.metrics.tracks.family import TrackFamily

SHAPE_METRICS = ("object_accuracy_50", "aji", "aji_plus", "count_error", "count_bias")
SURFACE_METRICS = ("assd", "hd", "hd95", "nsd")
CLUSTERS = ("vi_split", "vi_merge", "rand_f")
THIN = ("cldice", "length_error")
SIZES = ("area_error", "area_error_relative")

_SIZED = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
BOX_METRICS = tuple(f"{BOXES.prefix}{name}" for name in _SIZED)
BOUNDARY_AP_METRICS = tuple(f"{BOUNDARIES.prefix}{name}" for name in _SIZED)

_Row = dict[str, Score]


def instances(
    taxonomy: Taxonomy,
    convention: Convention,
    settings: MetricSettings,
    overlap: Overlap = MASKS,
) -> Any:
    """Average precision of objects."""
    return InstanceMetrics(taxonomy, object_rules(convention, settings), overlap)


def object_rules(convention: Convention, settings: MetricSettings) -> InstanceRules:
    """The rules of a convention, with the limit that the user sets in place of its own."""
    rules: InstanceRules = convention.rules("objects")
    most = settings.max_detections
    if not most:
        return rules
    if rules.max_per_image is not None:
        return replace(rules, max_per_image=most)
    return replace(rules, max_detections=most)


boxes = partial(instances, overlap=BOXES)
boundaries = partial(instances, overlap=BOUNDARIES)


def feed_instances(family: InstanceMetrics, scene: Scene) -> _Row:
    """Rows of both sides."""
    return family.update(*scene.rows, order=scene.order, **scene.limits)


def shapes(taxonomy: Taxonomy, convention: Convention, _settings: MetricSettings) -> Any:
    """Objects without confidence."""
    return ObjectShapeMetrics(taxonomy, convention.rules("shapes"))


def feed_shapes(family: ObjectShapeMetrics, scene: Scene) -> _Row:
    """Rows of both sides."""
    return family.update(*scene.rows, order=scene.order, **scene.limits)


def panoptic(taxonomy: Taxonomy, _convention: Convention, _settings: MetricSettings) -> Any:
    """Segments."""
    return PanopticMetrics(taxonomy)


def outlined(taxonomy: Taxonomy, _convention: Convention, _settings: MetricSettings) -> Any:
    """Segments, matched by their outlines as well."""
    return PanopticMetrics(taxonomy, band=BAND)


def feed_panoptic(family: PanopticMetrics, scene: Scene) -> _Row:
    """Segments of both sides."""
    return family.update(*scene.segments, where=scene.key, order=scene.order, **scene.limits)


def pixels(taxonomy: Taxonomy, convention: Convention, settings: MetricSettings) -> Any:
    """Classes of pixels."""
    weights = parse_weights(settings.weights, taxonomy)
    return PixelMetrics(taxonomy, convention.rules("pixels"), weights=weights)


def feed_pixels(family: PixelMetrics, scene: Scene) -> _Row:
    """Class maps of both sides."""
    return family.update(*scene.maps, order=scene.order)


def boundary(taxonomy: Taxonomy, convention: Convention, settings: MetricSettings) -> Any:
    """Bands and contours of classes."""
    contours = convention.rules("contours")
    if settings.contour_px:
        contours = contours.within(settings.contour_px)
    return BoundaryMetrics(taxonomy, convention.rules("bands"), contours)


def feed_boundary(family: BoundaryMetrics, scene: Scene) -> _Row:
    """Class maps of both sides; volumes have surfaces instead."""
    return family.update(*scene.maps, order=scene.order) if len(scene.size) == 2 else {}


def surface(taxonomy: Taxonomy, convention: Convention, settings: MetricSettings) -> Any:
    """Distances between surfaces."""
    return SurfaceMetrics(taxonomy, convention.rules("surface"), tolerance=settings.tolerance)


def feed_surface(family: SurfaceMetrics, scene: Scene) -> _Row:
    """Class maps of both sides, and their spacing."""
    return family.update(*scene.maps, spacing=scene.spacing or None, order=scene.order)


def clusters(taxonomy: Taxonomy, convention: Convention, _settings: MetricSettings) -> Any:
    """Objects as a clustering of pixels."""
    return ClusterMetrics(taxonomy, convention.rules("clusters"))


def feed_clusters(family: ClusterMetrics, scene: Scene) -> _Row:
    """Rows of both sides, where none overlap: a pixel of two objects is in no cluster."""
    if scene.overlaps:
        return {}
    return family.update(
        *scene.rows, size=scene.size, order=scene.order, where=scene.key, **scene.limits
    )


def thin(taxonomy: Taxonomy, convention: Convention, _settings: MetricSettings) -> Any:
    """Lines of thin structures."""
    return ThinMetrics(taxonomy, convention.rules("thin"))


def feed_thin(family: ThinMetrics, scene: Scene) -> _Row:
    """Class maps of both sides, and their spacing."""
    return family.update(*scene.maps, spacing=scene.spacing or None, order=scene.order)


def sizes(taxonomy: Taxonomy, _convention: Convention, _settings: MetricSettings) -> Any:
    """Areas and volumes."""
    return SizeMetrics(taxonomy)


def feed_sizes(family: SizeMetrics, scene: Scene) -> _Row:
    """Class maps of both sides, and their spacing."""
    return family.update(*scene.maps, spacing=scene.spacing or None, order=scene.order)


def calibration(_taxonomy: Taxonomy, convention: Convention, _settings: MetricSettings) -> Any:
    """Confidence of classes."""
    return Calibration(convention.rules("calibration"))


def feed_calibration(family: Calibration, scene: Scene) -> _Row:
    """Class maps of both sides with the prediction's confidence, where its author gives one."""
    if scene.confidence is None:
        return {}
    return family.update(*scene.maps, scene.confidence, order=scene.order)


def video(taxonomy: Taxonomy, convention: Convention, _settings: MetricSettings) -> Any:
    """J and F of tracks."""
    return VideoFamily(taxonomy, convention.rules("video"))


def feed_video(family: VideoFamily, scene: Scene) -> _Row:
    """Rows of both sides, where the sample is a frame of a sequence."""
    if scene.place is None:
        return {}
    size = (scene.size[0], scene.size[1])
    if scene.ends is not None and family.asks(scene.place[0]):
        rows, unlabelled = scene.first_truth
        family.tell(scene.place[0], scene.ends, rows, unlabelled=unlabelled)
    return family.update(
        *scene.rows, size=size, place=scene.place, order=scene.order, **scene.limits
    )


def tracks(taxonomy: Taxonomy, convention: Convention, _settings: MetricSettings) -> Any:
    """HOTA, identity scores and CLEAR."""
    return TrackFamily(taxonomy, convention.rules("tracks"))


def feed_tracks(family: TrackFamily, scene: Scene) -> _Row:
    """Rows of both sides, where the sample is a frame of a sequence."""
    if scene.place is None:
        return {}
    return family.update(
        *scene.rows, place=scene.place, order=scene.order, where=scene.key, **scene.limits
    )


def object_errors(taxonomy: Taxonomy, convention: Convention, settings: MetricSettings) -> Any:
    """What is wrong with objects, by the rules of average precision."""
    return ObjectErrors(taxonomy, object_rules(convention, settings))


def feed_object_errors(family: ObjectErrors, scene: Scene) -> _Row:
    """Rows of both sides."""
    return family.update(*scene.rows, order=scene.order, **scene.limits)


def map_errors(taxonomy: Taxonomy, _convention: Convention, _settings: MetricSettings) -> Any:
    """Where pixels of class maps are wrong."""
    return MapErrors(taxonomy)


def feed_map_errors(family: MapErrors, scene: Scene) -> _Row:
    """Class maps of both sides."""
    return family.update(*scene.maps, order=scene.order)
