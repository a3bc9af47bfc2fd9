"""Items of a DICOM segmentation: descriptions of segments, functional groups of frames.

Source: DICOM PS3.3 C.8.20.4 (segment description), C.7.6.16.2 (functional groups); CID 7150/7151.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from maskloom.formats.dicom_seg.sources import Sources

_PLACES = 9  # decimals of a mm
_TISSUE = ("85756007", "SCT", "Tissue")
_BACKGROUND = ("125040", "DCM", "Background")


def code(value: str, scheme: str, meaning: str) -> Any:
    """A coded concept."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def segment_item(
    number: int, name: str | None, color: tuple[int, int, int], own: Mapping[str, Any] | None
) -> Any:
    """The description of a segment, under its number and name.

    Args:
        number: of the segment.
        name: its label; None keeps that of `own`.
        color: RGB 0..255 to show it in, of a new segment.
        own: an item as DICOM JSON, of the file that the segment came from.
    """
    from pydicom.dataset import Dataset

    item = Dataset.from_json(dict(own)) if own else Dataset()
    if not own:
        item.SegmentAlgorithmType = "MANUAL"
        item.SegmentedPropertyCategoryCodeSequence = [code(*_TISSUE)]
        item.SegmentedPropertyTypeCodeSequence = [code(*_TISSUE)]
        item.RecommendedDisplayCIELabValue = list(_cielab(color))
    if name is not None and str(item.get("SegmentLabel")) != name:
        item.SegmentLabel = name
    item.SegmentNumber = number
    return item


def background_item(own: Mapping[str, Any] | None) -> Any:
    """The description of number 0 of a LABELMAP, which names every value that pixels have.

    Args:
        own: that of the file that was read, as DICOM JSON.
    """
    if own:
        return segment_item(0, None, (0, 0, 0), own)
    item = segment_item(0, "Background", (0, 0, 0), None)
    for keyword in ("SegmentedPropertyCategoryCodeSequence", "SegmentedPropertyTypeCodeSequence"):
        setattr(item, keyword, [code(*_BACKGROUND)])
    del item.RecommendedDisplayCIELabValue
    return item


def frame_groups(
    frames: Sequence[tuple[int, int]],
    positions: NDArray[np.float64],
    sources: Sources,
) -> bytes:
    """The functional groups of all frames, as they are stored: explicit, little-endian.

    Written here, as a file may have a hundred thousand frames whose groups differ in two numbers.

    Args:
        frames: (segment number, plane) of each; number 0 where its pixels say.
        positions: (D, 3) of the centres of first pixels, LPS mm.
        sources: from which images they come.
    """
    places = [(place_name(place), _place_group(place)) for place in positions]
    parts = []
    for number, plane in frames:
        indexes = [number, plane + 1] if number else [plane + 1]
        name, place = places[plane]
        content = _sequence(0x0020, 0x9111, _element(0x0020, 0x9157, b"UL", _packed("I", indexes)))
        segment = b""
        if number:
            segment = _element(0x0062, 0x000B, b"US", _packed("H", [number]))
            segment = _sequence(0x0062, 0x000A, segment)
        parts.append(_item(sources.of(number, name) + content + place + segment))
    return _element(0x5200, 0x9230, b"SQ", b"".join(parts))


def _place_group(position: NDArray[np.float64]) -> bytes:
    """Where the frames of a plane lie."""
    text = "\\".join(_decimal(v, _PLACES) for v in position).encode("ascii")
    text += b" " * (len(text) % 2)
    return _sequence(0x0020, 0x9113, _element(0x0020, 0x0032, b"DS", text))


def place_name(position: Any) -> str:
    """By what the sources of a plane are found again: its place to 1/1000 mm."""
    return ",".join(f"{v + 0.0:.3f}" for v in position)


def encoded(data: Any, charset: Any = None) -> bytes:
    """The elements of a pydicom data set, explicit and little-endian.

    Args:
        data: to encode.
        charset: SpecificCharacterSet, of a data set inside another.
    """
    from pydicom.charset import default_encoding
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_dataset(stream, data, charset or default_encoding)
    return stream.getvalue()


def element_head(group: int, element: int, kind: bytes, length: int) -> bytes:
    """What stands before a value whose length is of 32 bit."""
    return struct.pack("<HH2sHI", group, element, kind, 0, length)


def uid_element(group: int, element: int, uid: str) -> bytes:
    """An element that holds one UID, as it is stored."""
    value = uid.encode("ascii")
    return _element(group, element, b"UI", value + b"\0" * (len(value) % 2))


def _element(group: int, element: int, kind: bytes, value: bytes) -> bytes:
    if kind in (b"SQ", b"OB", b"OW"):
        return element_head(group, element, kind, len(value)) + value
    return struct.pack("<HH2sH", group, element, kind, len(value)) + value


def _sequence(group: int, element: int, content: bytes) -> bytes:
    return _element(group, element, b"SQ", _item(content))


def _item(content: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def _packed(kind: str, values: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(values)}{kind}", *values)


def shared_groups(
    affine: NDArray[np.float64], spacing: tuple[float, ...], thickness: str = ""
) -> Any:
    """Orientation and spacing, which all frames share.

    Args:
        affine: 4×4 in LPS.
        spacing: mm along (D, H, W).
        thickness: of slices in mm, where it is not their distance.
    """
    from pydicom.dataset import Dataset

    group, orientation, measures = Dataset(), Dataset(), Dataset()
    cosines = [*(affine[:3, 0] / spacing[2]), *(affine[:3, 1] / spacing[1])]
    orientation.ImageOrientationPatient = [_decimal(v, 10) for v in cosines]
    normal = np.cross(cosines[:3], cosines[3:])
    measures.SliceThickness = thickness or _decimal(spacing[0], 8)
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


@cache
def _cielab(color: tuple[int, int, int]) -> tuple[int, int, int]:
    """CIELab as DICOM scales it to 16 bit (PS3.3 C.10.7.1.1)."""
    from skimage.color import rgb2lab

    lightness, a, b = rgb2lab(np.array(color, np.float64).reshape(1, 1, 3) / 255)[0, 0].tolist()
    return (
        round(lightness / 100 * 65535),
        round((a + 128) / 255 * 65535),
        round((b + 128) / 255 * 65535),
    )
