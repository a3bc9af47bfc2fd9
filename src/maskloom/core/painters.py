"""Polygons filled by other programs' own rasterisers, so that their readers see what we see.

pycocotools and GDAL fill by a rule that `fill` follows to the bit. OpenCV, Pillow and
scikit-image are asked themselves: how they treat outlines is theirs to say, and changes with
their versions. Vertices are the numbers that the program is given, verbatim.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Points
from maskloom.errors import MaskError

Canvas = NDArray[np.uint8]
Painter = Callable[[Sequence[Points], NDArray[np.int64], Canvas], None]
_WHOLE = 1 << 24
MAX_CANVAS = 1 << 30
"""Pixels that one object may span: a byte each while it is painted."""


def _opencv(how: Callable[[Points], Points]) -> Painter:
    """All rings in one call: even-odd, and every outline painted. `how` makes numbers whole."""

    def paint(rings: Sequence[Points], corner: NDArray[np.int64], canvas: Canvas) -> None:
        import cv2

        cv2.fillPoly(canvas, [(how(ring) - corner).astype(np.int32) for ring in rings], 1)

    return paint


def _pillow(outline: int | None) -> Painter:
    """Each ring on its own, one over the other; LabelMe paints the outline, Cityscapes does not."""

    def paint(rings: Sequence[Points], corner: NDArray[np.int64], canvas: Canvas) -> None:
        from PIL import Image, ImageDraw

        image = Image.fromarray(canvas)
        for ring in rings:
            points = [(x, y) for x, y in (ring - corner).tolist()]
            ImageDraw.Draw(image).polygon(points, 1, outline)
        canvas[:] = np.asarray(image)

    return paint


def _skimage(rings: Sequence[Points], corner: NDArray[np.int64], canvas: Canvas) -> None:
    """Each ring on its own; a pixel's number is its centre, and points on an edge are inside."""
    from skimage.draw import polygon

    for ring in rings:
        if _runs_between_pixels(ring):
            canvas |= _parity(ring - corner, canvas.shape)
            continue
        x, y = (ring - corner).T
        rows, columns = polygon(y, x, canvas.shape)  # type: ignore[no-untyped-call]
        canvas[rows, columns] = 1


def _runs_between_pixels(ring: Points) -> bool:
    """Whether no pixel's centre can lie on the ring: sides along the axes, at halves."""
    steps: Points = ring - np.roll(ring, 1, axis=0)
    return bool((ring % 1 == 0.5).all() and (steps == 0).any(axis=1).all())


def _parity(ring: Points, shape: tuple[int, ...]) -> Canvas:
    """Such a ring filled in one pass: scikit-image takes each pixel with each vertex.

    Its answer for points that lie on no edge is parity, so that both are the same.
    """
    turns = np.zeros((shape[0] + 1, shape[1] + 1), np.uint8)
    before = np.roll(ring, 1, axis=0)
    upright = ring[:, 0] == before[:, 0]
    column = np.clip(ring[upright, 0] + 0.5, 0, shape[1]).astype(np.int64)
    for ends in (ring, before):
        row = np.clip(ends[upright, 1] + 0.5, 0, shape[0]).astype(np.int64)
        np.bitwise_xor.at(turns, (row, column), 1)
    np.bitwise_xor.accumulate(turns, axis=0, out=turns)
    np.bitwise_xor.accumulate(turns, axis=1, out=turns)
    return turns[:-1, :-1]


PAINTERS: dict[str, Painter] = {
    "opencv": _opencv(np.trunc),
    "opencv-round": _opencv(np.rint),
    "pil": _pillow(None),
    "pil-outline": _pillow(1),
    "skimage": _skimage,
}
"""Rule → what paints rings into a canvas of zeros, whose corner (x, y) lies in the frame."""


def paint(rings: Sequence[Points], size: NDArray[np.int64], rule: str) -> tuple[int, int, Canvas]:
    """The pixels of one object, on a canvas no larger than what its vertices span of the frame.

    Args:
        rings: (n, 2) arrays of (x, y), finite and within `fill.MAX_COORDINATE`.
        size: the frame (H, W), at whose borders the program stops painting.
        rule: one of `PAINTERS`.

    Returns:
        x and y of the canvas in the frame, and the canvas: 0 and 1, possibly without a pixel.
    """
    points = np.concatenate([np.zeros((0, 2)), *rings])
    if not len(points):
        return 0, 0, np.zeros((0, 0), np.uint8)
    # A margin: outlines, and roundings to the next pixel.
    low, canvas = window(np.floor(points.min(axis=0)) - 1, np.ceil(points.max(axis=0)) + 2, size)
    high = low + canvas.shape[::-1]
    if rule.startswith("pil") and int(high.prod()) <= _WHOLE:
        # Pillow's single precision rounds otherwise near the frame's corner than far from it.
        low, canvas = window(np.zeros(2), high, size)
    if canvas.size:
        PAINTERS[rule](rings, low, canvas)
    return int(low[0]), int(low[1]), canvas


def window(
    low: NDArray[Any], high: NDArray[Any], size: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Canvas]:
    """The part of the frame that an object spans: its corner (x, y) and a canvas of zeros.

    Args:
        low: (x, y) of the first corner, whole numbers; what lies outside the frame is cut off.
        high: likewise of the last.
        size: the frame (H, W).

    Raises:
        MaskError: it holds more pixels than are painted at once.
    """
    corner = np.maximum(low.astype(np.int64), 0)
    sides = np.minimum(high.astype(np.int64), size[::-1]) - corner
    if (sides <= 0).any():
        return np.zeros(2, np.int64), np.zeros((0, 0), np.uint8)
    if int(sides.prod()) > MAX_CANVAS:
        raise MaskError(
            f"an object spans more than {MAX_CANVAS} px",
            seen=f"{sides[0]} × {sides[1]}",
            hint="check the size of the image, or cut it into tiles",
        )
    return corner, np.zeros((int(sides[1]), int(sides[0])), np.uint8)
