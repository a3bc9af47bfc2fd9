"""Class maps, outlines and errors painted as RGB; the colours that reports use for errors.

Which pixels and objects are shown together is `gallery.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Rows, codes
from maskloom.core.taxonomy import Taxonomy
from maskloom.report.display import RGB

Color = tuple[int, int, int]

# Okabe and Ito's colours: they stay apart for colour-blind readers.
MISSED: Color = (86, 180, 233)
EXTRA: Color = (230, 159, 0)
WRONG: Color = (224, 110, 170)
MATCHED: Color = (30, 190, 140)
VOID_COLOR: Color = (200, 200, 200)
"""The light stripes of void: classes may be grey, but none is striped."""
_VOID_DARK: Color = (90, 90, 90)
_STRIPE = 3
FILL = 0.3
"""Opacity of the tint inside outlines."""
BACKGROUND_COLOR: Color = (24, 26, 30)
ERRORS: tuple[tuple[str, Color], ...] = (
    ("missed", MISSED),
    ("extra", EXTRA),
    ("wrong class", WRONG),
    ("matched", MATCHED),
)


def error_map(truth: NDArray[Any], predicted: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W): 0 right, 1 missed, 2 extra, 3 wrong class, 4 not counted (truth is void)."""
    void, background = codes(truth.dtype)
    predicted_void, predicted_background = codes(predicted.dtype)
    nothing = (predicted == predicted_background) | (predicted == predicted_void)
    out = np.where(truth.astype(np.int32) != predicted.astype(np.int32), 3, 0).astype(np.uint8)
    out[(truth == background) & ~nothing] = 2
    out[(truth == background) & nothing] = 0
    out[(truth == background) & (predicted == predicted_void)] = 3
    out[(truth != background) & nothing] = 1
    out[truth == void] = 4
    return out


def paint_map(codes_map: NDArray[Any], taxonomy: Taxonomy) -> RGB:
    """A class map in the taxonomy's colours, void hatched: (H, W, 3)."""
    void, background = codes(codes_map.dtype)
    table = np.zeros((np.iinfo(codes_map.dtype).max + 1, 3), np.uint8)
    table[: len(taxonomy)] = np.array(taxonomy.colors(), np.uint8).reshape(-1, 3)
    table[background] = BACKGROUND_COLOR
    painted: RGB = table[codes_map]
    uncounted = codes_map == void
    if uncounted.any():
        painted[uncounted] = hatching((codes_map.shape[0], codes_map.shape[1]))[uncounted]
    return painted


def hatching(size: tuple[int, int]) -> RGB:
    """(H, W, 3) of diagonal stripes, light and dark grey: the look of void."""
    rows, columns = np.arange(size[0])[:, None], np.arange(size[1])[None]
    light = (rows + columns) // _STRIPE % 2 == 0
    striped: RGB = np.where(light[..., None], VOID_COLOR, _VOID_DARK).astype(np.uint8)
    return striped


def dimmed(base: RGB | None, size: tuple[int, int]) -> RGB:
    """An RGB picture in dark grey, so that errors stand out on it; None is a dark plane."""
    if base is None:
        return np.full((*size, 3), 40, np.uint8)
    grey = base.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return np.repeat((20 + 0.5 * grey)[..., None], 3, axis=2).astype(np.uint8)


def outlined(
    picture: RGB,
    rows: Rows,
    colors: list[Color],
    scale: float,
    *,
    fill: float = FILL,
    thin: bool = False,
) -> RGB:
    """A copy with each row's outline in its colour, tinted inside.

    Args:
        picture: (h, w, 3), the frame of the rows times `scale`.
        rows: what to draw, in order.
        colors: one RGB per row.
        scale: picture pixels per frame pixel.
        fill: opacity of the tint, in [0, 1].
        thin: draw lines of one pixel in large pictures, too.
    """
    import cv2

    out = picture.copy()
    line = 2 if min(picture.shape[:2]) >= 200 and not thin else 1
    height, width = out.shape[:2]
    for i, color in enumerate(colors):
        # OpenCV's frame has pixel centres at whole numbers; 4 bits of the integer are fraction.
        rings = [
            np.rint((ring * scale - 0.5) * 16).astype(np.int32) for ring in rows.masks.rings(i)
        ]
        if not rings:
            continue
        # Only the surroundings of the row are copied: there may be thousands of rows.
        every = np.concatenate(rings) // 16
        x0, y0 = np.maximum(every.min(axis=0) - 4, 0)
        x1, y1 = np.minimum(every.max(axis=0) + 6, (width, height))
        part = np.ascontiguousarray(out[y0:y1, x0:x1])
        if not part.size:
            continue
        rings = [ring - np.array([x0, y0], np.int32) * 16 for ring in rings]
        tint = part.copy()
        cv2.fillPoly(tint, rings, color, lineType=cv2.LINE_AA, shift=4)
        part = np.asarray(cv2.addWeighted(tint, fill, part, 1 - fill, 0), np.uint8)
        cv2.polylines(
            part, rings, isClosed=True, color=color, thickness=line, lineType=cv2.LINE_AA, shift=4
        )
        out[y0:y1, x0:x1] = part
    return out


def marked(picture: RGB, boxes: Sequence[tuple[int, int, int, int]], scale: float) -> RGB:
    """A copy with numbered frames, light beside dark.

    Args:
        picture: (h, w, 3), the frame of the boxes times `scale`.
        boxes: (x0, y0, x1, y1) px.
        scale: picture pixels per frame pixel.
    """
    import cv2

    out = picture.copy()
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.9
    for number, box in enumerate(boxes, 1):
        x0, y0, x1, y1 = (round(edge * scale) for edge in box)
        at = (min(x1 + 4, out.shape[1] - 20), max(y0 + 20, 22))
        for color, inset, line in (((20, 20, 20), 1, 5), ((245, 245, 245), 0, 2)):
            corner = (x0 - inset, y0 - inset), (x1 - 1 + inset, y1 - 1 + inset)
            cv2.rectangle(out, *corner, color, thickness=1)
            cv2.putText(out, str(number), at, font, size, color, line, cv2.LINE_AA)
    return out
