"""Which values of a 16-bit or float image are shown as black and white.

8-bit images are shown as they are unless a window is asked for. One window holds for all
channels of an image, so that colours keep their ratios. Nothing here is stored in a project.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import UsageError

LOW_PERCENT, HIGH_PERCENT = 0.1, 99.9
# Percentiles of a regular grid of so many pixels are those of the image, for looking at.
_SAMPLED_PX = 1 << 20


@dataclass(frozen=True, slots=True)
class Window:
    """Values at and below `low` are black, at and above `high` white, linear between."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Values:
    """What the shown channels of an image hold, from a regular grid of its pixels."""

    minimum: float
    maximum: float
    window: Window


def shown_channels(array: NDArray[Any]) -> NDArray[Any]:
    """The channels that a screen can show: red, green, blue of three or more, else the first.

    Args:
        array: (H, W, C).

    Returns:
        A view, (H, W) or (H, W, 3).
    """
    return array[:, :, :3] if array.shape[2] >= 3 else array[:, :, 0]


def measure_values(array: NDArray[Any]) -> Values:
    """Range and default window of an image.

    Args:
        array: (H, W, C) uint8, uint16 or float32; what is not finite is left out.

    Returns:
        For 8 bit the window 0 to 255, else the percentiles 0.1 and 99.9; a flat image gets a
        window of width 1, so that it is black and not an error.
    """
    shown = shown_channels(array)
    step = max(1, math.isqrt(-(-shown.shape[0] * shown.shape[1] // _SAMPLED_PX)))
    sampled = shown[::step, ::step].astype(np.float64).ravel()
    sampled = sampled[np.isfinite(sampled)]
    if not sampled.size:
        return Values(0.0, 0.0, Window(0.0, 1.0))
    minimum, maximum = float(sampled.min()), float(sampled.max())
    if array.dtype == np.uint8:
        return Values(minimum, maximum, Window(0.0, 255.0))
    low, high = (float(v) for v in np.percentile(sampled, (LOW_PERCENT, HIGH_PERCENT)))
    if not high > low:
        low, high = (minimum, maximum) if maximum > minimum else (minimum, minimum + 1.0)
    return Values(minimum, maximum, Window(low, high))


def choose_window(default: Window, low: float | None, high: float | None) -> Window:
    """The default with the ends that were asked for.

    Raises:
        UsageError: an end is not finite, or they are the wrong way round.
    """
    window = Window(default.low if low is None else low, default.high if high is None else high)
    if not (math.isfinite(window.low) and math.isfinite(window.high) and window.high > window.low):
        raise UsageError(
            "a window goes from a lower value to a higher one",
            where="low, high",
            seen=f"{window.low} to {window.high}",
        )
    return window


def to_bytes(array: NDArray[Any], window: Window) -> NDArray[np.uint8]:
    """Eight bits of a picture under a window; what is not a number is black."""
    if array.dtype == np.uint8 and window == Window(0.0, 255.0):
        return array
    scaled = (array.astype(np.float64) - window.low) * (255.0 / (window.high - window.low))
    scaled = np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0)
    out: NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return out
