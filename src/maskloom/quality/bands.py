"""Disputed pixels of two class maps, parted into thin bands along outlines and solid regions.

A band is what an outline leaves behind that moved a little: the class that is predicted there
lies close by in the truth, and the true class lies close by in the prediction. The sum of both
distances is how far the outline moved. How distances are found is `nearest.py`,
which regions follow from them `regions_maps.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import codes
from maskloom.quality.nearest import nearest

UNCOUNTED = -1
CORNER = 1.5
"""A band along a right angle is wider by the root of 2 at its corner, and a pixel is coarse."""


@dataclass(frozen=True, slots=True, eq=False)
class Dispute:
    """Where two class maps differ, pixel by pixel in raster order.

    Args:
        codes: (H, W) int32 of the truth: positions in the taxonomy, their number for the
            background, `UNCOUNTED` for void and unlabelled pixels.
        yx: (M, 2) places of the disputed pixels; the next ones have one value for each.
        truth, predicted: codes there.
        moved: how far the outline moved there, in px; infinite where none is near.
        things: number of the segment that is in dispute there: of the true and the predicted
            one that of which the larger share is. A segment is a connected part of one class;
            the background has none.
        solid: the pixel belongs to a solid region; else `moved` is finite.
        counted: how many pixels of the frame count.
    """

    codes: NDArray[np.int32]
    yx: NDArray[np.int64]
    truth: NDArray[np.int32]
    predicted: NDArray[np.int32]
    moved: NDArray[np.float64]
    things: NDArray[np.int64]
    solid: NDArray[np.bool_]
    counted: int


def find_dispute(
    truth: NDArray[Any], predicted: NDArray[Any], n_categories: int, scale: float
) -> Dispute:
    """Compare two class maps of one shape.

    An outline that moved farther than `scale` leaves a solid region, which takes its rim along.
    Round its corners a band is wider than along its sides: what is wider than `scale` is solid
    only where it reaches a width of `CORNER` times that.

    Args:
        truth: (H, W) uint8 or uint16 with the codes of `labels.codes`; void counts nowhere.
        predicted: likewise; void there is read as background.
        n_categories: of the taxonomy of both.
        scale: in px.
    """
    ours = _plain(truth, n_categories, UNCOUNTED)
    theirs = _plain(predicted, n_categories, n_categories)
    yx = np.argwhere((ours != theirs) & (ours != UNCOUNTED))
    at = yx[:, 0], yx[:, 1]
    said, found = ours[at], theirs[at]
    things = _things(ours, theirs, n_categories, yx)
    moved = nearest(ours, yx, found, CORNER * scale) - 1.0
    near = np.isfinite(moved)
    moved[near] += nearest(theirs, yx[near], said[near], CORNER * scale)
    solid = moved > scale
    if solid.any():
        ids = connected(yx[solid], things[solid], ours.shape)
        wide = np.bincount(ids, moved[solid] > CORNER * scale) > 0
        solid[solid] = wide[ids]
        solid |= _rim(ours.shape, yx, things, solid, scale)
    counted = int((ours != UNCOUNTED).sum())
    return Dispute(ours, yx, said, found, moved, things, solid, counted)


def connected(
    yx: NDArray[np.int64], values: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Ids 1, 2, ... of pixels: equal where pixels of one value touch by an edge or a corner.

    Args:
        yx: (M, 2) pixels.
        values: of them, from 0.
        shape: of the frame.
    """
    canvas = np.zeros(shape, np.int32)
    canvas[yx[:, 0], yx[:, 1]] = values + 1
    return _segments(canvas, 0)[yx[:, 0], yx[:, 1]]


def _segments(pixels: NDArray[np.int32], background: int) -> NDArray[np.int64]:
    """Numbers of the connected parts of one value; 0 on the background."""
    import skimage.measure

    parts: Any = skimage.measure.label(pixels, background=background, connectivity=2)  # type: ignore[no-untyped-call]
    return np.asarray(parts, np.int64)


def _things(
    ours: NDArray[np.int32], theirs: NDArray[np.int32], background: int, yx: NDArray[np.int64]
) -> NDArray[np.int64]:
    """See `Dispute.things`; predicted segments are numbered on after the true ones."""
    numbers, shares = [], []
    for pixels in (ours, theirs):
        segments = _segments(pixels, background)
        own, n = segments[yx[:, 0], yx[:, 1]], int(segments.max(initial=0)) + 1
        disputed = np.bincount(own, minlength=n)
        disputed[0] = 0
        share = disputed / np.maximum(np.bincount(segments.ravel(), minlength=n), 1)
        numbers.append(own)
        shares.append(share[own])
    after = int(numbers[0].max(initial=0)) + 1
    return np.where(shares[0] >= shares[1], numbers[0], after + numbers[1])


def _rim(
    shape: tuple[int, ...],
    yx: NDArray[np.int64],
    things: NDArray[np.int64],
    solid: NDArray[np.bool_],
    scale: float,
) -> NDArray[np.bool_]:
    """Pixels that lie within `scale` of a solid one of the same thing."""
    core = np.full(shape, -1, np.int32)
    core[yx[solid, 0], yx[solid, 1]] = things[solid]
    near = np.zeros(len(yx), np.bool_)
    rest = np.flatnonzero(~solid)
    wanted = things[rest].astype(np.int32)
    near[rest] = np.isfinite(nearest(core, yx[rest], wanted, scale))
    return near


def _plain(pixels: NDArray[Any], background: int, void: int) -> NDArray[np.int32]:
    """A class map as int32 with its own codes for background and void."""
    out = pixels.astype(np.int32)
    code_void, code_background = codes(pixels.dtype)
    out[pixels == code_background] = background
    out[pixels == code_void] = void
    return out
