"""Close-ups of one region in dispute: the image, what the truth says there, what is predicted.

Pictures are for looking: small crops are magnified, large ones shrunk, dark ones brightened.
Which regions are shown is decided elsewhere; rows of whole images are `gallery.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows, codes
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.report.display import RGB, shrink, shrink_map, to_rgb
from maskloom.report.drawing import EXTRA, MISSED, Color, outlined, paint_map

SIDE = 288
"""Pixels of the longer side of a picture, at most."""
MARGIN = 0.4
LEAST = 48
TRUTH_COLOR, PREDICTED_COLOR = MISSED, EXTRA
FAINT: Color = (150, 155, 160)
FRAME: Color = (245, 245, 245)
_DARK = 40
_PAINT = 0.6
_GAIN, _WORTHWHILE = 8.0, 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Closeup:
    """The part of an image that is shown.

    Args:
        window: (x0, y0, x1, y1) px, inside the image.
        ground: the image there as RGB, or a dark plane where the image is absent.
        scale: picture pixels per pixel.
    """

    window: tuple[int, int, int, int]
    ground: RGB
    scale: float

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the pictures."""
        return self.ground.shape[0], self.ground.shape[1]


def closeup(
    box: tuple[int, int, int, int], size_hw: tuple[int, int], image: NDArray[Any] | None
) -> Closeup:
    """The surroundings of a box: a square where the image is large enough, inside the image.

    Args:
        box: (x0, y0, x1, y1) px.
        size_hw: of the image.
        image: (H, W[, C]) of any number type, or None.
    """
    x0, y0, x1, y1 = window(box, size_hw)
    height, width = y1 - y0, x1 - x0
    longer = max(height, width)
    # Whole factors up, so that every pixel of a magnified crop is equally large.
    scale = float(SIDE // longer) if longer <= SIDE else SIDE / longer
    size = max(1, round(height * scale)), max(1, round(width * scale))
    if image is None:
        return Closeup((x0, y0, x1, y1), np.full((*size, 3), _DARK, np.uint8), scale)
    picture = _brightened(to_rgb(image)[y0:y1, x0:x1])
    return Closeup((x0, y0, x1, y1), _resized(picture, size), scale)


def window(box: tuple[int, int, int, int], size_hw: tuple[int, int]) -> tuple[int, int, int, int]:
    """The square round a box with a margin, moved and cut to lie inside the image.

    >>> window((10, 10, 20, 20), (100, 100))
    (0, 0, 48, 48)
    """
    longer = max(box[2] - box[0], box[3] - box[1])
    side = max(LEAST, round(longer * (1 + 2 * MARGIN)))
    edges = []
    for low, high, full in ((box[0], box[2], size_hw[1]), (box[1], box[3], size_hw[0])):
        length = min(side, full)
        start = min(max(0, (low + high - length) // 2), full - length)
        edges.append((start, start + length))
    return edges[0][0], edges[1][0], edges[0][1], edges[1][1]


def object_pictures(
    view: Closeup, truth: Rows, predicted: Rows, box: tuple[int, int, int, int]
) -> list[tuple[str, RGB]]:
    """Outlines of both sides; those that meet the box of the region in colour, the rest faint.

    Args:
        view: of `closeup`.
        truth: objects of the whole image; rows that are not masks are left out.
        predicted: likewise.
        box: of the region.
    """
    pictures = []
    sides = (("Truth", truth, TRUTH_COLOR), ("Prediction", predicted, PREDICTED_COLOR))
    for label, rows, color in sides:
        near = _cropped(rows, view.window)
        concerned = _meet(near.masks, box, view.window)
        picture = outlined(
            view.ground, near.take(~concerned), [FAINT] * int((~concerned).sum()), view.scale,
            fill=0.0,
        )  # fmt: skip
        picture = outlined(
            picture, near.take(concerned), [color] * int(concerned.sum()), view.scale, fill=0.2
        )
        pictures.append((label, picture))
    return pictures


def map_pictures(
    view: Closeup, truth: NDArray[Any], predicted: NDArray[Any], taxonomy: Taxonomy
) -> list[tuple[str, RGB]]:
    """Both class maps in the taxonomy's colours over the image; background is left as it is.

    Args:
        view: of `closeup`.
        truth: (H, W) class map of the whole image.
        predicted: likewise.
        taxonomy: of both.
    """
    x0, y0, x1, y1 = view.window
    pictures = []
    for label, codes_map in (("Truth", truth), ("Prediction", predicted)):
        crop = codes_map[y0:y1, x0:x1]
        small = shrink_map(crop, _reduced(view))
        painted = _resized(paint_map(small, taxonomy), view.size)
        classed = np.repeat((small != codes(small.dtype)[1])[..., None], 3, axis=2)
        share = _resized(classed.astype(np.uint8) * np.uint8(255), view.size) / 255 * _PAINT
        mixed = view.ground * (1 - share) + painted * share
        pictures.append((label, np.rint(mixed).astype(np.uint8)))
    return pictures


def framed(view: Closeup, box: tuple[int, int, int, int]) -> RGB:
    """The image with the box of the region drawn as a frame, light beside dark."""
    import cv2

    left, top = view.window[:2]
    x0, x1 = (int((edge - left) * view.scale) for edge in (box[0], box[2]))
    y0, y1 = (int((edge - top) * view.scale) for edge in (box[1], box[3]))
    height, width = view.size
    x0, y0, x1, y1 = max(x0, 1), max(y0, 1), min(x1, width - 1), min(y1, height - 1)
    out = view.ground.copy()
    for inset, color in ((-1, (20, 20, 20)), (0, FRAME), (1, FRAME)):
        corner, opposite = (x0 + inset, y0 + inset), (x1 - 1 - inset, y1 - 1 - inset)
        cv2.rectangle(out, corner, opposite, color, thickness=1)
    return out


def _brightened(picture: RGB) -> RGB:
    """A dark or flat crop stretched, so that what was labelled there can be seen at all."""
    low, high = np.percentile(picture, (0.5, 99.5))
    gain = min(255 / max(high - low, 1), _GAIN)
    if gain < _WORTHWHILE:
        return picture
    return np.asarray(np.clip(np.rint((picture - low) * gain), 0, 255), np.uint8)


def _reduced(view: Closeup) -> tuple[int, int]:
    """Size at which codes are sampled: the crop's own where it is magnified."""
    x0, y0, x1, y1 = view.window
    return view.size if view.scale < 1 else (y1 - y0, x1 - x0)


def _resized(picture: RGB, size_hw: tuple[int, int]) -> RGB:
    """Averaged down, or every pixel repeated a whole number of times."""
    factor = size_hw[0] // picture.shape[0]
    if factor < 1 or size_hw == picture.shape[:2]:
        return shrink(picture, size_hw)
    return np.repeat(np.repeat(picture, factor, axis=0), factor, axis=1)


def _cropped(rows: Rows, view: tuple[int, int, int, int]) -> Rows:
    """The masks with pixels inside the window, in its frame."""
    rows = rows.take(rows.kind == RowKind.MASK)
    x0, y0, x1, y1 = rows.masks.boxes.T
    rows = rows.take((x0 < view[2]) & (x1 > view[0]) & (y0 < view[3]) & (y1 > view[1]))
    masks = rows.masks.crop(np.array(view))
    seen = masks.areas > 0
    return Rows.make(masks[seen], rows.category[seen])


def _meet(
    masks: Masks, box: tuple[int, int, int, int], view: tuple[int, int, int, int]
) -> NDArray[np.bool_]:
    """(N,) masks of which half and more lies in the box of the region."""
    moved = np.array(box) - np.array([view[0], view[1], view[0], view[1]])
    inside = masks.crop(moved).areas
    half: NDArray[np.bool_] = 2 * inside >= masks.areas
    return half
