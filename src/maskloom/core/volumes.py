"""A volume as a tall image: its planes one below the other, and where its voxels lie in space.

(D, H, W) becomes (D·H, W), so that whatever is exact for images (overlaps, areas, comparing) is
exact for volumes. Voxel files are read and written in `store/volumes.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.errors import DataError

Affine = tuple[tuple[float, ...], ...]
SAME_PLACE = 1e-3


def stacked(labels: Labels) -> Labels:
    """The labels of a volume as those of a tall image; those of an image as they are.

    Rows of one object in different planes become one row, with the columns of the first. Rows of
    one object in one plane stay apart, and so do those of several categories.

    Args:
        labels: of (D, H, W), at most 2³¹ rows of voxels.
    """
    if len(labels.size) != 3:
        return labels
    depth, height, width = labels.size
    size = (depth * height, width)
    changes: dict[str, Any] = {"size": size, "confidence": None}
    if labels.confidence is not None:
        changes["confidence"] = labels.confidence.reshape(size)
    if labels.class_map is not None:
        changes["class_map"] = labels.class_map.reshape(size)
    if labels.rows is not None:
        changes["rows"] = _stacked_rows(labels.rows, height, size)
    return labels.replace(**changes)


def unstacked(rows: Rows, size: Sequence[int]) -> Rows:
    """Rows of a tall image as rows of the planes of a volume (D, H, W), by plane.

    A row without a pixel stays, in plane 0.
    """
    depth, height, width = size
    boxes = rows.masks.boxes
    parts, masks = [], []
    for plane in range(depth):
        top, bottom = plane * height, (plane + 1) * height
        here = (boxes[:, 1] < bottom) & (boxes[:, 3] > top)
        if plane == 0:
            here |= boxes[:, 3] == 0
        seen = np.flatnonzero(here)
        cut = rows.masks[seen].crop([0, top, width, bottom])
        full = (cut.areas > 0) | (boxes[seen, 3] == 0)
        parts.append(_columns(rows.take(seen[full]), plane=plane))
        masks.append(cut[np.flatnonzero(full)])
    kept = {name: _joined([part[name] for part in parts]) for name in parts[0]}
    return Rows(**{**kept, "masks": Masks.concatenate(masks)})


def plane_of(labels: Labels, plane: int) -> Labels:
    """The labels of one plane (H, W) of a volume.

    Args:
        labels: of (D, H, W).
        plane: 0 to D - 1.
    """
    changes: dict[str, Any] = {"size": labels.size[1:], "confidence": None}
    if labels.confidence is not None:
        changes["confidence"] = labels.confidence[plane]
    if labels.class_map is not None:
        changes["class_map"] = labels.class_map[plane]
    if labels.rows is not None:
        here = labels.rows.take(labels.rows.plane == plane)
        changes["rows"] = Rows(**{**_columns(here, plane=0), "masks": here.masks})
    return labels.replace(**changes)


def volume_rows(array: NDArray[Any]) -> tuple[Masks, NDArray[np.int64], NDArray[np.int32]]:
    """One mask per value and plane of a volume of whole numbers.

    Args:
        array: (D, H, W).

    Returns:
        masks of (H, W), the value of each, and its plane; by plane, then by value.
    """
    masks, values, planes = [Masks.empty(0, array.shape[1:])], [], []
    for plane, pixels in enumerate(array):
        found, ids = Masks.from_id_map(pixels, background=None)
        masks.append(found)
        values.append(ids)
        planes.append(np.full(len(ids), plane, np.int32))
    return (
        Masks.concatenate(masks),
        np.concatenate([np.zeros(0, np.int64), *values]),
        np.concatenate([np.zeros(0, np.int32), *planes]),
    )


def paint_planes(masks: Masks, planes: NDArray[Any], into: NDArray[Any], values: ArrayLike) -> None:
    """`Masks.paint` into a volume (D, H, W), each mask into its plane; later ones win.

    Raises:
        DataError: a plane that the volume does not have.
    """
    given = np.asarray(values)
    if len(planes) and not 0 <= int(planes.min()) <= int(planes.max()) < len(into):
        raise DataError(
            "a plane that the volume does not have",
            seen=int(planes.max()),
            hint=f"planes are 0 to {len(into) - 1}",
        )
    for plane in np.unique(planes):
        here = np.flatnonzero(planes == plane)
        masks[here].paint(into[plane], given[here])


def spacing_of(affine: Affine) -> tuple[float, float, float]:
    """Distance of neighbouring voxels along (D, H, W), in the affine's unit."""
    x, y, z = (float(side) for side in np.linalg.norm(np.array(affine)[:3, :3], axis=0))
    return z, y, x


def displacement(one: Affine, two: Affine, size: Sequence[int]) -> float:
    """How far apart two affines put the corners of a volume (D, H, W), in voxels; at most.

    One voxel is the least spacing of the first. Of two affines that are both unknown (empty) it
    is 0, and infinite where one is.
    """
    if not one or not two:
        return 0.0 if not one and not two else float("inf")
    corners = np.array([(*c, 1) for c in itertools.product(*((0, n - 1) for n in size[::-1]))])
    apart = (np.array(one) - np.array(two))[:3] @ corners.T
    return float(np.linalg.norm(apart, axis=0).max() / min(spacing_of(one)))


def _stacked_rows(rows: Rows, height: int, size: tuple[int, int]) -> Rows:
    """One row per object, its category, and its place among the object's rows of a plane."""
    groups: dict[tuple[int, int, int], list[int]] = {}
    times: dict[tuple[int, int, int], int] = {}
    columns = (rows.instance.tolist(), rows.category.tolist(), rows.plane.tolist())
    for i, one in enumerate(zip(*columns, strict=True)):
        times[one] = times.get(one, -1) + 1
        groups.setdefault((*one[:2], times[one]), []).append(i)
    tall = rows.masks.place(0, rows.plane.astype(np.int64) * height, size)
    kept = rows.take(np.array([own[0] for own in groups.values()], np.int64))
    merged = [tall[np.array(own, np.int64)].merge() for own in groups.values()]
    masks = Masks.concatenate(merged) if merged else Masks.empty(0, size)
    return Rows(**{**_columns(kept, plane=0), "masks": masks})


def _columns(rows: Rows, *, plane: int) -> dict[str, Any]:
    columns = {name: getattr(rows, name) for name in Rows.__slots__ if name != "masks"}
    return {**columns, "plane": np.full(len(rows), plane, np.int32)}


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], tuple):
        return tuple(itertools.chain.from_iterable(parts))
    return np.concatenate(parts)
