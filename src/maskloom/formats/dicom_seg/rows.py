"""Pixels of the frames of a DICOM segmentation as objects, one per segment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.errors import FormatError
from maskloom.formats.dicom_seg.frames import SegFrames


def rows_of_frames(
    info: SegFrames,
    frames: Iterable[NDArray[Any]],
    positions: Mapping[int, int],
    threshold: float,
    path: Path,
) -> tuple[Rows, dict[str, list[int]]]:
    """One row per segment and plane (or slide) in which it has pixels; and frames that have none.

    Args:
        info: of the file.
        frames: each (h, w), as stored.
        positions: segment number → category.
        threshold: from which share of the maximum a FRACTIONAL pixel is inside.
        path: to name.

    Returns:
        The rows, and segment number (0 of LABELMAP) → planes of its frames without a pixel.

    Raises:
        FormatError: a number that no segment has.
    """
    found: dict[tuple[int, int], list[Masks]] = {}
    empty: dict[str, list[int]] = {}
    frame_size = info.size[-2:]
    for i, stored in enumerate(frames):
        row, column = info.corners[i].tolist()
        tile = stored[: frame_size[0] - row, : frame_size[1] - column]
        seen = False
        for number, inside in _parts(info, tile, i, threshold, path):
            if inside.any():
                seen = True
                mask = Masks.from_dense(inside)
                if inside.shape != frame_size:
                    mask = mask.place(column, row, frame_size)
                found.setdefault((number, int(info.planes[i])), []).append(mask)
        if not seen:
            own = str(max(0, int(info.numbers[i])))
            empty.setdefault(own, []).append(int(info.planes[i]))
    order = sorted(found)
    masks = [Masks.empty(0, frame_size)]
    masks += [
        one[0] if len(one) == 1 else Masks.concatenate(one).merge()
        for one in map(found.__getitem__, order)
    ]
    rows = Rows.make(
        Masks.concatenate(masks),
        [positions[number] for number, _ in order],
        instance=[number for number, _ in order],
        plane=[plane for _, plane in order],
    )
    return rows, empty


def _parts(
    info: SegFrames, tile: NDArray[Any], frame: int, threshold: float, path: Path
) -> list[tuple[int, NDArray[np.bool_]]]:
    """(segment number, its pixels) of one frame."""
    if info.kind != "LABELMAP":
        least = threshold * info.maximum if info.kind == "FRACTIONAL" else 1
        return [(int(info.numbers[frame]), tile >= max(least, 1e-9))]
    values = np.unique(tile).tolist()
    unknown = [v for v in values if v not in info.hidden and v not in info.labels]
    if unknown:
        raise FormatError(
            "a number that no segment has",
            where=f"{path}: frame {frame + 1}",
            seen=unknown[0],
            hint=f"known: {', '.join(map(str, sorted(info.labels)))}",
        )
    return [(v, tile == v) for v in values if v not in info.hidden]
