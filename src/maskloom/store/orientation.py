"""The eight ways in which a stored picture lies (TIFF 6.0 and EXIF, tag 274), and how to turn it.

Source: TIFF 6.0, page 36.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

Window = tuple[int, int, int, int]

TURNED = (5, 6, 7, 8)
"""The ways that swap the sides."""

_MIRRORED = (2, 3, 6, 7)
_UPSIDE_DOWN = (3, 4, 7, 8)


def upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A view of a stored (H, W, ...) picture as it is looked at."""
    if orientation in TURNED:
        array = array.swapaxes(0, 1)
    if orientation in _MIRRORED:
        array = array[:, ::-1]
    if orientation in _UPSIDE_DOWN:
        array = array[::-1]
    return array


def upright_size(size_hw: tuple[int, int], orientation: int) -> tuple[int, int]:
    """(H, W) as looked at, of (H, W) as stored."""
    return (size_hw[1], size_hw[0]) if orientation in TURNED else size_hw


def stored_window(window: Window, size_hw: tuple[int, int], orientation: int) -> Window:
    """Where the pixels of an upright window are stored.

    Args:
        window: (y0, y1, x0, x1) of the upright picture, ends excluded.
        size_hw: (H, W) of the upright picture.
        orientation: 1..8; anything else is upright.

    Returns:
        (y0, y1, x0, x1) such that `upright` of that part of the stored picture is the window.
    """
    y0, y1, x0, x1 = window
    height, width = size_hw
    if orientation in _UPSIDE_DOWN:
        y0, y1 = height - y1, height - y0
    if orientation in _MIRRORED:
        x0, x1 = width - x1, width - x0
    return (x0, x1, y0, y1) if orientation in TURNED else (y0, y1, x0, x1)
