"""DICOM segmentations (SEG): binary with overlaps, fractional, labelmap; volumes and slides.

Labels are objects: a segment is an object of the category that its label names. The image series
that a segmentation refers to is looked for in the same folder; planes that have no frame are
told by it. Needs pydicom. Frames are `frames.py`, writing `write.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from maskloom.core.category_names import positions_of
from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import ImageRef, Sample, sample_key
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, FormatError, UsageError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.dicom_seg.fractions import declared, partial_pixels
from maskloom.formats.dicom_seg.frames import SegFrames, frames_info, on_image
from maskloom.formats.dicom_seg.kept import EMPTY, NOTES, WRITTEN, kept_of
from maskloom.formats.dicom_seg.rows import rows_of_frames
from maskloom.formats.dicom_seg.write import HOLDS, NAME, Write, writer
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.nrrd.segments import Segment, taxonomy_of
from maskloom.formats.shared.class_names import dicom_name
from maskloom.formats.shared.folders import (
    SIDE_FILE,
    is_marked,
    list_files,
    read_side_file,
    side_splits,
)
from maskloom.formats.shared.volume_files import grid_notes
from maskloom.store.dicom import (
    SEGMENTATIONS,
    dicom_files,
    frames_of,
    interpreting,
    read_dicom,
    sop_class,
)
from maskloom.store.volume_header import VolumeHeader
from maskloom.store.volumes import VOLUME_SUFFIXES, volume_header

_LOOKED_AT = 500  # files of a folder, by which it is known
LOOKS_FOR = "DICOM segmentation files (SEG), in any folders"


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read segmentations."""

    threshold: float | None = field(
        default=None,
        metadata={
            "help": "share of the maximum from which a fractional pixel is inside, 0 to 1; without "
            "it, pixels between 0 and the maximum are refused"
        },
    )

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise UsageError("threshold is above 0 and at most 1", seen=self.threshold)


