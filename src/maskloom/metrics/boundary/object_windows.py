"""The part of a frame that an object is measured in, so that many small objects cost little."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints
from maskloom.core.masks import Masks


def joint_window(sides: Sequence[Masks], size: tuple[int, int]) -> Ints:
    """The window [y0, x0, y1, x1] around all masks with a pixel more on each side.

    Every contour of a mask is decided by pixels of the mask and their neighbours, and two contours
    meet within the box of both: what is measured in the window is what would be in the frame. At
    the frame's edge the window ends with it, so that the edge counts as it does there.

    Args:
        sides: masks of the frame.
        size: (H, W) of the frame.

    Returns:
        of one pixel at least, where the frame has one.
    """
    boxes = np.concatenate([masks.boxes[masks.boxes[:, 2] > 0] for masks in sides]).astype(np.int64)
    if not len(boxes):
        return np.array([0, 0, min(1, size[0]), min(1, size[1])], np.int64)
    x0, y0 = np.maximum(boxes[:, :2].min(axis=0) - 1, 0)
    x1, y1 = np.minimum(boxes[:, 2:].max(axis=0) + 1, size[::-1])
    return np.array([y0, x0, y1, x1], np.int64)


def pixels_in(masks: Masks, window: Ints) -> NDArray[np.uint8]:
    """(h, w) of a window [y0, x0, y1, x1]: 1 where any mask is."""
    y0, x0, y1, x1 = window.tolist()
    out = np.zeros((y1 - y0, x1 - x0), np.uint8)
    masks.crop([x0, y0, x1, y1]).paint(out, np.ones(len(masks), np.uint8))
    return out
