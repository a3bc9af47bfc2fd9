"""DICOM image series as volumes: a folder of slices, or one file of several frames.

Slices are ordered by where they lie, never by name or number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.volumes import spacing_of
from maskloom.errors import FormatError, ImageError
from maskloom.store.dicom import (
    SEGMENTATIONS,
    affine_of,
    even_steps,
    frames_of,
    interpreting,
    normal_of,
    read_dicom,
    sop_class,
)
from maskloom.store.dicom_groups import FrameGroups
from maskloom.store.volume_header import Volume, VolumeHeader, check_memory, checked_sides

_TRANSFORM = "PixelValueTransformationSequence"


def series_files(folder: Path) -> list[Path]:
    """The DICOM images (no segmentations) directly in a folder, by name; or the one file."""
    if folder.is_file():
        return [folder]
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    return [p for p in files if (kind := sop_class(p)) and kind not in SEGMENTATIONS]


def is_series(path: Path) -> bool:
    """Whether a folder or file holds DICOM images."""
    if path.is_dir():
        return bool(series_files(path))
    return path.is_file() and sop_class(path) not in {"", *SEGMENTATIONS}


def series_header(path: Path) -> VolumeHeader:
    """Size and place of an image series.

    Raises:
        FormatError: slices of several series or sizes, or not evenly spaced.
        ImageError: no DICOM images are there.
        MissingExtra: pydicom is not installed.
    """
    with interpreting(path):
        return _sorted_series(path)[0]


def read_series(path: Path) -> Volume:
    """All voxels of an image series, rescaled.

    Raises:
        FormatError, ImageError, MissingExtra: as for `series_header`, or damaged pixels.
    """
    with interpreting(path):
        header, files = _sorted_series(path)
        check_memory(header, path)
        planes: dict[int, NDArray[Any]] = {}
        for file in dict.fromkeys(file for file, _ in files):
            data = read_dicom(file, pixels=True)
            wanted = {frame: place for place, (own, frame) in enumerate(files) if own == file}
            groups = FrameGroups(data)
            for frame, stored in enumerate(frames_of(data, file)):
                signed = int(data.get("PixelRepresentation") or 0)
                values = stored.view(f"i{stored.itemsize}") if signed else stored
                planes[wanted[frame]] = _rescaled(values, data, groups.item(frame, _TRANSFORM))
        return Volume(np.stack([planes[place] for place in range(len(files))]), header)


def source_instances(path: Path) -> list[tuple[str, str, str]]:
    """(SOP class, SOP instance, series) of each plane of a series of single slices."""
    names = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID")
    with interpreting(path):
        found = [read_dicom(file) for file, _ in _sorted_series(path)[1]]
        said = [[str(data[name].value) for name in names] for data in found]
        return [(kind, instance, series) for kind, instance, series in said]


def _sorted_series(path: Path) -> tuple[VolumeHeader, list[tuple[Path, int]]]:
    """(header, file and frame of each plane in the order of their places)."""
    files = series_files(path)
    if not files:
        raise ImageError("no DICOM images", where=path, hint="check the path")
    found = [(file, read_dicom(file)) for file in files]
    kinds = {(str(d.get("SeriesInstanceUID")), d.get("Rows"), d.get("Columns")) for _, d in found}
    if len(kinds) > 1:
        raise FormatError(
            "several series or sizes in one folder",
            where=path,
            seen=len(kinds),
            hint="put each series into a folder of its own",
        )
    planes = [(f, i, d) for f, d in found for i in range(int(d.get("NumberOfFrames") or 1))]
    groups = {id(d): FrameGroups(d) for _, d in found}
    places = [groups[id(d)].plane(i) for _, i, d in planes]
    first = found[0][1]
    rows, columns = int(first.get("Rows") or 0), int(first.get("Columns") or 0)
    checked_sides((len(planes), rows, columns), path)
    signed = int(first.get("PixelRepresentation") or 0)
    bits = int(first.get("BitsAllocated") or 16)
    dtype = np.dtype(f"{'i' if signed else 'u'}{max(1, bits // 8)}")
    size = (len(planes), rows, columns)
    given = [one for one in places if one is not None]
    if len(given) < len(places):
        return VolumeHeader(size, dtype), [(f, i) for f, i, _ in planes]
    axes = given[0][0]
    if any(np.abs(one[0] - axes).max() > 1e-4 for one in given):
        raise FormatError("slices of several orientations", where=path)
    positions = np.array([one[1] for one in given])
    along = positions @ normal_of(axes)
    order = np.argsort(along, kind="stable")
    thickness = float(first.get("SliceThickness") or 1) or 1.0
    step = normal_of(axes) * thickness
    if len(planes) > 1:
        step = (positions[order[-1]] - positions[order[0]]) / (len(planes) - 1)
        gap = float(step @ normal_of(axes))
        if gap < 1e-6 or (np.diff(even_steps(along, gap, path)[order]) != 1).any():
            raise FormatError("slices that lie at one place, or gaps", where=path, seen=gap)
    affine = affine_of(axes, positions[order[0]], step, path)
    header = VolumeHeader(size, dtype, affine=affine, spacing=spacing_of(affine))
    return header, [planes[k][:2] for k in order.tolist()]


def _rescaled(stored: NDArray[Any], data: Any, own: Any) -> NDArray[Any]:
    """Stored values times the slope plus the intercept; whole numbers stay whole."""
    item = own or data
    slope = float(item.get("RescaleSlope", 1) or 1)
    intercept = float(item.get("RescaleIntercept", 0) or 0)
    if (slope, intercept) == (1.0, 0.0):
        return stored
    if slope.is_integer() and intercept.is_integer():
        return stored.astype(np.int32) * int(slope) + int(intercept)
    return (stored * slope + intercept).astype(np.float32)
