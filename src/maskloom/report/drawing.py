"""Class maps, outlines and errors painted as RGB; the colours that reports use for errors.

Which pixels and objects are shown together is `gallery.py`.
"""

from __future__ import annotations

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
VOID_COLOR: Color = (128, 128, 128)
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
    """A class map in the taxonomy's colours: (H, W, 3)."""
    void, background = codes(codes_map.dtype)
    table = np.zeros((np.iinfo(codes_map.dtype).max + 1, 3), np.uint8)
    table[: len(taxonomy)] = np.array(taxonomy.colors(), np.uint8).reshape(-1, 3)
    table[void], table[background] = VOID_COLOR, BACKGROUND_COLOR
    painted: RGB = table[codes_map]
    return painted


def dimmed(base: RGB | None, size: tuple[int, int]) -> RGB:
    """An RGB picture in dark grey, so that errors stand out on it; None is a dark plane."""
    if base is None:
        return np.full((*size, 3), 40, np.uint8)
    grey = base.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return np.repeat((20 + 0.5 * grey)[..., None], 3, axis=2).astype(np.uint8)


def outlined(
    picture: RGB, rows: Rows, colors: list[Color], scale: float, *, fill: float = 0.3
) -> RGB:
    """A copy with each row's outline in its colour, tinted inside.

    Args:
        picture: (h, w, 3), the frame of the rows times `scale`.
        rows: what to draw, in order.
        colors: one RGB per row.
        scale: picture pixels per frame pixel.
        fill: opacity of the tint, in [0, 1].
    """
    import cv2

    out = picture.copy()
    line = 2 if min(picture.shape[:2]) >= 200 else 1
    for i, color in enumerate(colors):
        # OpenCV's frame has pixel centres at whole numbers; 4 bits of the integer are fraction.
        rings = [
            np.rint((ring * scale - 0.5) * 16).astype(np.int32) for ring in rows.masks.rings(i)
        ]
        if not rings:
            continue
        tint = out.copy()
        cv2.fillPoly(tint, rings, color, lineType=cv2.LINE_AA, shift=4)
        out = np.asarray(cv2.addWeighted(tint, fill, out, 1 - fill, 0), np.uint8)
        cv2.polylines(
            out, rings, isClosed=True, color=color, thickness=line, lineType=cv2.LINE_AA, shift=4
        )
    return out
