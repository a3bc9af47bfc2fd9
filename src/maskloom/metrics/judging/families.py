"""Families of metrics: which scores each has, for which tasks, and what it needs of a sample.

The one table from which tallies, reports and the registry know what can be scored. A family
itself knows nothing of data sets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.boundary.family import BOUNDARY_METRICS
from maskloom.metrics.boundary.video import VIDEO_METRICS
from maskloom.metrics.calibration import CALIBRATION_METRICS
from maskloom.metrics.conventions import MASKLOOM, Convention
from maskloom.metrics.judging.feeding import (
    BOUNDARY_AP_METRICS,
    BOX_METRICS,
    CLUSTERS,
    SHAPE_METRICS,
    SIZES,
    SURFACE_METRICS,
    THIN,
    boundaries,
    boundary,
    boxes,
    calibration,
    clusters,
    feed_boundary,
    feed_calibration,
    feed_clusters,
    feed_instances,
    feed_map_errors,
    feed_object_errors,
    feed_panoptic,
    feed_pixels,
    feed_shapes,
    feed_sizes,
    feed_surface,
    feed_thin,
    feed_tracks,
    feed_video,
    instances,
    map_errors,
    object_errors,
    outlined,
    panoptic,
    pixels,
    shapes,
    sizes,
    surface,
    thin,
    tracks,
    video,
)
from maskloom.metrics.judging.frequencies import NAMES
from maskloom.metrics.judging.scene import Scene
from maskloom.metrics.judging.settings import DEFAULTS, MetricSettings
from maskloom.metrics.objects.calibration import OBJECT_CALIBRATION
from maskloom.metrics.objects.scores import INSTANCE_METRICS
from maskloom.metrics.panoptic.family import BOUNDARY_PANOPTIC_METRICS, PANOPTIC_METRICS
from maskloom.metrics.pixels import PIXEL_METRICS
from maskloom.metrics.resampled import MEANS
from maskloom.metrics.scores import Scores
from maskloom.metrics.tracks.counts import TRACK_METRICS
from maskloom.metrics.tracks.family import COUNTS

Ints = NDArray[np.int64]
State = Mapping[str, NDArray[np.generic]]


class Family(Protocol):
    """Everything of one kind that is counted over some samples."""

    def merge(self, other: Self) -> None:
        """Add what another worker counted under the same terms."""

    def result(self) -> Scores:
        """Scores over everything counted so far."""

    def resampled(self, weights: Ints, orders: Ints) -> dict[str, NDArray[np.float64]]:
        """Scores where samples are taken several times or not at all: (B,) each, NaN undefined.

        Args:
            weights: (B, S) how often each sample is taken.
            orders: (S,) of the samples, rising.
        """

    def state(self) -> State:
        """All of it as arrays."""

    def load(self, state: State) -> None:
        """Take up what `state` gave; ValueError where that cannot be."""


F = TypeVar("F", bound=Family)


@dataclass(frozen=True, slots=True)
class Kind(Generic[F]):
    """A family that can be asked for.

    Args:
        metrics: the names of its scores; a family of none has tables of errors, which are made
            where no score is named.
        tasks: where it applies.
        make: taxonomy, convention and settings → a family that has counted nothing.
        feed: counts a sample and gives its own scores.
        rules: its scores that conventions differ in → the name of their rules.
        columns: what it says of each class; None is everything.
        asked: it takes its time, and is counted only where its scores are named.
        lacking: why samples are left out of its scores, where some are.
    """

    metrics: tuple[str, ...]
    tasks: tuple[str, ...]
    make: Callable[[Taxonomy, Convention, MetricSettings], F]
    feed: Callable[[F, Scene], dict[str, Score]]
    rules: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    asked: bool = False
    lacking: str = ""


_ALL = ("semantic", "instance", "panoptic")
_MAPS = ("semantic",)

FAMILIES: dict[str, Kind[Any]] = {
    "instances": Kind(
        *(
            (*INSTANCE_METRICS, OBJECT_CALIBRATION, *NAMES.values()),
            ("instance",),
            instances,
            feed_instances,
        ),
        rules=dict.fromkeys((*INSTANCE_METRICS, *NAMES.values()), "objects"),
    ),
    "boxes": Kind(
        *(BOX_METRICS, ("instance",), boxes, feed_instances),
        rules=dict.fromkeys(BOX_METRICS, "objects"),
        columns=BOX_METRICS,
    ),
    "boundaries": Kind(
        *(BOUNDARY_AP_METRICS, ("instance",), boundaries, feed_instances),
        rules=dict.fromkeys(BOUNDARY_AP_METRICS, "objects"),
        columns=BOUNDARY_AP_METRICS,
    ),
    "shapes": Kind(
        *(SHAPE_METRICS, ("instance",), shapes, feed_shapes),
        rules=dict.fromkeys(("object_accuracy_50", "aji", "aji_plus"), "shapes"),
        columns=SHAPE_METRICS,
    ),
    "clusters": Kind(
        *(CLUSTERS, ("instance",), clusters, feed_clusters),
        rules=dict.fromkeys(CLUSTERS, "clusters"),
        columns=CLUSTERS,
        lacking="objects of the others overlap",
    ),
    "video": Kind(
        *(VIDEO_METRICS, ("instance",), video, feed_video),
        rules=dict.fromkeys(VIDEO_METRICS, "video"),
        columns=(),
        lacking="the others are no frames of a sequence whose objects have tracks",
    ),
    "tracks": Kind(
        *(TRACK_METRICS, ("instance",), tracks, feed_tracks),
        rules=dict.fromkeys(TRACK_METRICS, "tracks"),
        columns=(*TRACK_METRICS, *COUNTS),
        lacking="the others are no frames of a sequence whose objects have tracks",
    ),
    "panoptic": Kind(PANOPTIC_METRICS, ("panoptic",), panoptic, feed_panoptic),
    "outlined": Kind(
        *(BOUNDARY_PANOPTIC_METRICS, ("panoptic",), outlined, feed_panoptic),
        columns=BOUNDARY_PANOPTIC_METRICS[:3],
        asked=True,
    ),
    "pixels": Kind(
        *(PIXEL_METRICS, _ALL, pixels, feed_pixels),
        rules=dict.fromkeys(MEANS, "pixels"),
    ),
    "boundary": Kind(
        *(BOUNDARY_METRICS, _MAPS, boundary, feed_boundary),
        rules=dict(zip(BOUNDARY_METRICS, ("bands", "contours"), strict=True)),
        columns=BOUNDARY_METRICS,
        lacking="the others are volumes",
    ),
    "surface": Kind(
        *(SURFACE_METRICS, _MAPS, surface, feed_surface),
        rules=dict.fromkeys(SURFACE_METRICS, "surface"),
        columns=(*SURFACE_METRICS, "missed", "spurious"),
    ),
    "thin": Kind(
        *(THIN, _MAPS, thin, feed_thin), rules={"cldice": "thin"}, columns=THIN, asked=True
    ),
    "sizes": Kind(SIZES, _MAPS, sizes, feed_sizes, columns=SIZES),
    "calibration": Kind(
        *(CALIBRATION_METRICS, _MAPS, calibration, feed_calibration),
        rules={"ece": "calibration"},
        lacking="the others have no confidence",
    ),
    "object_errors": Kind((), ("instance",), object_errors, feed_object_errors, columns=()),
    "map_errors": Kind((), _MAPS, map_errors, feed_map_errors, columns=()),
}
"""In the order of reports: scores of objects come before those of pixels."""

SEQUENCES = frozenset({"video", "tracks"})
"""Families of frames of sequences."""

TASKS = _ALL
RANKED_BY = {"semantic": "miou", "instance": "f1_50", "panoptic": "pq"}


def metrics_of(task: str, *, unasked: bool = False) -> tuple[str, ...]:
    """The names of all scores of a task, in the order of reports; or of those given unasked."""
    return tuple(
        name
        for kind in FAMILIES.values()
        if task in kind.tasks and not (unasked and kind.asked)
        for name in kind.metrics
    )


def families_of(task: str, metrics: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The families that some scores of a task are of; all of the task where none is named.

    Pixels, and what samples are ranked by, are always among them.
    """
    wanted = {*metrics, RANKED_BY[task], *PIXEL_METRICS}
    return tuple(
        name
        for name, kind in FAMILIES.items()
        if task in kind.tasks and (wanted.intersection(kind.metrics) if metrics else not kind.asked)
    )


def make_families(
    names: tuple[str, ...],
    taxonomy: Taxonomy,
    convention: Convention = MASKLOOM,
    settings: MetricSettings = DEFAULTS,
) -> dict[str, Family]:
    """Families that have counted nothing."""
    return {name: FAMILIES[name].make(taxonomy, convention, settings) for name in names}
