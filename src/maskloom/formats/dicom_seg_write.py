"""Write DICOM segmentations: one BINARY file per volume, one segment per object.

Written by hand on pydicom, so that the same labels are the same bytes: identifiers are made from
what the file says, and no clock is read. Patient, study, references to the source series and
descriptions of segments are those of the file or series that the labels came from.

Source: DICOM PS3.3 A.51 (Segmentation IOD), C.8.20.2, C.7.6.16, C.7.6.17.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.core.volumes import spacing_of
from maskloom.errors import MissingExtra, WriteError
from maskloom.formats.base import WriteOptions
from maskloom.formats.dicom_seg_frames import SegFrames
from maskloom.formats.dicom_seg_groups import (
    FILE_KEYWORDS,
    frame_groups,
    plane_positions,
    segment_item,
    shared_groups,
)
from maskloom.formats.dicom_seg_rows import packed_bits
from maskloom.formats.folders import write_side_file
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.volume_files import VolumePlacer
from maskloom.store.dicom import group_item
from maskloom.store.dicom_series import is_series, source_instances
from maskloom.store.files import atomic_write_bytes, safe_join

NAME = "dicom-seg"
HOLDS = Holds(dense=True, instances=True, overlap=True)
_SEG_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_IMPLEMENTATION = "2.25.265119447362510841716391117271217381417"
_SHEAR = 1e-4
_MOST_SEGMENTS = 65_535


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write segmentations."""


