"""The pictures of a review: close-ups of its regions, as panels for `report/html.py`.

Pictures only; each sample is read once more, whatever the number of its regions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from maskloom.core.labels import Labels
from maskloom.core.region import Region
from maskloom.metrics.judging.align import Comparison, Pair
from maskloom.metrics.judging.pictures import image_of
from maskloom.metrics.judging.scene import surest_on_top
from maskloom.report.crops import (
    FAINT,
    FRAME,
    PREDICTED_COLOR,
    TRUTH_COLOR,
    Closeup,
    closeup,
    framed,
    map_pictures,
    object_pictures,
)
from maskloom.report.display import RGB
from maskloom.report.drawing import Color
from maskloom.report.gallery import UNPAINTED, Panel, map_legend
from maskloom.work.progress import track

GROUP = "Worst regions"
OUTLINES = (
    ("truth", TRUTH_COLOR),
    ("prediction", PREDICTED_COLOR),
    ("other objects of either side", FAINT),
)
FRAMED = ("frame: the region", FRAME)


def region_panels(
    pair_up: Comparison, regions: Sequence[Region], task: str, links: Mapping[int, str]
) -> tuple[list[Panel], int]:
    """One panel per region, in their order, and how many are without their image.

    Args:
        pair_up: in which the regions were found.
        regions: worst first.
        task: of the review that found them.
        links: place in `regions` → address of the page that shows it.
    """
    pairs = {pair.truth.key: pair for pair in pair_up.pairs}
    of: dict[str, list[int]] = {}
    for i, region in enumerate(regions):
        of.setdefault(region.sample, []).append(i)
    panels: dict[int, Panel] = {}
    absent = 0
    for key, places in track(of.items(), "drawing", unit="images"):
        scene = _Scene.read(pair_up, pairs[key], task)
        absent += len(places) if scene.image is None else 0
        for i in places:
            panels[i] = _panel(scene, regions[i], i, links.get(i, ""))
    return [panels[i] for i in range(len(regions))], absent


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """One sample, read for drawing."""

    pair_up: Comparison
    labels: tuple[Labels, Labels]
    image: NDArray[Any] | None
    maps: tuple[NDArray[Any], NDArray[Any]] | None

    @classmethod
    def read(cls, pair_up: Comparison, pair: Pair, task: str) -> _Scene:
        """Labels and image of a pair, and class maps where these were compared."""
        truth, predicted = pair_up.labels(pair)
        key, maps = pair.truth.key, None
        if task == "semantic":
            maps = (
                pair_up.ours.class_map(truth, key),
                pair_up.theirs.class_map(surest_on_top(predicted), key),
            )
        return cls(pair_up, (truth, predicted), image_of(pair.truth, truth.size), maps)

    def legend(self, view: Closeup) -> tuple[tuple[str, Color], ...]:
        """What the colours of a close-up mean."""
        framed_too = () if self.image is None else (FRAMED,)
        if self.maps is None:
            return (*OUTLINES, *framed_too)
        x0, y0, x1, y1 = view.window
        seen = tuple(codes_map[y0:y1, x0:x1] for codes_map in self.maps)
        painted = (e for e in map_legend(seen, self.pair_up.taxonomy) if e != UNPAINTED)
        return (*painted, *framed_too)


def _panel(scene: _Scene, region: Region, place: int, link: str) -> Panel:
    height, width = scene.labels[0].size
    view = closeup(region.box, (height, width), scene.image)
    pictures: list[tuple[str, RGB]] = []
    if scene.image is not None:
        pictures.append(("Image", framed(view, region.box)))
    pictures += _sides(scene, region, view)
    kind = region.kind.replace("-", " ")
    return Panel(
        region.sample,
        f"{place + 1}. {kind}: {region.reason}",
        region.severity,
        tuple(pictures),
        scene.legend(view),
        group=GROUP,
        link=link,
        close=True,
    )


def _sides(scene: _Scene, region: Region, view: Closeup) -> list[tuple[str, RGB]]:
    if scene.maps is not None:
        return map_pictures(view, *scene.maps, scene.pair_up.taxonomy)
    truth, predicted = (
        translation.rows(labels, region.sample)
        for translation, labels in zip(
            (scene.pair_up.ours, scene.pair_up.theirs), scene.labels, strict=True
        )
    )
    return object_pictures(view, truth, predicted, region.box)
