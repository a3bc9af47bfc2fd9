"""What a DICOM segmentation says besides its pixels: kept from a file, or made.

Patient, study, references to the source series and descriptions of segments are those of the
file or series that the labels came from. Identifiers are made of content, and no clock is read.

Source: DICOM PS3.3 A.51 (Segmentation IOD), C.8.20.2, C.7.6.16, C.7.6.17.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.category_names import positions_of
from maskloom.core.labels import Rows
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.volumes import spacing_of
from maskloom.errors import WriteError
from maskloom.formats.dicom_seg.frames import SegFrames
from maskloom.formats.dicom_seg.groups import (
    FILE_KEYWORDS,
    place_name,
    segment_item,
    shared_groups,
)
from maskloom.store.dicom_groups import FrameGroups
from maskloom.store.dicom_series import is_series, source_instances

_MOST_SEGMENTS = 65_535


def kept_of(data: Any, info: SegFrames) -> dict[str, Any]:
    """What a segmentation says besides its pixels, as plain JSON, to be written again.

    Args:
        data: the attributes of the file.
        info: of its frames.
    """
    from pydicom.dataset import Dataset

    own = Dataset()
    for keyword in FILE_KEYWORDS:
        if keyword in data:
            own[keyword] = data[keyword]
    segments = {
        str(item.SegmentNumber): item.to_json_dict() for item in data.get("SegmentSequence") or ()
    }
    segments.pop("0", None)
    kept: dict[str, Any] = {"file": own.to_json_dict(), "segments": segments}
    sources: dict[str, Any] = {}
    series = [
        str(s.SeriesInstanceUID)
        for s in data.get("ReferencedSeriesSequence") or ()
        if "SeriesInstanceUID" in s
    ]
    if len(info.size) == 3:
        groups = FrameGroups(data)
        for i in range(len(info.planes)):
            place = place_name(info.positions[i])
            item = None if place in sources else groups.item(i, "DerivationImageSequence")
            if item is not None:
                sources[place] = item.to_json_dict()
    return {**kept, "sources": sources, "series": series}


def described(kept: Mapping[str, Any], sample: Sample, segments: Sequence[Any]) -> Any:
    """A pydicom data set of all that says nothing of pixels and single frames.

    Args:
        kept: of the file that the labels came from (`kept_of`), or empty.
        sample: the volume.
        segments: items of `segment_items`.
    """
    from pydicom.dataset import Dataset

    data = Dataset.from_json(kept["file"]) if kept.get("file") else Dataset()
    seed = hashlib.sha256(sample.key.encode()).digest()
    usual: dict[str, Any] = {
        "PatientName": "", "PatientID": "", "PatientBirthDate": "", "PatientSex": "",
        "StudyInstanceUID": uid_of(seed, "study"), "StudyDate": "", "StudyTime": "", "StudyID": "",
        "AccessionNumber": "", "ReferringPhysicianName": "",
        "FrameOfReferenceUID": uid_of(seed, "frame"), "PositionReferenceIndicator": "",
        "SeriesNumber": 1, "InstanceNumber": 1, "ContentDate": "19700101", "ContentTime": "000000",
        "ContentLabel": "SEGMENTATION", "ContentDescription": "", "ContentCreatorName": "",
        "Manufacturer": "maskloom", "ManufacturerModelName": "maskloom",
        "DeviceSerialNumber": "0", "SoftwareVersions": "1",
    }  # fmt: skip
    for keyword, value in usual.items():
        if keyword not in data:
            setattr(data, keyword, value)
    data.Modality = "SEG"
    data.ImageType = ["DERIVED", "PRIMARY"]
    data.LossyImageCompression = "00"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.PixelRepresentation = 0
    data.SegmentSequence = segments
    if not all(str(item.SegmentLabel).isascii() for item in segments):
        data.SpecificCharacterSet = "ISO_IR 192"  # UTF-8; the default has no such letters
    affine = lps_affine(sample)
    data.SharedFunctionalGroupsSequence = [shared_groups(affine, spacing_of(sample.image.affine))]
    _references(data, sample, kept)
    return data


def add_dimensions(data: Any, key: str, *, segments: bool) -> None:
    """Say what the indexes of frames count: segments (but of a LABELMAP), then planes.

    Args:
        data: to add to.
        key: of the sample.
        segments: whether frames are of one segment each.
    """
    from pydicom.dataset import Dataset

    organization = Dataset()
    organization.DimensionOrganizationUID = uid_of(
        hashlib.sha256(key.encode()).digest(), "dimensions"
    )
    data.DimensionOrganizationSequence = [organization]
    indexes = []
    for pointer, group in ((0x0062000B, 0x0062000A), (0x00200032, 0x00209113)):
        item = Dataset()
        item.DimensionOrganizationUID = organization.DimensionOrganizationUID
        item.DimensionIndexPointer, item.FunctionalGroupPointer = pointer, group
        indexes.append(item)
    data.DimensionIndexSequence = indexes if segments else indexes[1:]


def lps_affine(sample: Sample) -> NDArray[np.float64]:
    """The 4×4 affine of a sample in DICOM's frame, in which x and y point the other way."""
    matrix: NDArray[np.float64] = np.array(sample.image.affine, np.float64)
    matrix[:2] *= -1
    return matrix


def segment_items(
    rows: Rows, taxonomy: Taxonomy, kept: Mapping[str, Any]
) -> tuple[list[Any], NDArray[np.int64]]:
    """(descriptions of segments 1, 2, ..., the segment of each row), by object, then category.

    Segments of the file that the labels came from stay, without a pixel, where their category does.

    Raises:
        WriteError: more segments than a file may have.
    """
    given = kept.get("segments", {})
    pairs = np.stack([rows.instance, rows.category.astype(np.int64)], axis=1)
    objects, numbers = np.unique(pairs, axis=0, return_inverse=True)
    if len(objects) > _MOST_SEGMENTS:
        raise WriteError("a segmentation has at most 65,535 segments", seen=len(objects))
    colors = taxonomy.colors()
    items: list[Any] = []
    used = set()
    for instance, category in objects.tolist():
        own = given.get(str(instance))
        used |= {str(instance)} if own is not None else set()
        items.append(segment_item(len(items) + 1, taxonomy[category].name, colors[category], own))
    names = positions_of(taxonomy)
    for number in sorted(set(given) - used, key=int):
        item = segment_item(len(items) + 1, None, (128, 128, 128), given[number])
        if str(item.SegmentLabel) in names:
            items.append(item)
    if not items:
        items.append(segment_item(1, taxonomy[0].name, colors[0], None))
    return items, numbers.reshape(-1) + 1


def _references(data: Any, sample: Sample, kept: Mapping[str, Any]) -> None:
    """The source series, of the segmentation that was read or of the image at hand."""
    from pydicom.dataset import Dataset

    path = sample.image.path
    if kept.get("file") or path is None or not is_series(path):
        return
    instances = source_instances(path)
    series = Dataset()
    series.SeriesInstanceUID = instances[0][2]
    items = []
    for kind, instance, _ in sorted(set(instances)):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = kind, instance
        items.append(item)
    series.ReferencedInstanceSequence = items
    data.ReferencedSeriesSequence = [series]


def uid_of(seed: bytes, what: str) -> str:
    """A UID of the 2.25 kind, made from content."""
    digest = hashlib.sha256(seed + what.encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
