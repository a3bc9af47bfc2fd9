"""Families of metrics: which scores each has, for which tasks, and what it needs of a sample.

The one table from which tallies, reports and the registry know what can be scored. A family
itself knows nothing of data sets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from maskloom.core.report import Score
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.calibration import CALIBRATION_METRICS, Calibration
from maskloom.metrics.conventions import MASKLOOM, Convention
from maskloom.metrics.instances import INSTANCE_METRICS, InstanceMetrics
from maskloom.metrics.panoptic import PANOPTIC_METRICS, PanopticMetrics
from maskloom.metrics.pixels import PIXEL_METRICS, PixelMetrics
from maskloom.metrics.scene import Scene
from maskloom.metrics.scores import Scores

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
        metrics: the names of its scores.
        tasks: where it applies.
        make: taxonomy and convention → a family that has counted nothing.
        feed: counts a sample and gives its own scores.
        rules: the rules of a convention that it follows.
    """

    metrics: tuple[str, ...]
    tasks: tuple[str, ...]
    make: Callable[[Taxonomy, Convention], F]
    feed: Callable[[F, Scene], dict[str, Score]]
    rules: tuple[str, ...] = ()


def _instances(taxonomy: Taxonomy, convention: Convention) -> InstanceMetrics:
    return InstanceMetrics(taxonomy, convention.rules("objects"))


def _panoptic(taxonomy: Taxonomy, _convention: Convention) -> PanopticMetrics:
    return PanopticMetrics(taxonomy)


def _pixels(taxonomy: Taxonomy, _convention: Convention) -> PixelMetrics:
    return PixelMetrics(taxonomy)


def _calibration(_taxonomy: Taxonomy, convention: Convention) -> Calibration:
    return Calibration(convention.rules("calibration"))


def _feed_instances(family: InstanceMetrics, scene: Scene) -> dict[str, Score]:
    return family.update(*scene.rows, order=scene.order, **scene.limits)


def _feed_panoptic(family: PanopticMetrics, scene: Scene) -> dict[str, Score]:
    return family.update(*scene.segments, where=scene.key, order=scene.order, **scene.limits)


def _feed_pixels(family: PixelMetrics, scene: Scene) -> dict[str, Score]:
    return family.update(*scene.maps, order=scene.order)


def _feed_calibration(family: Calibration, scene: Scene) -> dict[str, Score]:
    if scene.confidence is None:
        return {}
    return family.update(*scene.maps, scene.confidence, order=scene.order)


_ALL = ("semantic", "instance", "panoptic")

FAMILIES: dict[str, Kind[Any]] = {
    "instances": Kind(INSTANCE_METRICS, ("instance",), _instances, _feed_instances, ("objects",)),
    "panoptic": Kind(PANOPTIC_METRICS, ("panoptic",), _panoptic, _feed_panoptic),
    "pixels": Kind(PIXEL_METRICS, _ALL, _pixels, _feed_pixels),
    "calibration": Kind(
        CALIBRATION_METRICS, ("semantic",), _calibration, _feed_calibration, ("calibration",)
    ),
}
"""In the order of reports: scores of objects come before those of pixels."""

TASKS = _ALL
RANKED_BY = {"semantic": "miou", "instance": "f1_50", "panoptic": "pq"}


def metrics_of(task: str) -> tuple[str, ...]:
    """The names of all scores of a task, in the order of reports."""
    return tuple(name for kind in FAMILIES.values() if task in kind.tasks for name in kind.metrics)


def families_of(task: str, metrics: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The families that some scores of a task are of; all of the task where none is named.

    Pixels, and what samples are ranked by, are always among them.
    """
    wanted = {*metrics, RANKED_BY[task], *PIXEL_METRICS} if metrics else set(metrics_of(task))
    return tuple(
        name
        for name, kind in FAMILIES.items()
        if task in kind.tasks and wanted.intersection(kind.metrics)
    )


def make_families(
    names: tuple[str, ...], taxonomy: Taxonomy, convention: Convention = MASKLOOM
) -> dict[str, Family]:
    """Families that have counted nothing."""
    return {name: FAMILIES[name].make(taxonomy, convention) for name in names}
