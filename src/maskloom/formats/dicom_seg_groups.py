"""Items of a DICOM segmentation: descriptions of segments, functional groups of frames.

Source: DICOM PS3.3 C.8.20.4 (segment description), C.7.6.16.2 (functional groups); CID 7150/7151.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE_KEYWORDS = (
    "SpecificCharacterSet", "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "PatientAge", "PatientWeight", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID",
    "StudyDescription", "AccessionNumber", "ReferringPhysicianName", "FrameOfReferenceUID",
    "PositionReferenceIndicator", "SeriesDescription", "SeriesNumber", "InstanceNumber",
    "ContentDate", "ContentTime", "ContentLabel", "ContentDescription", "ContentCreatorName",
    "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions",
    "ReferencedSeriesSequence",
)  # fmt: skip
_PLACES = 9  # decimals of a mm
_TISSUE = ("85756007", "SCT", "Tissue")


def code(value: str, scheme: str, meaning: str) -> Any:
    """A coded concept."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def segment_item(
    number: int, name: str | None, color: tuple[int, int, int], own: Mapping[str, Any] | None
) -> Any:
    """The description of a segment; that of the file it came from where its label still holds.

    Args:
        number: of the segment.
        name: its label; None keeps that of `own`.
        color: RGB 0..255 to show it in, of a new segment.
        own: an item as DICOM JSON.
    """
    from pydicom.dataset import Dataset

    item = Dataset.from_json(dict(own)) if own else None
    if item is None or (name is not None and str(item.get("SegmentLabel")) != name):
        item = Dataset()
        item.SegmentAlgorithmType = "MANUAL"
        item.SegmentedPropertyCategoryCodeSequence = [code(*_TISSUE)]
        item.SegmentedPropertyTypeCodeSequence = [code(*_TISSUE)]
        item.SegmentLabel = name
        item.RecommendedDisplayCIELabValue = _cielab(color)
    item.SegmentNumber = number
    return item


def frame_groups(
    number: int, plane: int, position: NDArray[np.float64], kept: Mapping[str, Any]
) -> Any:
    """The functional groups of one frame.

    Args:
        number: of its segment.
        plane: from 0.
        position: of the centre of its first pixel, LPS mm.
        kept: of the file that the labels came from, with the sources of its planes.
    """
    from pydicom.dataset import Dataset

    group, content, place, segment = Dataset(), Dataset(), Dataset(), Dataset()
    content.DimensionIndexValues = [number, plane + 1]
    place.ImagePositionPatient = [_decimal(v, _PLACES) for v in position]
    segment.ReferencedSegmentNumber = number
    group.FrameContentSequence = [content]
    group.PlanePositionSequence = [place]
    group.SegmentIdentificationSequence = [segment]
    source = kept.get("sources", {}).get(",".join(f"{v + 0.0:.3f}" for v in position))
    if source is not None:
        group.DerivationImageSequence = [Dataset.from_json(dict(source))]
    return group


def shared_groups(affine: NDArray[np.float64], spacing: tuple[float, ...]) -> Any:
    """Orientation and spacing, which all frames share.

    Args:
        affine: 4×4 in LPS.
        spacing: mm along (D, H, W).
    """
    from pydicom.dataset import Dataset

    group, orientation, measures = Dataset(), Dataset(), Dataset()
    cosines = [*(affine[:3, 0] / spacing[2]), *(affine[:3, 1] / spacing[1])]
    orientation.ImageOrientationPatient = [_decimal(v, 10) for v in cosines]
    normal = np.cross(cosines[:3], cosines[3:])
    measures.SliceThickness = _decimal(spacing[0], 8)
    measures.SpacingBetweenSlices = _decimal(abs(float(normal @ affine[:3, 2])), 8)
    measures.PixelSpacing = [_decimal(spacing[1], 8), _decimal(spacing[2], 8)]
    group.PlaneOrientationSequence = [orientation]
    group.PixelMeasuresSequence = [measures]
    return group


def plane_positions(affine: NDArray[np.float64], depth: int) -> NDArray[np.float64]:
    """(D, 3) places of planes, such that the first and the last alone give all others again.

    Args:
        affine: 4×4 in LPS.
        depth: D.
    """
    first = np.round(affine[:3, 3], _PLACES)
    last = np.round(affine[:3, 3] + affine[:3, 2] * (depth - 1), _PLACES)
    step = (last - first) / max(1, depth - 1)
    return first + step * np.arange(depth)[:, None]


def _decimal(value: float, places: int) -> str:
    """A decimal string of at most 16 characters, rounded so that it is read and written again."""
    from pydicom.valuerep import format_number_as_ds

    rounded = round(float(value), places) + 0.0
    text = repr(rounded)
    return text if len(text) <= 16 else str(format_number_as_ds(rounded))


def _cielab(color: tuple[int, int, int]) -> list[int]:
    """CIELab as DICOM scales it to 16 bit (PS3.3 C.10.7.1.1)."""
    from skimage.color import rgb2lab

    lightness, a, b = rgb2lab(np.array(color, np.float64).reshape(1, 1, 3) / 255)[0, 0].tolist()
    return [
        round(lightness / 100 * 65535),
        round((a + 128) / 255 * 65535),
        round((b + 128) / 255 * 65535),
    ]
