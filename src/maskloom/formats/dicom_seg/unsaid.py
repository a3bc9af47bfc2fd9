"""What a DICOM segmentation that is written does not say of its segments, told by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskloom.formats.dicom_seg.segments import Segments
from maskloom.formats.loss import MOST_NAMED, Loss


def unsaid(key: str, segments: Segments, kept: Mapping[str, Any], kind: str) -> list[Loss]:
    """Facts of segments that are not written as they were read.

    Args:
        key: of the sample.
        segments: as they are written.
        kept: of the file that the labels came from (`kept.py`), or empty.
        kind: of the file that is written: binary, fractional or labelmap.
    """
    found = [
        Loss(key, "fields", len(objects), names=(name,), instances=objects[:MOST_NAMED])
        for name, objects in (
            ("SegmentNumber", segments.renumbered),
            ("SegmentSequence", segments.undescribed),
        )
        if objects
    ]
    names = [f"the empty segment {label}" for label in segments.gone]
    if kept.get("background") and kind != "labelmap":
        names.append("the description of number 0")
    if kept.get("SegmentationFractionalType") and kind != "fractional":
        names.append("SegmentationFractionalType")
    if names:
        found.append(Loss(key, "fields", names=tuple(names)))
    return found
