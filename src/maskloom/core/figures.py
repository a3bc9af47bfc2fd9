"""Figures of two or three points (rectangles, circles, ellipses) as other programs paint them.

Like `painters` for polygons: Pillow and scikit-image are asked themselves, so that pixels are
those of the readers of labelling tools. Points are the numbers of the file, verbatim.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.fill import MAX_COORDINATE
from maskloom.core.kernel import Points
from maskloom.core.masks import Masks
from maskloom.core.painters import Canvas, window
from maskloom.errors import MaskError

Extent = tuple[Points, Points]
Figure = tuple[int, Callable[[Points], Extent], Callable[[Points, Canvas], None]]


def _corners(points: Points) -> Extent:
    return points.min(axis=0), points.max(axis=0)


def _round(points: Points) -> Extent:
    radius = _radius(points)
    return points[0] - radius, points[0] + radius


def _oblong(points: Points) -> Extent:
    """An ellipse lies in the circle of its longer half axis."""
    radius = max(_radius(points[[0, 1]]), _radius(points[[0, 2]]))
    return points[0] - radius, points[0] + radius


def _radius(points: Points) -> float:
    return math.hypot(*(points[1] - points[0]))


def _pil_rectangle(points: Points, canvas: Canvas) -> None:
    low, high = _corners(points)
    _drawn(canvas, "rectangle", low, high)


def _pil_circle(points: Points, canvas: Canvas) -> None:
    _drawn(canvas, "ellipse", *_round(points))


def _drawn(canvas: Canvas, method: str, low: Points, high: Points) -> None:
    from PIL import Image, ImageDraw

    image = Image.fromarray(canvas)
    draw: Any = getattr(ImageDraw.Draw(image), method)
    draw([*low.tolist(), *high.tolist()], fill=1, outline=1)
    canvas[:] = np.asarray(image)


def _skimage_disk(points: Points, canvas: Canvas) -> None:
    from skimage.draw import disk

    radius = _radius(points)
    if radius > 0:
        rows, columns = disk(points[0, ::-1], radius, shape=canvas.shape)  # type: ignore[no-untyped-call]
        canvas[rows, columns] = 1


def _skimage_ellipse(points: Points, canvas: Canvas) -> None:
    """Angles of scikit-image turn from the column axis towards the row axis the other way."""
    from skimage.draw import ellipse

    first, second = points[1] - points[0], points[2] - points[0]
    sides = math.hypot(*second), math.hypot(*first)
    if min(sides) > 0:
        turn = -math.atan2(first[1], first[0])
        y, x = points[0, ::-1].tolist()
        rows, columns = ellipse(y, x, *sides, shape=canvas.shape, rotation=turn)  # type: ignore[no-untyped-call]
        canvas[rows, columns] = 1


FIGURES: dict[str, Figure] = {
    "pil-rectangle": (2, _corners, _pil_rectangle),
    "pil-circle": (2, _round, _pil_circle),
    "skimage-disk": (2, _round, _skimage_disk),
    "skimage-ellipse": (3, _oblong, _skimage_ellipse),
}
"""Rule → number of points, what they span, and what paints them.

Two corners; centre and a point of the rim; centre and the ends of two half axes.
"""


def figure(points: Points, size: tuple[int, int], rule: str) -> Masks:
    """The pixels of one figure.

    Args:
        points: (n, 2) of (x, y) as the rule takes them.
        size: the frame (H, W); what lies outside it is cut off.
        rule: one of `FIGURES`.

    Raises:
        MaskError: another number of points, one that is not finite or beyond 2**24, or more
            pixels than are painted at once.
    """
    count, extent, paint = FIGURES[rule]
    if points.shape != (count, 2):
        raise MaskError(f"a figure of {count} points", seen=points.tolist())
    if not (np.abs(points) <= MAX_COORDINATE).all():
        raise MaskError(
            "a vertex is not finite or lies more than 2**24 px from the origin",
            seen=points.tolist(),
        )
    low, high = extent(points)
    frame = np.array(size, np.int64)
    corner, canvas = window(np.floor(low) - 1, np.ceil(high) + 2, frame)
    paint(points - corner, canvas)
    at: NDArray[np.int64] = corner
    return Masks.from_dense(canvas > 0).place(int(at[0]), int(at[1]), size)
