"""Pictures of one large image: the whole, small, and its worst parts at full resolution.

Pixels are read by windows; of the labels there are a class map for each side and the objects.
"""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.core.sample import Sample
from maskloom.errors import MaskloomError
from maskloom.report.display import fit
from maskloom.report.drawing import marked
from maskloom.report.gallery import Panel, instance_panel, matched_panel, semantic_panel
from maskloom.report.pairing import States, match_objects
from maskloom.report.panoptic import panoptic_panel
from maskloom.report.windows import Box, shrunk_in_bands, worst_windows
from maskloom.store.rasters import Raster, open_raster

LARGE = 1500
"""Pixels of the longer side from which a picture of the whole tells too little."""
_DRAWN = 500
"""Objects of both sides that can still be told apart as outlines in a picture of the whole."""


@dataclass(frozen=True, slots=True, eq=False)
class LargeSides:
    """Both sides of a large sample.

    Args:
        maps: (H, W) class maps of truth and prediction.
        rows: their objects, or None where classes of pixels are judged.
        panoptic: rows are segments: classes are drawn, and errors as outlines of segments.
    """

    maps: tuple[NDArray[Any], NDArray[Any]]
    rows: tuple[Rows, Rows] | None
    panoptic: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.maps[0].shape[0], self.maps[0].shape[1]


def is_large(size: tuple[int, ...]) -> bool:
    """Whether a picture of the whole would be too small to see what differs."""
    return len(size) == 2 and max(size) > LARGE


def large_panels(
    sample: Sample, caption: str, sides: LargeSides, windows: int, shared: dict[str, Any]
) -> list[Panel]:
    """The whole with numbered frames, then what is in them.

    Args:
        sample: whose pixels are read by windows, if they are at hand.
        caption: one line below the whole.
        sides: what is compared.
        windows: at most so many parts.
        shared: taxonomy, score and group of the panels.
    """
    boxes = worst_windows(*sides.maps, windows)
    raster = _raster(sample, sides.size)
    with nullcontext() if raster is None else closing(raster):
        image = None if raster is None else _thumbnail(raster)
        panels = [_whole(sample.key, caption, sides, image, boxes, shared)]
        for number, box in enumerate(boxes, 1):
            x0, y0, x1, y1 = box
            part = None if raster is None else raster.read(y0, y1, x0, x1)
            where = f"part {number} at full resolution: x {x0:,}–{x1:,}, y {y0:,}–{y1:,} px"
            cut = _cut(sides, box)
            panel = _drawn(sample.key, where, cut[0], part, {**shared, "score": None}, cut[1])
            panels.append(replace(panel, full=True))
    return panels


def _whole(
    key: str,
    caption: str,
    sides: LargeSides,
    image: NDArray[Any] | None,
    boxes: list[Box],
    shared: dict[str, Any],
) -> Panel:
    height, width = sides.size
    scale = fit(sides.size)[1] / width
    said = f"{width:,} × {height:,} px, shown at {100 * scale:.0f} %"
    if sides.rows is not None and sum(map(len, sides.rows)) > _DRAWN:
        sides = replace(sides, rows=None)
    panel = _drawn(key, f"{caption}; {said}" if caption else said, sides, image, shared)
    pictures = ((label, marked(picture, boxes, scale)) for label, picture in panel.pictures)
    return replace(panel, pictures=tuple(pictures))


def _drawn(
    key: str,
    caption: str,
    sides: LargeSides,
    image: NDArray[Any] | None,
    shared: dict[str, Any],
    states: States | None = None,
) -> Panel:
    objects = None
    if sides.rows is not None and (image is not None or any(map(len, sides.rows))):
        truth, predicted = sides.rows
        if states is None:
            objects = instance_panel(
                key, caption, image=image, truth=truth, predicted=predicted, **shared
            )
        else:
            objects = matched_panel(
                key, caption, image=image, sides=sides.rows, states=states, **shared
            )
    if objects is not None and not sides.panoptic:
        return objects
    truth_map, predicted_map = sides.maps
    classes = semantic_panel(
        key, caption, image=image, truth=truth_map, predicted=predicted_map, **shared
    )
    if objects is None or sides.rows is None:
        return classes
    return panoptic_panel(classes, objects, sides.rows)


def _cut(sides: LargeSides, box: Box) -> tuple[LargeSides, States | None]:
    """The part in a box; objects that its edge cuts were matched as wholes."""
    x0, y0, x1, y1 = box
    truth, predicted = (one[y0:y1, x0:x1] for one in sides.maps)
    if sides.rows is None:
        return replace(sides, maps=(truth, predicted)), None
    near = [_near(rows, box) for rows in sides.rows]
    states = match_objects(near[0], near[1])
    cut, kept = [], []
    for rows, state in zip(near, states, strict=True):
        masks = rows.masks.crop(np.array(box))
        seen = masks.areas > 0
        cut.append(Rows.make(masks[seen], rows.category[seen], crowd=rows.crowd[seen]))
        kept.append(state[seen])
    return replace(sides, maps=(truth, predicted), rows=(cut[0], cut[1])), (kept[0], kept[1])


def _near(rows: Rows, box: Box) -> Rows:
    """The masks whose boxes meet a box."""
    rows = rows.take(rows.kind == RowKind.MASK)
    x0, y0, x1, y1 = rows.masks.boxes.T
    return rows.take((x0 < box[2]) & (x1 > box[0]) & (y0 < box[3]) & (y1 > box[1]))


def _raster(sample: Sample, size: tuple[int, int]) -> Raster | None:
    """The image, open; None where it is absent, damaged or of another size than the labels."""
    if sample.image.path is None or not sample.image.path.exists():
        return None
    try:
        raster = open_raster(sample.image.path)
    except MaskloomError:
        return None
    if raster.size == size:
        return raster
    raster.close()
    return None


def _thumbnail(raster: Raster) -> NDArray[Any]:
    """The whole at the size of a picture, with its first one or three channels."""
    height, width = raster.size
    shown = 3 if raster.channels >= 3 else 1

    def band(y0: int, y1: int) -> NDArray[Any]:
        return np.ascontiguousarray(raster.read(y0, y1, 0, width)[..., :shown])

    return shrunk_in_bands(band, (height, width), fit((height, width)))
