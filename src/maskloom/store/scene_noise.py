"""Smooth random fields, the raw material of generated scenes.

Everything is float64 and free of matrix products: processors and BLAS builds differ in the
last bit of a sum or a sine, and in float64 such a bit practically never reaches the uint8
that is kept in the end.
Next: `scene_ground.py` and `scene_coin.py`, which are made of these fields.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float64]

# Root mean square, over all phases, of the length of the four cubic B-spline weights.
_SPLINE_DEVIATION = float(np.sqrt(151 / 315))


def smooth_noise(rng: np.random.Generator, size_hw: tuple[int, ...], cell_px: float) -> Field:
    """Gaussian noise whose features are about ``cell_px`` wide.

    Args:
        rng: the source of randomness.
        size_hw: (H, W) in px.
        cell_px: distance of the random control points, ≥ 1 px.

    Returns:
        (H, W) field of mean about 0 and standard deviation about 1.

    Source: a uniform cubic B-spline surface over independent normal control points
    (de Boor, "A Practical Guide to Splines", 1978), divided by its mean deviation.
    """
    height, width = size_hw
    rows, cols = (int((n - 0.5) / cell_px) + 4 for n in (height, width))
    control = rng.standard_normal((rows, cols)) / _SPLINE_DEVIATION**2
    tall = _spline_rows(control, height, cell_px)
    return np.ascontiguousarray(_spline_rows(tall.T, width, cell_px).T)


def _spline_rows(control: Field, length: int, cell_px: float) -> Field:
    """(length, m) samples at pixel centres of the splines down the columns of (n, m) points."""
    position = (np.arange(length) + 0.5) / cell_px
    index = position.astype(np.int64)
    t = position - index
    weights = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    field: Field = weights[0][:, None] * control[index]
    for offset, weight in enumerate(weights[1:], start=1):
        field += weight[:, None] * control[index + offset]
    return field
