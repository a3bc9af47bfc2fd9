"""Skeletons of masks, and how long they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, Ints, kernel
from maskloom.errors import DataError

Floats = NDArray[np.float64]


def skeleton_of(mask: NDArray[Any]) -> NDArray[np.bool_]:
    """The skeleton of a mask: lines one pixel wide, in the middle of what it holds.

    Args:
        mask: (H, W) or (D, H, W); non-zero is inside.

    Returns:
        bool of the same shape, inside the mask.

    Raises:
        DataError: another number of axes.

    Source: scikit-image `skeletonize` with its defaults, Zhang and Suen 1984 in 2-D, Lee,
    Kashyap and Chu 1994 in 3-D, on the box round the mask: the same result. In 3-D it can leave
    nothing of a solid (a cube of even side), and a volume of one plane is thinned as an image.
    """
    if mask.ndim not in (2, 3):
        raise DataError("a skeleton is of an image or a volume", seen=mask.shape)
    from skimage.morphology import skeletonize

    inside = np.asarray(mask, np.bool_)
    out = np.zeros(inside.shape, np.bool_)
    if inside.any():
        box = _box_round(inside)
        out[box] = skeletonize(inside[box])  # type: ignore[no-untyped-call]
    return out


def skeleton_length(skeleton: NDArray[Any], spacing: Sequence[float] | None = None) -> float:
    """Length of a skeleton's lines, in units of spacing; px without.

    Neighbouring pixels are joined by a step of their distance. A diagonal step counts only where
    no other pixel of the skeleton lies in the smallest box round its two ends, for then the way
    goes through that pixel. So a straight line of n pixels has length n - 1 along an axis and
    (n - 1) sqrt(2) along a diagonal; one pixel has length 0.

    Args:
        skeleton: (H, W) or (D, H, W); non-zero is on a line.
        spacing: distance of neighbours along each axis, in the order of axes.

    Raises:
        DataError: another number of axes, or a spacing that does not fit or is not above 0.

    >>> skeleton_length(np.eye(3), (3.0, 4.0))
    10.0
    """
    steps = checked_spacing(spacing, skeleton.ndim)
    if skeleton.ndim not in (2, 3):
        raise DataError("a skeleton is of an image or a volume", seen=skeleton.shape)
    volume = np.ascontiguousarray(skeleton, np.bool_).reshape((-1, *skeleton.shape[-2:]))
    padded = np.pad(volume, 1).view(np.uint8)
    joined = _joined(padded, _OFFSETS)
    full = np.array((1.0,) * (3 - len(steps)) + steps)
    lengths = np.sqrt(((_OFFSETS * full) ** 2).sum(axis=1))
    return float(np.dot(joined, lengths))


def checked_spacing(spacing: Sequence[float] | None, n_axes: int) -> tuple[float, ...]:
    """One distance for each axis; 1 px each where none is given.

    Raises:
        DataError: another number of values, or one that is not above 0.
    """
    steps = (1.0,) * n_axes if not spacing else tuple(float(step) for step in spacing)
    if len(steps) != n_axes or not all(0 < step < np.inf for step in steps):
        raise DataError(
            "spacing is one distance above 0 for each axis", seen=f"{spacing} for {n_axes} axes"
        )
    return steps


def _box_round(inside: NDArray[np.bool_]) -> tuple[slice, ...]:
    """The box of a mask with a margin of one voxel, without which scikit-image thins otherwise.

    It takes a box one voxel thick for an image.
    """
    axes = range(inside.ndim)
    lines = (np.flatnonzero(inside.any(axis=tuple({*axes} - {axis}))) for axis in axes)
    return tuple(slice(max(int(at[0]) - 1, 0), int(at[-1]) + 2) for at in lines)


_OFFSETS = cast(
    "NDArray[np.int64]",
    np.array(
        [
            (z, y, x)
            for z in (-1, 0, 1)
            for y in (-1, 0, 1)
            for x in (-1, 0, 1)
            if (z, y, x) > (0, 0, 0)
        ],
        np.int64,
    ),
)
"""(13, 3) one of each two opposite directions to a neighbour."""


@kernel
def _joined(padded: Bytes, offsets: Ints) -> Ints:
    """How many steps are taken in each direction; the margin of `padded` is one voxel of 0."""
    depth, height, width = padded.shape
    out = np.zeros(offsets.shape[0], np.int64)
    for z in range(1, depth - 1):
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                if padded[z, y, x] == 0:
                    continue
                for k in range(offsets.shape[0]):
                    c, b, a = z + offsets[k, 0], y + offsets[k, 1], x + offsets[k, 2]
                    if padded[c, b, a] == 0:
                        continue
                    inside = 0
                    for i in range(min(z, c), max(z, c) + 1):
                        for j in range(min(y, b), max(y, b) + 1):
                            for m in range(min(x, a), max(x, a) + 1):
                                inside += padded[i, j, m]
                    out[k] += inside == 2
    return out
