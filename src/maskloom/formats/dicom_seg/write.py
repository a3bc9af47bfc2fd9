"""Write DICOM segmentations, one file per volume, one segment per object.

BINARY by default: objects may overlap, and every reader of DICOM segmentations knows it. Written by
hand on pydicom, so that the same labels are the same bytes and memory does not grow with the
number of frames. What stands beside the pixels is `attributes.py`.

Source: DICOM PS3.3 A.51 (Segmentation IOD), C.8.20.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.core.volumes import stacked
from maskloom.errors import MissingExtra, WriteError
from maskloom.formats.base import WriteOptions
from maskloom.formats.dicom_seg.attributes import (
    add_dimensions,
    described,
    lps_affine,
    uid_of,
)
from maskloom.formats.dicom_seg.groups import (
    background_item,
    element_head,
    encoded,
    frame_groups,
    plane_positions,
    uid_element,
)
from maskloom.formats.dicom_seg.kept import EMPTY
from maskloom.formats.dicom_seg.pixels import Frames, empty_places, label_map, one_per_segment
from maskloom.formats.dicom_seg.segments import segments_of
from maskloom.formats.dicom_seg.sources import Sources
from maskloom.formats.dicom_seg.unsaid import unsaid
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.shared.flat import hidden_objects
from maskloom.formats.shared.folders import write_side_file
from maskloom.formats.shared.volume_files import VolumePlacer
from maskloom.store.files import atomic_file, safe_join

NAME = "dicom-seg"
HOLDS = Holds(dense=True, instances=True, overlap=True)
_CLASSES = {False: "1.2.840.10008.5.1.4.1.1.66.4", True: "1.2.840.10008.5.1.4.1.1.66.7"}
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_IMPLEMENTATION = "2.25.265119447362510841716391117271217381417"
_SHEAR = 1e-4
_NO_INSTANCE, _NO_SERIES = uid_of(b"", "no instance"), uid_of(b"", "no series")
_MOST_BYTES = (1 << 32) - 2


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write segmentations."""

    type: Literal["binary", "fractional", "labelmap"] = field(
        default="binary",
        metadata={
            "help": "binary: a bit per voxel and segment; fractional: 0 or 255 likewise; labelmap: "
            "one number per voxel, small, no overlaps, not known to older readers"
        },
    )


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
        self.type = options.type
        self.images = VolumePlacer(target / "images", options.images, ".nii.gz")

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What segments cannot hold; DICOM has no sheared planes and needs a place."""
        overlap = self.type != "labelmap"
        void = labels.rows is not None
        holds = Holds(dense=True, instances=True, overlap=overlap, void=void)
        found = losses_of(holds, sample.key, labels, self.taxonomy)
        if not overlap:
            found += hidden_objects(sample.key, stacked(labels), self.taxonomy)
        affine = sample.image.affine
        if len(affine) == 4:
            x, y = np.array(affine)[:3, 0], np.array(affine)[:3, 1]
            if abs(x @ y) > _SHEAR * np.linalg.norm(x) * np.linalg.norm(y):
                found.append(Loss(sample.key, "affine", 1, detail="rows and columns are oblique"))
        kept = sample.extra.get(NAME, {})
        if labels.rows is not None:
            segments = segments_of(_solid(labels), self.taxonomy, kept, gaps=not overlap)
            found += unsaid(sample.key, segments, kept, self.type)
        return found

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write one segmentation, and its image.

        Raises:
            WriteError: the volume does not say where it lies, more pixels than a file can hold, or
                the target cannot be written.
        """
        if len(sample.image.affine) != 4:
            raise WriteError(
                "the volume does not say where it lies, which DICOM needs",
                where=sample.key,
                hint="write --to nifti or nrrd",
            )
        self._write(sample, labels)
        self.images.put(sample)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write the side file."""
        write_side_file(self.target, self.taxonomy, splits, kind="volume-segments", format=NAME)
        return self.images.warnings()

    def _path(self, key: str) -> Path:
        return safe_join(self.target, f"{key}.dcm")

    def _write(self, sample: Sample, labels: Labels) -> None:
        kept = sample.extra.get(NAME, {})
        rows, mapped = _solid(labels), self.type == "labelmap"
        segments = segments_of(rows, self.taxonomy, kept, gaps=mapped)
        items = segments.items
        said = labels.extra.get(NAME, {}).get(EMPTY, {})
        empty = empty_places(said, segments.origin, labels.size[0])
        if mapped:
            most = int(items[-1].SegmentNumber)
            frames = label_map(rows, segments.of_rows, labels.size, most, empty=empty)
            items = [background_item(kept.get("background")), *items]
        else:
            bits = _BITS[self.type]
            frames = one_per_segment(rows, segments.of_rows, labels.size, bits=bits, empty=empty)
        if frames.length > _MOST_BYTES:
            raise WriteError(
                "a DICOM file holds 4 GiB of pixels",
                where=sample.key,
                seen=f"{frames.length:,} bytes in {len(frames.of):,} frames",
                hint="write --set to.type=labelmap, or --to nrrd",
            )
        data = described(kept, sample, items)
        _add_pixels(data, self.type, frames, labels.size)
        if kept.get("SegmentationFractionalType") and self.type == "fractional":
            data.SegmentationFractionalType = kept["SegmentationFractionalType"]
        if not mapped and data.get("SegmentsOverlap") == "NO" and _overlap(labels):
            data.SegmentsOverlap = "YES"  # labels were edited since
        add_dimensions(data, sample.key, segments=not mapped)
        positions = plane_positions(lps_affine(sample), labels.size[0])
        sources = Sources(kept, segments.origin, data.get("SpecificCharacterSet"))
        groups = frame_groups(frames.of, positions, sources)
        head = _head(data, groups + frames.digest, labelmap=mapped)
        with atomic_file(self._path(sample.key)) as path, path.open("wb") as file:
            file.write(head)
            file.write(groups)
            odd = frames.length % 2
            kind = b"OW" if frames.bits == 16 else b"OB"
            file.write(element_head(0x7FE0, 0x0010, kind, frames.length + odd))
            for part in frames.parts():
                file.write(part)
            file.write(b"\0" * odd)


def _solid(labels: Labels) -> Rows:
    """The objects that have pixels."""
    rows = instance_rows(labels)
    return rows.take((rows.kind == RowKind.MASK) & (rows.masks.areas > 0))


def _overlap(labels: Labels) -> bool:
    """Whether any pixel is of several objects."""
    masks = _solid(stacked(labels)).masks
    return bool(len(masks)) and int(masks.areas.sum()) != int(masks.merge().areas[0])


_BITS = {"binary": 1, "fractional": 8}


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> DicomSegWriter:
    """A writer into the folder `target`; `extra` is not used."""
    del extra
    return DicomSegWriter(target, taxonomy, options)


def _add_pixels(data: Any, kind: str, frames: Frames, size: tuple[int, ...]) -> None:
    """How the pixels are stored."""
    data.SegmentationType = kind.upper()
    data.BitsAllocated = data.BitsStored = frames.bits
    data.HighBit = frames.bits - 1
    data.Rows, data.Columns, data.NumberOfFrames = size[1], size[2], len(frames.of)
    if kind == "fractional":
        data.SegmentationFractionalType, data.MaximumFractionalValue = "OCCUPANCY", 255
    if kind == "labelmap":
        data.SegmentsOverlap, data.PixelPaddingValue = "NO", 0


def _head(data: Any, pixels: bytes, *, labelmap: bool) -> bytes:
    """The file up to the groups of frames, under identifiers that are made of its content.

    Args:
        data: all that goes before, to be encoded once.
        pixels: what tells the frames from others.
        labelmap: which class of files it is.
    """
    from pydicom.dataset import FileMetaDataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_file_meta_info

    data.SOPClassUID = _CLASSES[labelmap]
    data.SOPInstanceUID, data.SeriesInstanceUID = _NO_INSTANCE, _NO_SERIES
    body = encoded(data)
    digest = hashlib.sha256(body + pixels).digest()
    meta: Any = FileMetaDataset()
    meta.MediaStorageSOPClassUID = data.SOPClassUID
    meta.MediaStorageSOPInstanceUID = uid_of(digest, "instance")
    meta.TransferSyntaxUID = _EXPLICIT_LITTLE
    meta.ImplementationClassUID = _IMPLEMENTATION
    buffer = DicomBytesIO()
    write_file_meta_info(buffer, meta)
    for tag, before, what in (
        ((0x0008, 0x0018), _NO_INSTANCE, "instance"),
        ((0x0020, 0x000E), _NO_SERIES, "series"),
    ):
        old, new = uid_element(*tag, before), uid_element(*tag, uid_of(digest, what))
        body = body.replace(old, new, 1)
    return b"\0" * 128 + b"DICM" + buffer.getvalue() + body
