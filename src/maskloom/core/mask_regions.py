"""What `Masks` does with regions: pairs, moves, components, holes; all on segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskloom.core import algebra, components
from maskloom.core.kernel import MAX_CROP
from maskloom.core.mask_inputs import checked_size
from maskloom.errors import MaskError

if TYPE_CHECKING:
    from maskloom.core.masks import Masks


def common_size(masks: Masks) -> tuple[int, int]:
    """The frame (H, W) that all rows share; (0, 0) without rows."""
    if len(masks) == 0:
        return 0, 0
    different = (masks.sizes != masks.sizes[0]).any(axis=1)
    if different.any():
        row = int(different.argmax())
        raise MaskError(
            f"masks of one frame are needed; row 0 has {masks.sizes[0].tolist()}",
            where=f"row {row}",
            seen=masks.sizes[row].tolist(),
        )
    return int(masks.sizes[0, 0]), int(masks.sizes[0, 1])


def check_frames(a: Masks, b: Masks) -> None:
    """Raise unless a and b have as many rows, with equal frames."""
    if len(a) != len(b):
        raise MaskError(f"a row-wise operation on {len(a)} and {len(b)} masks")
    different = (a.sizes != b.sizes).any(axis=1)
    if different.any():
        row = int(different.argmax())
        raise MaskError(
            f"frames differ: {a.sizes[row].tolist()} and {b.sizes[row].tolist()}",
            where=f"row {row}",
        )


def checked_connectivity(connectivity: int) -> int:
    """0 for 4, 1 for 8."""
    if connectivity not in (4, 8):
        raise MaskError("connectivity is 4 or 8", seen=connectivity)
    return int(connectivity == 8)


def checked_box(box: ArrayLike) -> tuple[int, int, int, int]:
    """A window of whole numbers with x0 <= x1 and y0 <= y1."""
    given = np.asarray(box)
    if given.shape != (4,) or given.dtype.kind not in "iu":
        raise MaskError("a window is four whole numbers [x0, y0, x1, y1]", seen=box)
    x0, y0, x1, y1 = (int(edge) for edge in given)
    if x1 < x0 or y1 < y0:
        raise MaskError("a window ends before it starts", seen=box)
    return x0, y0, x1, y1


def complement(masks: Masks) -> Masks:
    """The rest of each frame."""
    pixels = masks.sizes[:, 0] * masks.sizes[:, 1]
    if (pixels > MAX_CROP).any():
        row = int((pixels > MAX_CROP).argmax())
        raise MaskError(
            "a complement needs a frame below 2**32 pixels",
            where=f"row {row}",
            seen=masks.sizes[row].tolist(),
            hint="crop it to tiles first",
        )
    windows = np.zeros((len(masks), 4), np.int32)
    windows[:, 2:] = masks.sizes[:, ::-1]
    return masks._from_segments(algebra.complement(*masks.segments(), windows), masks.sizes)


def intersections(a: Masks, b: Masks) -> NDArray[np.int64]:
    """(N, M) pixels shared by every pair."""
    if len(a) and len(b) and common_size(a) != common_size(b):
        raise MaskError(f"frames differ: {common_size(a)} and {common_size(b)}")
    return algebra.overlaps(*a.segments(), a.boxes, *b.segments(), b.boxes)


def overlapping(a: Masks, b: Masks) -> tuple[NDArray[np.int64], ...]:
    """Rows of a, rows of b and shared pixels; see `Masks.overlapping`."""
    if len(a) and len(b) and common_size(a) != common_size(b):
        raise MaskError(f"frames differ: {common_size(a)} and {common_size(b)}")
    offsets, index, shared = algebra.overlapping(*a.segments(), a.boxes, *b.segments(), b.boxes)
    return np.repeat(np.arange(len(a)), np.diff(offsets)), index, shared


def iou(a: Masks, b: Masks, crowd: ArrayLike | None, empty: float) -> NDArray[np.float64]:
    """(N, M) intersection over union; see `Masks.iou`."""
    shared = intersections(a, b)
    total = a.areas[:, None] + b.areas[None, :] - shared
    if crowd is not None:
        flags = np.asarray(crowd).astype(np.bool_)
        if flags.shape != (len(b),):
            raise MaskError(f"crowd needs {len(b)} flags", seen=flags.shape)
        total = np.where(flags[None, :], a.areas[:, None], total)
    out = np.full(shared.shape, empty, np.float64)
    np.divide(shared, total, out=out, where=total > 0)
    return out


def place(masks: Masks, dx: ArrayLike, dy: ArrayLike, size_hw: ArrayLike | None) -> Masks:
    """Move and clip; size_hw None keeps each row's frame."""
    steps = np.empty((len(masks), 2), np.int64)
    for axis, step in enumerate((dx, dy)):
        given = np.asarray(step)
        if given.dtype.kind not in "iu" or given.shape not in ((), (len(masks),)):
            raise MaskError("a move is a whole number, or one per mask", seen=step)
        # Beyond this every mask is out of every frame, and sums cannot overflow.
        steps[:, axis] = np.clip(given, -(2**32), 2**32)
    sizes = masks.sizes
    if size_hw is not None:
        sizes = np.tile(checked_size(size_hw), (len(masks), 1))
    moved = masks.boxes + np.tile(steps, 2)
    inside = (moved[:, :2] >= 0).all(axis=1) & (moved[:, 2:] <= sizes[:, ::-1]).all(axis=1)
    full = np.diff(masks.offsets) > 0
    if (inside | ~full).all():
        boxes = np.where(full[:, None], moved, 0).astype(np.int32)
        return type(masks)(sizes, boxes, masks.counts, masks.offsets)
    return masks._from_segments(algebra.place(*masks.segments(), steps, sizes), sizes)


def components_of(masks: Masks, connectivity: int) -> tuple[Masks, NDArray[np.int64]]:
    """Connected parts and their rows; see `Masks.components`."""
    diagonal = checked_connectivity(connectivity)
    segments, offsets = masks.segments()
    labels, origins = components.label_segments(segments, offsets, diagonal)
    parts = components.gather(segments, labels, len(origins))
    return masks._from_segments(parts, masks.sizes[origins]), origins


def holes_of(masks: Masks, connectivity: int) -> tuple[Masks, NDArray[np.int64]]:
    """Holes and their rows; see `Masks.holes`."""
    diagonal = 1 - checked_connectivity(connectivity)
    # A margin of one pixel round the box joins all of the background that is outside.
    windows = masks.boxes + np.array([-1, -1, 1, 1], np.int32)
    segments, offsets = algebra.complement(*masks.segments(), windows)
    labels, origins = components.label_segments(segments, offsets, diagonal)
    outside = np.zeros(len(origins), np.bool_)
    outside[labels[offsets[:-1]]] = True
    numbers = np.where(outside, -1, np.cumsum(~outside) - 1)
    inner = origins[~outside]
    parts = components.gather(segments, numbers[labels], len(inner))
    return masks._from_segments(parts, masks.sizes[inner]), inner


def topology(masks: Masks, connectivity: int) -> NDArray[np.int64]:
    """(N, 3) components, holes, area of holes; see `Masks.topology`."""
    out = np.zeros((len(masks), 3), np.int64)
    labels = components.label_segments(*masks.segments(), checked_connectivity(connectivity))
    out[:, 0] = np.bincount(labels[1], minlength=len(masks))
    holes, rows = holes_of(masks, connectivity)
    out[:, 1] = np.bincount(rows, minlength=len(masks))
    np.add.at(out[:, 2], rows, holes.areas)
    return out
