"""How far wrong pixels of a class map are from the nearest boundary of true classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, kernel, wide
from maskloom.core.labels import codes
from maskloom.errors import DataError

REACHES_PX = (1, 2, 4, 8, 16)
"""Upper bounds of the bins of distance; the last bin is what is farther."""
_FAR = REACHES_PX[-1] + 1
_BESIDE = 2
"""How far, in px, volumes are searched pixel by pixel; beyond, as `_across` does."""


def wrong_by_distance(
    truth: NDArray[Any], predicted: NDArray[Any], n_categories: int
) -> tuple[Ints, Ints]:
    """Wrong pixels by the distance to the nearest true boundary, in px whatever the spacing.

    The distance of a pixel is that of its centre to the centre of the nearest pixel of another
    true class, background among them: 1 beside a boundary. Void pixels of the truth are never
    wrong and are no other class, and beyond the frame there is none.

    Args:
        truth: (H, W) or (D, H, W) uint8 or uint16: positions, void and background codes.
        predicted: the same shape.
        n_categories: K; positions are below it.

    Returns:
        missed and extra, each (K + 1, bins): wrong pixels that are truly of a class, and that are
        predicted as a class; row K is background, for extra that and void.

    Raises:
        DataError: shapes or types are wrong, or a value is not a category.
    """
    if truth.shape != predicted.shape:
        raise DataError(
            "truth and prediction differ in size", seen=f"{truth.shape} and {predicted.shape}"
        )
    sides = [np.ascontiguousarray(one) for one in (truth, predicted)]
    depth = truth.shape[0]
    height = truth.shape[1] if truth.ndim == 3 else 1
    t, p = (one.reshape(depth, height * truth.shape[-1]) for one in sides)
    missed, extra = np.zeros((2, n_categories + 1, len(REACHES_PX) + 1), np.int64)
    if t.size:
        void, background = codes(t.dtype)
        near = _along(t, void)
        other_void, other_background = codes(p.dtype)
        known = np.array([void, background, other_void, other_background])
        size = height, truth.shape[-1]
        # zeros of numpy take no memory until they are written to
        empty = t.shape if height > 1 else (0, 0)
        planes = np.zeros(empty, np.uint16), np.zeros(empty, t.dtype)
        around = _offsets(deep=height > 1)
        wrong = _count((t, p, near), planes, size, around, known, (missed, extra))
        if wrong >= 0:
            raise DataError(
                "a class map holds a value that is no category",
                seen=int(wrong),
                hint=f"there are {n_categories} categories, counted from 0",
            )
    return missed, extra


def _offsets(*, deep: bool) -> tuple[Ints, Ints]:
    """(N, 2) rows and columns from a pixel by rising distance, and (N,) its square.

    Those within the reach, or in volumes those beside a pixel.
    """
    reach = np.arange(1 - _FAR, _FAR)
    rows = reach if deep else np.zeros(1, np.int64)
    each = np.stack(np.meshgrid(rows, reach, indexing="ij"), axis=-1).reshape(-1, 2)
    squares = (each**2).sum(axis=1)
    by = np.argsort(squares, kind="stable")
    most = _BESIDE**2 if deep else _FAR**2 - 1
    by = by[(squares[by] > 0) & (squares[by] <= most)]
    return each[by], squares[by]


@kernel
def _along(truth: NDArray[Any], void: int) -> NDArray[np.uint8]:
    """The distance of each pixel to the nearest of another class before or behind it in its line.

    Lines run along the first axis (D, P); void is passed over. At most `_FAR`.
    """
    near = np.full(truth.shape, _FAR, np.uint8)
    for turn in range(2):
        last = np.full(truth.shape[1], void, truth.dtype)
        at = np.full(truth.shape[1], -_FAR, np.int64)
        other = np.full(truth.shape[1], -_FAR, np.int64)
        for step in range(truth.shape[0]):
            z = step if turn == 0 else truth.shape[0] - 1 - step
            for i in range(truth.shape[1]):
                value = truth[z, i]
                if value == void:
                    continue
                if value != last[i]:
                    last[i], other[i] = value, at[i]
                at[i] = step
                near[z, i] = min(near[z, i], step - other[i], _FAR)
    return near


@kernel
def _count(
    maps: tuple[NDArray[Any], NDArray[Any], NDArray[np.uint8]],
    planes: tuple[NDArray[np.uint16], NDArray[Any]],
    size: tuple[int, int],
    around: tuple[Ints, Ints],
    known: Ints,
    out: tuple[Ints, Ints],
) -> int:
    """Fill both tables; a value that is no category, or -1.

    Args:
        maps: truth, prediction and `_along`, each (D, P).
        planes: (D, P) what `_in_plane` found and 1, 0 where not asked, and for which class.
        size: height and width of P.
        around: of `_offsets`.
        known: void and background of the truth, then of the prediction.
        out: missed and extra.
    """
    truth, predicted, near = maps
    missed, extra = out
    k = missed.shape[0] - 1
    for z in range(truth.shape[0]):
        for i in range(truth.shape[1]):
            value, other = wide(truth[z, i]), wide(predicted[z, i])
            if value == known[0] or (value == other and other != known[2]):
                continue
            value = k if value == known[1] else value
            nothing = other == known[2] or other == known[3]
            if nothing and value == k and other == known[3]:
                continue
            other = k if nothing else other
            if value > k or other > k:
                return max(value, other)
            square = _square(truth, near, (z, i), size, around, known[0])
            if size[0] > 1 and square > _BESIDE * _BESIDE + 1:
                square = _across(truth, near, planes, (z, i), size, known[0])
            b = 0
            while b < len(REACHES_PX) and square > REACHES_PX[b] ** 2:
                b += 1
            missed[value, b] += 1
            extra[other, b] += 1
    return -1


@kernel
def _square(
    truth: NDArray[Any],
    near: NDArray[np.uint8],
    at: tuple[int, int],
    size: tuple[int, int],
    around: tuple[Ints, Ints],
    void: int,
) -> int:
    """Squared distance of a pixel to the nearest of another class; beyond `around`, any more."""
    z, i = at
    height, width = size
    y, x = i // width, i % width
    offsets, squares = around
    own = truth[z, i]
    best = wide(near[z, i]) ** 2
    # No calls with arrays in the loops: each costs more than the step itself.
    for j in range(squares.size):
        if squares[j] >= best:
            break
        row, column = y + offsets[j, 0], x + offsets[j, 1]
        if row < 0 or row >= height or column < 0 or column >= width:
            continue
        q = row * width + column
        value = truth[z, q]
        if value == own:
            best = min(best, squares[j] + wide(near[z, q]) ** 2)
        elif value == void:
            best = min(best, squares[j] + _through_void(truth, z, q, own, void, best - squares[j]))
        else:
            best = squares[j]
    return best


@kernel
def _across(
    truth: NDArray[Any],
    near: NDArray[np.uint8],
    planes: tuple[NDArray[np.uint16], NDArray[Any]],
    at: tuple[int, int],
    size: tuple[int, int],
    void: int,
) -> int:
    """As `_square`, of a pixel deep inside a class of a volume.

    Over its row: the square of the way to a pixel there plus that in the plane across the row,
    which is kept, for the neighbours ask for it, too.
    """
    found, of = planes
    z, i = at
    x = i % size[1]
    own, best = truth[z, i], wide(_FAR * _FAR)
    for step in range(_FAR):
        if step * step >= best:
            break
        for column in (x - step, x + step):
            if column < 0 or column >= size[1]:
                continue
            q = i + column - x
            if found[z, q] == 0 or of[z, q] != own:
                found[z, q] = 1 + _in_plane(truth, near, (z, q), size, own, void)
                of[z, q] = own
            best = min(best, step * step + wide(found[z, q]) - 1)
    return best


@kernel
def _in_plane(
    truth: NDArray[Any],
    near: NDArray[np.uint8],
    at: tuple[int, int],
    size: tuple[int, int],
    own: Any,
    void: int,
) -> int:
    """As `_square`, in the plane of the first two axes, to the nearest of another class than `own`.

    At most the square of `_FAR`.
    """
    z, i = at
    height, width = size
    y, best = i // width, wide(_FAR * _FAR)
    for step in range(_FAR):
        square = step * step
        if square >= best:
            break
        for row in (y - step, y + step):
            if row < 0 or row >= height:
                continue
            q = i + (row - y) * width
            value = truth[z, q]
            if value == own:
                best = min(best, square + wide(near[z, q]) ** 2)
            elif value == void:
                best = min(best, square + _through_void(truth, z, q, own, void, best - square))
            else:
                best = min(best, square)
    return best


@kernel
def _through_void(truth: NDArray[Any], z: int, q: int, own: Any, void: int, room: int) -> int:
    """Squared, along a line from a void pixel to the nearest neither void nor `own`.

    From `room` on, any more.
    """
    for step in range(1, _FAR):
        if step * step >= room:
            break
        for place in (z - step, z + step):
            if 0 <= place < truth.shape[0] and truth[place, q] != own and truth[place, q] != void:
                return step * step
    return _FAR * _FAR
