"""Boxes of an image as lines of YOLO; what lies beyond the image is cut off or left out, and told.

Ultralytics leaves out an image with a line that has a number outside of 0 to 1. A box that
reaches over the edge has none as long as its centre lies inside, and is written as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.core.places import box_of
from maskloom.formats.loss import MOST_NAMED, Loss
from maskloom.formats.shared.boxes import told_boxes
from maskloom.formats.yolo.text import BEYOND, YoloRow, class_and_box, fractions

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class BoxLines:
    """What the boxes of an image become.

    Args:
        rows: of the lines.
        losses: boxes that are cut off or left out.
        equal: lines that equal others in class and box.
    """

    rows: tuple[YoloRow, ...]
    losses: tuple[Loss, ...]
    equal: int


def boxes_only(rows: Rows) -> bool:
    """Whether an image has boxes and no masks: beside polygons readers take them for such."""
    return not (rows.kind == int(RowKind.MASK)).any() and bool(told_boxes(rows).any())


def box_lines(key: str, rows: Rows, numbers: Mapping[int, int], size: tuple[int, int]) -> BoxLines:
    """The lines of boxes.

    Args:
        key: of the sample.
        rows: boxes, and drawings that become no line; none of a void class.
        numbers: position in the taxonomy → class number.
        size: (H, W) of the image.
    """
    listed, changed = [], []
    told: dict[str, None] = {}
    for i, category in enumerate(rows.category.tolist()):
        box = box_of(rows, i)
        if box is None:
            continue
        own = box if _fit(_values(box, size)) else _clipped(box, size)
        if own != box:
            changed.append(int(rows.instance[i]))
            done = "left out" if own is None else "cut off at its edge"
            sides = ", ".join(f"{side:g}" for side in box)
            told[f"box {sides} in an image of {size[1]} × {size[0]} px: {done}"] = None
        if own is not None:
            listed.append(YoloRow(numbers[category], _values(own, size)))
    equal = len(listed) - len({class_and_box(row) for row in listed})
    named = tuple(changed[:MOST_NAMED])
    loss = Loss(key, "drawings", len(changed), names=tuple(told)[:MOST_NAMED], instances=named)
    return BoxLines(tuple(listed), (loss,) * bool(changed), equal)


def _values(box: Box, size: tuple[int, int]) -> NDArray[np.float64]:
    """Centre and size as fractions."""
    low, high = np.array(box[:2]), np.array(box[2:])
    return fractions(np.stack([(low + high) / 2, high - low]), size)


def _fit(values: NDArray[np.float64]) -> bool:
    """Whether readers take the numbers of a line."""
    inside = (values >= -BEYOND) & (values <= 1 + BEYOND)
    return bool(inside.all() and (values[2:] >= 0).all())


def _clipped(box: Box, size: tuple[int, int]) -> Box | None:
    """What of a box lies in the image."""
    height, width = size
    x0, x1 = (min(max(side, 0.0), float(width)) for side in (box[0], box[2]))
    y0, y1 = (min(max(side, 0.0), float(height)) for side in (box[1], box[3]))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None
