"""Cases of the libraries whose contours and fills exporters are made of (see `peer_bugs`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from benchmarks.peer_cases import check, same, shapes


def cases(tool: str) -> list[tuple[str, Callable[[], None]]]:
    """(name, call) of a tool."""
    trip, fill = (_skimage, _skimage_fill) if tool == "scikit-image" else (_opencv, _opencv_fill)
    names = {
        "square": "labelme#2224 supervision#2587",
        "hole": "cocoapi#153 supervision#574",
        "parts": "fiftyone#6421",
        "line": "1-px lines are kept",
        "pixel": "pixels are kept",
    }
    usual = "find_contours, polygon2mask" if tool == "scikit-image" else "outer contours, fillPoly"

    def square():
        ring = np.array([[0, 0], [9, 0], [9, 9], [0, 9]])
        area = int(fill(ring, (20, 30)).sum())
        check(area == 81, f"{area} px")

    def leans():
        ring = np.array([[4.5, 4.5], [14.5, 4.5], [14.5, 14.5], [4.5, 14.5]])
        mask = fill(ring, (20, 20))
        same(mask[::-1, ::-1], mask)

    more = [("scikit-image#7271: masks do not lean to one side", leans)]
    return [
        (f"{issue}: {name} there and back ({usual})", partial(trip, shapes()[name]))
        for name, issue in names.items()
    ] + [
        ("cocoapi#659: a square of side 9 has 81 px, as in COCO", square),
        *(more if tool == "scikit-image" else ()),
    ]


def _opencv(mask: np.ndarray) -> None:
    import cv2

    rings, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    out = np.zeros(mask.shape, np.uint8)
    for ring in rings:
        if len(ring) > 2:  # what a format of polygons takes
            cv2.fillPoly(out, [ring], 1)
    same(out, mask)


def _opencv_fill(ring: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    import cv2

    return cv2.fillPoly(np.zeros(size, np.uint8), [np.round(ring).astype(np.int32)], 1)


def _skimage(mask: np.ndarray) -> None:
    from skimage import draw, measure

    out = np.zeros(mask.shape, bool)
    for ring in measure.find_contours(mask.astype(float), 0.5):
        out |= draw.polygon2mask(mask.shape, ring)
    same(out, mask)


def _skimage_fill(ring: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    from skimage import draw

    return draw.polygon2mask(size, ring[:, ::-1])