def detect(path: Path) -> float:
    """Known by the class in the file meta."""
    if path.is_file():
        return 0.95 if sop_class(path) in SEGMENTATIONS else 0.0
    if not path.is_dir():
        return 0.0
    if is_marked(path, '"format": "dicom-seg"'):
        return 0.97
    return (
        0.6
        if any(sop_class(file) in SEGMENTATIONS for file in islice(dicom_files(path), _LOOKED_AT))
        else 0.0
    )


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The segmentations of a folder, or one; pixels are read when asked for.

    Raises:
        FormatError: no segmentations, or a damaged one.
        MissingExtra: pydicom is not installed.
    """
    listed = [path] if path.is_file() else dicom_files(path)
    files = [file for file in listed if sop_class(file) in SEGMENTATIONS]
    if path.is_file() and not files:
        raise FormatError("no DICOM segmentation", where=path, hint=LOOKS_FOR)
    root = path if path.is_dir() else path.parent
    infos, kept, warnings = _headers(root, files, options)
    side = read_side_file(root)
    told = Taxonomy.from_json(side, where=root / SIDE_FILE) if side else None
    segments = [[Segment(name, 0, n) for n, name in info.labels.items()] for info in infos.values()]
    taxonomy = taxonomy_of(segments, told)
    series = _Images(images or path, root)
    grids: dict[str, tuple[VolumeHeader, VolumeHeader | None]] = {}
    samples = []
    for key, info in infos.items():
        image = series.of(key, kept[key]) if len(info.size) == 3 else None
        header = None if image is None else volume_header(image)
        if header is not None:
            infos[key] = on_image(info, header)
        grids[key] = _header(infos[key]), header
        samples.append(_sample(key, image, infos[key], kept[key]))
    by_name = positions_of(taxonomy)
    by_key = {_key(root, file): file for file in files}

    def labels_of(sample: Sample) -> Labels:
        file, info = by_key[sample.key], infos[sample.key]
        grid, other = grids[sample.key]
        image = sample.image.path
        notes = () if image is None or other is None else grid_notes(file, grid, image, other)
        positions = {n: by_name[name] for n, name in info.labels.items()}
        with interpreting(file):
            frames = frames_of(read_dicom(file, pixels=True), file)
            rows, empty = rows_of_frames(info, frames, positions, options.threshold or 1.0, file)
        extra: dict[str, Any] = {"notes": notes} if notes else {}
        if empty and len(info.size) == 3:
            extra[NAME] = {EMPTY: empty}
        return Labels(info.size, rows=rows, extra=extra)

    return Dataset(
        taxonomy,
        tuple(samples),
        labels_of,
        side_splits(side, infos),
        name=path.name,
        warnings=warnings + series.warnings(samples),
    )


def _headers(
    root: Path, files: list[Path], options: Read
) -> tuple[dict[str, SegFrames], dict[str, dict[str, Any]], tuple[str, ...]]:
    """(frames, attributes to keep) by key, and what was left out."""
    infos: dict[str, SegFrames] = {}
    kept: dict[str, dict[str, Any]] = {}
    bad = []
    partial: dict[str, int] = {}
    for file in files:
        key = _key(root, file)
        if key in infos:
            raise FormatError("two files differ only in their suffix", where=file, seen=key)
        try:
            with interpreting(file):
                data = read_dicom(file)
                infos[key] = frames_info(data, file)
                kept[key] = kept_of(data, infos[key])
                if count := partial_pixels(file, infos[key], options.threshold):
                    partial[str(file.relative_to(root))] = count
        except DataError as error:
            if not options.skip_bad:
                raise
            infos.pop(key, None)
            kept.pop(key, None)
            bad.append(error.message)
    told = (f"{len(bad)} segmentations are left out, first {bad[0]}",) if bad else ()
    return infos, kept, told + declared(partial, options.threshold)


def _sample(key: str, image: Path | None, info: SegFrames, kept: dict[str, Any]) -> Sample:
    volume = len(info.size) == 3
    reference = ImageRef(
        image,
        size=info.size,
        spacing=info.spacing,
        unit="mm" if info.spacing else "px",
        affine=info.affine,
    )
    return Sample(
        key, reference, kind="volume" if volume else "image", file_name=key, extra={NAME: kept}
    )


def _header(info: SegFrames) -> VolumeHeader:
    import numpy as np

    if len(info.size) == 2:  # a slide, which lies in no volume
        return VolumeHeader((1, *info.size), np.dtype("u1"))
    depth, height, width = info.size
    return VolumeHeader((depth, height, width), np.dtype("u1"), 1, info.affine, info.spacing)


class _Images:
    """The images of segmentations: DICOM series that they refer to, or volumes of their name."""

    def __init__(self, place: Path, root: Path) -> None:
        folder = place if place.is_dir() else place.parent
        self._named = list_files(folder, VOLUME_SUFFIXES) if folder.is_dir() else {}
        usual = root / "images"
        if usual.is_dir():
            self._named |= list_files(usual, VOLUME_SUFFIXES)
        self._series: dict[str, set[Path]] = {}
        for file in dicom_files(folder):
            if (kind := sop_class(file)) and kind not in SEGMENTATIONS:
                with interpreting(file):
                    said = read_dicom(file, only=["SeriesInstanceUID"])
                    uid = str(said.get("SeriesInstanceUID"))
                self._series.setdefault(uid, set()).add(file)

    def of(self, key: str, kept: Mapping[str, Any]) -> Path | None:
        """The file, or the folder of slices, or None where no image is at hand."""
        for uid in kept.get("series", ()):
            files = self._series.get(uid)
            if files and len(files) == 1:
                return next(iter(files))
            if files and len({f.parent for f in files}) == 1:
                return next(iter(files)).parent
        return self._named.get(key)

    def warnings(self, samples: list[Sample]) -> tuple[str, ...]:
        """How many images of volumes are not at hand."""
        volumes = [s for s in samples if s.kind == "volume"]
        absent = [s.key for s in volumes if s.image.path is None]
        if not absent:
            return ()
        return (f"{len(absent)} of {len(volumes)} images are missing, first {absent[0]!r}",)


def _key(root: Path, file: Path) -> str:
    relative = file.relative_to(root)
    return (
        sample_key(relative) if relative.suffix.lower() in (".dcm", ".seg") else relative.as_posix()
    )


FORMAT = Format(
    NAME,
    "DICOM segmentations: binary with overlaps, fractional, labelmap; volumes and slides",
    HOLDS,
    LOOKS_FOR,
    Read,
    Write,
    detect,
    read,
    writer,
    dims=(3,),
    kept=Kept(
        tuple(f"dicom-seg.{name}" for name in WRITTEN),
        Facts(
            notes=tuple(f"dicom-seg.{name}" for name in (*NOTES, EMPTY)),
            opened=("dicom-seg", "dicom-seg.file", "dicom-seg.dropped"),
        ),
    ),
    names=dicom_name,
)
