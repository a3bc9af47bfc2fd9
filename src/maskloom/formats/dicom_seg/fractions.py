"""Pixels of FRACTIONAL segmentations that are neither inside nor outside.

Labels are inside or outside here, so that such pixels are read under a threshold that was said,
or not at all; where all are 0 or the maximum, no threshold is needed.

Source: DICOM PS3.3 C.8.20.2.3 (probability or occupancy, 0 to MaximumFractionalValue).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from maskloom.errors import FormatError
from maskloom.formats.dicom_seg.frames import SegFrames
from maskloom.store.dicom import frames_of, read_dicom

_SHOWN = 8


def partial_pixels(path: Path, info: SegFrames, threshold: float | None) -> int:
    """How many pixels of a file lie strictly between 0 and the maximum.

    Args:
        path: of the file.
        info: of its frames.
        threshold: from which share of the maximum such a pixel is inside; None refuses it.

    Raises:
        FormatError: a pixel above the maximum, or one in between and no threshold.
    """
    if info.kind != "FRACTIONAL":
        return 0
    count = 0
    height, width = info.size[-2:]
    for i, stored in enumerate(frames_of(read_dicom(path, pixels=True), path)):
        row, column = info.corners[i].tolist()
        tile = stored[: height - row, : width - column]
        if (above := tile > info.maximum).any():
            raise FormatError(
                "a pixel above MaximumFractionalValue",
                where=_place(path, i, above),
                seen=f"{int(tile[above][0])} of {info.maximum}",
            )
        between = (tile > 0) & (tile < info.maximum)
        if threshold is None and between.any():
            raise FormatError(
                "a pixel that is partly inside its segment",
                where=_place(path, i, between),
                seen=f"{int(tile[between][0])} of {info.maximum}",
                hint="labels are inside or outside: say from which share of the maximum on a pixel "
                "is inside, --set from.threshold=0.5",
            )
        count += int(np.count_nonzero(between))
    return count


def declared(partial: Mapping[str, int], threshold: float | None) -> tuple[str, ...]:
    """What a threshold did, for people.

    Args:
        partial: file → how many of its pixels lie strictly between 0 and the maximum.
        threshold: from which share of the maximum they are inside.
    """
    if not partial:
        return ()
    named = ", ".join(f"{n:,} px of {file}" for file, n in list(partial.items())[:_SHOWN])
    more = f" and of {len(partial) - _SHOWN} more files" if len(partial) > _SHOWN else ""
    return (
        f"fractions are cut: pixels strictly between 0 and the maximum are inside from "
        f"{threshold:g} of it on, outside below: {named}{more}",
    )


def _place(path: Path, frame: int, wrong: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> str:
    row, column = np.argwhere(wrong)[0].tolist()
    return f"{path}: frame {frame + 1}, row {row + 1}, column {column + 1}"
