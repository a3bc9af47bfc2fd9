"""Where the pixels of a slide lie on its glass.

Source: DICOM PS3.3 C.8.12.4 (total pixel matrix: ImageOrientationSlide, the place of its first
pixel, which is taken for the centre as highdicom does); C.8.12.2 (slide coordinates, mm).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from maskloom.core.volumes import Affine
from maskloom.errors import FormatError


def slide_place(data: Any, path: Path) -> tuple[Affine, tuple[float, ...]]:
    """(3×3 pixel edge → mm on the slide, mm of a pixel along rows and columns), where said.

    Depth is left out, as labels have none.

    Raises:
        FormatError: a place that cannot be.
    """
    shared = data.get("SharedFunctionalGroupsSequence")
    measures = shared[0].get("PixelMeasuresSequence") if shared else None
    said = (measures[0] if measures else data).get("PixelSpacing")
    if said is None:
        return (), ()
    spacing = (float(said[0]), float(said[1]))
    origin, orientation = (
        data.get("TotalPixelMatrixOriginSequence"),
        data.get("ImageOrientationSlide"),
    )
    if not np.isfinite(spacing).all() or min(spacing) <= 0:
        raise FormatError("a pixel has no such size", where=f"{path}: PixelSpacing", seen=spacing)
    if not origin or orientation is None:
        return (), spacing
    cosines = np.array([float(v) for v in orientation]).reshape(2, 3)
    names = ("XOffsetInSlideCoordinateSystem", "YOffsetInSlideCoordinateSystem")
    matrix = np.eye(3)
    matrix[:2, 0], matrix[:2, 1] = cosines[0, :2] * spacing[1], cosines[1, :2] * spacing[0]
    matrix[:2, 2] = [float(origin[0].get(name) or 0) for name in names]
    matrix[:2, 2] -= matrix[:2, :2].sum(axis=1) / 2
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12 * np.prod(spacing):
        raise FormatError(
            "a slide cannot lie so",
            where=f"{path}: ImageOrientationSlide",
            seen=[float(v) for v in orientation],
        )
    return tuple(tuple(float(v) for v in row) for row in matrix + 0.0), spacing
