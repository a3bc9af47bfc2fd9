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

from maskloom.core.sample import Sample
from maskloom.core.volumes import spacing_of
from maskloom.formats.dicom_seg.groups import shared_groups
from maskloom.formats.dicom_seg.kept import restored
from maskloom.store.dicom_series import is_series, source_instances


def described(kept: Mapping[str, Any], sample: Sample, segments: Sequence[Any]) -> Any:
    """A pydicom data set of all that says nothing of pixels and single frames.

    Args:
        kept: of the file that the labels came from (`kept.py`), or empty.
        sample: the volume.
        segments: their descriptions.
    """
    data = restored({**kept.get("file", {}), **kept.get("blank", {})})
    seed = hashlib.sha256(sample.key.encode()).digest()
    usual: dict[str, Any] = {
        "PatientName": "", "PatientID": "", "PatientBirthDate": "", "PatientSex": "",
        "StudyInstanceUID": uid_of(seed, "study"), "StudyDate": "", "StudyTime": "", "StudyID": "",
        "AccessionNumber": "", "ReferringPhysicianName": "",
        "FrameOfReferenceUID": uid_of(seed, "frame"), "PositionReferenceIndicator": "",
        "SeriesNumber": 1, "InstanceNumber": 1, "ContentDate": "19700101", "ContentTime": "000000",
        "ContentLabel": "SEGMENTATION", "ContentDescription": "", "ContentCreatorName": "",
        "ImageType": ["DERIVED", "PRIMARY"], "LossyImageCompression": "00",
        "Manufacturer": "maskloom", "ManufacturerModelName": "maskloom",
        "DeviceSerialNumber": "0", "SoftwareVersions": "1",
    }  # fmt: skip
    for keyword, value in usual.items():
        if keyword not in data:
            setattr(data, keyword, value)
    data.Modality = "SEG"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.PixelRepresentation = 0
    data.SegmentSequence = segments
    if not all(str(item.SegmentLabel).isascii() for item in segments):
        data.SpecificCharacterSet = "ISO_IR 192"  # UTF-8; the default has no such letters
    affine = lps_affine(sample)
    spacing, thickness = spacing_of(sample.image.affine), kept.get("SliceThickness", "")
    shared = restored(kept.get("SharedFunctionalGroups", {}))
    shared.update(shared_groups(affine, spacing, thickness))
    data.SharedFunctionalGroupsSequence = [shared]
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