class DicomSegWriter:
    """DST/KEY.dcm, DST/images, DST/taxonomy.json."""

    def __init__(self, target: Path, taxonomy: Taxonomy, options: Write) -> None:
        try:
            import pydicom  # noqa: F401
        except ModuleNotFoundError as error:
            raise MissingExtra(
                "DICOM needs the package 'pydicom'",
                hint="install it with: pip install 'maskloom[medical]'",
            ) from error
        self.target = target
        self.taxonomy = taxonomy
        self.images = VolumePlacer(target / "images", options.images, ".nii.gz")

    def has(self, key: str) -> bool:
        """Whether the segmentation is there."""
        return self._path(key).is_file()

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What segments cannot hold; DICOM has no sheared planes and needs a place."""
        holds = Holds(dense=True, instances=True, overlap=True, void=labels.rows is not None)
        found = losses_of(holds, sample.key, labels, self.taxonomy)
        affine = sample.image.affine
        if len(affine) == 4:
            x, y = np.array(affine)[:3, 0], np.array(affine)[:3, 1]
            if abs(x @ y) > _SHEAR * np.linalg.norm(x) * np.linalg.norm(y):
                found.append(Loss(sample.key, "affine", 1, detail="rows and columns are oblique"))
        return found

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write one segmentation, and its image.

        Raises:
            WriteError: the volume does not say where it lies, or the target cannot be written.
        """
        if len(sample.image.affine) != 4:
            raise WriteError(
                "the volume does not say where it lies, which DICOM needs",
                where=sample.key,
                hint="write --to nifti or nrrd",
            )
        atomic_write_bytes(self._path(sample.key), self._bytes(sample, labels))
        self.images.put(sample)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write the side file."""
        write_side_file(self.target, self.taxonomy, splits, kind="volume-segments", format=NAME)
        return self.images.warnings()

    def _path(self, key: str) -> Path:
        return safe_join(self.target, f"{key}.dcm")

    def _bytes(self, sample: Sample, labels: Labels) -> bytes:
        from pydicom.dataset import Dataset, FileMetaDataset
        from pydicom.filewriter import dcmwrite

        kept = sample.extra.get(NAME, {})
        data = _frame_of_reference(kept, sample)
        rows = instance_rows(labels)
        rows = rows.take((rows.kind == RowKind.MASK) & (rows.masks.areas > 0))
        numbers = _segments(data, rows, self.taxonomy, kept)
        _frames(data, rows, numbers, sample, labels.size)
        _references(data, sample, kept)
        digest = hashlib.sha256(str(data.to_json()).encode()).digest()
        data.SOPInstanceUID = _uid(digest, "instance")
        data.SeriesInstanceUID = _uid(digest, "series")
        data.file_meta = FileMetaDataset()
        data.file_meta.MediaStorageSOPClassUID = _SEG_CLASS
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.file_meta.TransferSyntaxUID = _EXPLICIT_LITTLE
        data.file_meta.ImplementationClassUID = _IMPLEMENTATION
        assert isinstance(data, Dataset)
        buffer = io.BytesIO()
        dcmwrite(buffer, data, enforce_file_format=True)
        return buffer.getvalue()


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> DicomSegWriter:
    """A writer into the folder `target`; `extra` is not used."""
    del extra
    return DicomSegWriter(target, taxonomy, options)


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
        for i, plane in enumerate(info.planes.tolist()):
            item = group_item(data, i, "DerivationImageSequence")
            place = ",".join(f"{v:.3f}" for v in info.positions[i])
            if item is not None and plane is not None:
                sources.setdefault(place, item.to_json_dict())
    return {**kept, "sources": sources, "series": series}


def _frame_of_reference(kept: Mapping[str, Any], sample: Sample) -> Any:
    """A data set with patient, study and what every segmentation has."""
    from pydicom.dataset import Dataset

    data = Dataset.from_json(kept["file"]) if kept.get("file") else Dataset()
    seed = hashlib.sha256(sample.key.encode()).digest()
    usual: dict[str, Any] = {
        "PatientName": "", "PatientID": "", "PatientBirthDate": "", "PatientSex": "",
        "StudyInstanceUID": _uid(seed, "study"), "StudyDate": "", "StudyTime": "", "StudyID": "",
        "AccessionNumber": "", "ReferringPhysicianName": "",
        "FrameOfReferenceUID": _uid(seed, "frame"), "PositionReferenceIndicator": "",
        "SeriesNumber": 1, "InstanceNumber": 1, "ContentDate": "19700101", "ContentTime": "000000",
        "ContentLabel": "SEGMENTATION", "ContentDescription": "", "ContentCreatorName": "",
        "Manufacturer": "maskloom", "ManufacturerModelName": "maskloom",
        "DeviceSerialNumber": "0", "SoftwareVersions": "1",
    }  # fmt: skip
    for keyword, value in usual.items():
        if keyword not in data:
            setattr(data, keyword, value)
    data.SOPClassUID = _SEG_CLASS
    data.Modality = "SEG"
    data.ImageType = ["DERIVED", "PRIMARY"]
    data.LossyImageCompression = "00"
    data.SegmentationType = "BINARY"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.PixelRepresentation, data.BitsAllocated, data.BitsStored, data.HighBit = 0, 1, 1, 0
    return data


def _segments(data: Any, rows: Rows, taxonomy: Taxonomy, kept: Mapping[str, Any]) -> dict[int, int]:
    """Describe the segments; returns object id → segment number, 1, 2, ..."""
    given = kept.get("segments", {})
    objects = dict(zip(rows.instance.tolist(), rows.category.tolist(), strict=True))
    if len(objects) > _MOST_SEGMENTS:
        raise WriteError("a segmentation has at most 65,535 segments", seen=len(objects))
    items: list[Any] = []
    numbers: dict[int, int] = {}
    used = set()
    for instance, category in sorted(objects.items()):
        numbers[instance] = len(items) + 1
        own = given.get(str(instance))
        name = taxonomy[category].name
        item = segment_item(numbers[instance], name, taxonomy.colors()[category], own)
        used |= {str(instance)} if own is not None else set()
        items.append(item)
    for number in sorted(set(given) - used, key=int):
        item = segment_item(len(items) + 1, None, (128, 128, 128), given[number])
        if taxonomy.find(str(item.SegmentLabel)) is not None:
            items.append(item)
    if not items:
        items.append(segment_item(1, taxonomy[0].name, taxonomy.colors()[0], None))
    data.SegmentSequence = items
    return numbers


def _frames(
    data: Any, rows: Rows, numbers: Mapping[int, int], sample: Sample, size: tuple[int, ...]
) -> None:
    """Pixels and functional groups, by segment and plane.

    The first and the last plane always have a frame: they say how deep the volume is.
    """
    from pydicom.dataset import Dataset

    depth, height, width = size
    found: dict[tuple[int, int], list[int]] = {}
    for i, (instance, plane) in enumerate(
        zip(rows.instance.tolist(), rows.plane.tolist(), strict=True)
    ):
        found.setdefault((numbers[instance], plane), []).append(i)
    for plane in {0, depth - 1} - {plane for _, plane in found}:
        found[1, plane] = []
    affine = np.array(sample.image.affine) * np.array([[-1], [-1], [1], [1]])
    positions = plane_positions(affine, depth)
    order = sorted(found)
    data.PerFrameFunctionalGroupsSequence = [
        frame_groups(number, plane, positions[plane], sample.extra.get(NAME, {}))
        for number, plane in order
    ]
    data.Rows, data.Columns, data.NumberOfFrames = height, width, len(order)
    packed = b"".join(packed_bits(rows.masks, [found[one] for one in order], (height, width)))
    data.PixelData = packed + b"\0" * (len(packed) % 2)
    data["PixelData"].VR = "OB"
    data.SharedFunctionalGroupsSequence = [shared_groups(affine, spacing_of(sample.image.affine))]
    organization = Dataset()
    organization.DimensionOrganizationUID = _uid(
        hashlib.sha256(sample.key.encode()).digest(), "dimensions"
    )
    data.DimensionOrganizationSequence = [organization]
    indexes = []
    for pointer, group in ((0x0062000B, 0x0062000A), (0x00200032, 0x00209113)):
        item = Dataset()
        item.DimensionOrganizationUID = organization.DimensionOrganizationUID
        item.DimensionIndexPointer, item.FunctionalGroupPointer = pointer, group
        indexes.append(item)
    data.DimensionIndexSequence = indexes


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


def _uid(seed: bytes, what: str) -> str:
    """A UID of the 2.25 kind, made from content."""
    digest = hashlib.sha256(seed + what.encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
