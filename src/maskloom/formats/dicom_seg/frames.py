"""Frames of a DICOM segmentation: which segment, where in the volume or on the slide.

BINARY and FRACTIONAL frames are of one segment each, LABELMAP frames hold numbers of segments.
Frames without a pixel are left out of files, so planes are found by position, never by order.

Source: DICOM PS3.3 A.51, C.8.20 (segmentation); C.7.6.17.3 (order of TILED_FULL frames).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.volumes import Affine, spacing_of
from maskloom.errors import FormatError
from maskloom.formats.dicom_seg.slides import slide_place
from maskloom.store.dicom import SEGMENTATIONS, affine_of, even_steps, normal_of
from maskloom.store.dicom_groups import FrameGroups
from maskloom.store.volume_header import VolumeHeader, checked_sides

_POSITION_TAGS = (0x00200032, 0x00209057)
_MOST_FRAMES = 1 << 24


@dataclass(frozen=True, slots=True, eq=False)
class SegFrames:
    """What the attributes of one file say of its frames.

    Args:
        kind: BINARY, FRACTIONAL or LABELMAP.
        size: (D, H, W), or (H, W) of slides and of images without a position.
        numbers: (N,) segment of each frame; -1 where its pixels say.
        planes: (N,) plane of each frame; 0 in images.
        corners: (N, 2) first row and column of each frame in the image.
        labels: number → label, of segments that are no background.
        affine, spacing: of volumes, voxel centre → RAS mm; of slides, pixel edge → slide mm.
        maximum: the value of certainty of FRACTIONAL frames.
        hidden: values of LABELMAP frames that say background.
        positions: (N, 3) LPS mm of volumes.
    """

    kind: str
    size: tuple[int, ...]
    numbers: NDArray[np.int64]
    planes: NDArray[np.int64]
    corners: NDArray[np.int64]
    labels: Mapping[int, str]
    affine: Affine = ()
    spacing: tuple[float, ...] = ()
    maximum: int = 1
    hidden: frozenset[int] = frozenset({0})
    positions: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))


def frames_info(data: Any, path: Path) -> SegFrames:
    """Read the attributes of a segmentation.

    Raises:
        FormatError: no segmentation, or attributes that cannot be; names the attribute.
    """
    if str(data.get("SOPClassUID")) not in SEGMENTATIONS:
        raise FormatError("no DICOM segmentation", where=path, seen=data.get("SOPClassUID"))
    kind = str(data.get("SegmentationType") or "").upper()
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise FormatError("no such type", where=f"{path}: SegmentationType", seen=kind)
    count = int(data.get("NumberOfFrames") or 1)
    rows, columns = int(data.get("Rows") or 0), int(data.get("Columns") or 0)
    checked_sides((count, rows, columns), path)
    if count > _MOST_FRAMES:
        raise FormatError("more frames than can be", where=f"{path}: NumberOfFrames", seen=count)
    labels = _labels(data, path)
    hidden = {0} | (
        {int(data.PixelPaddingValue)} - set(labels) if "PixelPaddingValue" in data else set()
    )
    base = SegFrames(
        kind,
        (rows, columns),
        np.full(count, -1),
        np.zeros(count, np.int64),
        np.zeros((count, 2), np.int64),
        labels,
        maximum=int(data.get("MaximumFractionalValue") or 1),
        hidden=frozenset(hidden),
    )
    if "TotalPixelMatrixRows" in data:
        return _slide(data, base, path)
    groups = FrameGroups(data)
    _check_groups(groups, count, path)
    base = replace(base, numbers=_numbers(groups, base, path))
    places = [groups.plane(i) for i in range(count)]
    given = [place for place in places if place is not None]
    if len(given) < count:
        _check_single(base, path)
        return base
    return _volume(data, groups, base, given, path)


def on_image(info: SegFrames, image: VolumeHeader) -> SegFrames:
    """The same frames on the grid of their image, where they lie on it; else as they are."""
    if len(info.size) != 3 or not image.affine or image.size[1:] != info.size[1:]:
        return info
    inverse = np.linalg.inv(np.array(image.affine))
    ras = info.positions * np.array([-1, -1, 1])
    voxels = ras @ inverse[:3, :3].T + inverse[:3, 3]
    axes = inverse[:3, :3] @ np.array(info.affine)[:3, :2]
    planes = np.rint(voxels[:, 2]).astype(np.int64)
    apart = max(
        float(np.abs(voxels[:, :2]).max()),
        float(np.abs(voxels[:, 2] - planes).max()),
        float((np.abs(axes - np.eye(3)[:, :2]) * max(info.size[1:])).max()),
    )
    if apart > 0.01 or planes.min() < 0 or planes.max() >= image.size[0]:
        return info
    if info.size == image.size and np.array_equal(planes, info.planes):
        return info  # its own place, which an image that was re-coded may have rounded
    return replace(info, size=image.size, affine=image.affine, spacing=image.spacing, planes=planes)


def _labels(data: Any, path: Path) -> dict[int, str]:
    found: dict[int, str] = {}
    for item in data.get("SegmentSequence") or ():
        number = int(item.get("SegmentNumber") if item.get("SegmentNumber") is not None else -1)
        if number < 0 or number in found:
            raise FormatError(
                "segment numbers are missing or listed twice",
                where=f"{path}: SegmentSequence",
                seen=number,
            )
        found[number] = label_of(item, number)
    found.pop(0, None)
    return found


def label_of(item: Any, number: int) -> str:
    """The label of a segment by its description, or a name by its number."""
    return str(item.get("SegmentLabel") or f"Segment {number}")


def _check_groups(groups: FrameGroups, count: int, path: Path) -> None:
    if len(groups) != count:
        raise FormatError(
            "not one functional group per frame",
            where=f"{path}: PerFrameFunctionalGroupsSequence",
            seen=f"{len(groups)}, {count} frames",
        )


def _numbers(groups: FrameGroups, info: SegFrames, path: Path) -> NDArray[np.int64]:
    """The segment of each frame; -1 of LABELMAP."""
    numbers = np.full(len(info.numbers), -1)
    if info.kind == "LABELMAP":
        return numbers
    for i in range(len(numbers)):
        number = groups.value(i, "SegmentIdentificationSequence", "ReferencedSegmentNumber")
        if number is None or int(number) not in info.labels:
            raise FormatError(
                "a frame of no segment",
                where=f"{path}: frame {i + 1}: ReferencedSegmentNumber",
                seen=number,
            )
        numbers[i] = int(number)
    return numbers


def _check_single(info: SegFrames, path: Path) -> None:
    """Without positions, every segment has one frame."""
    if (info.kind == "LABELMAP" and len(info.numbers) > 1) or len(set(info.numbers.tolist())) < len(
        info.numbers
    ):
        raise FormatError(
            "several frames, and no positions of them",
            where=f"{path}: PlanePositionSequence",
            seen=len(info.numbers),
        )


def _volume(
    data: Any,
    groups: FrameGroups,
    info: SegFrames,
    given: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    path: Path,
) -> SegFrames:
    axes = given[0][0]
    different_axes = {id(one[0]): one[0] for one in given}.values()
    if any(np.abs(one - axes).max() > 1e-4 for one in different_axes):
        raise FormatError("frames of several orientations", where=path)
    positions = np.array([one[1] for one in given])
    normal = normal_of(axes)
    along = positions @ normal
    different = np.unique(np.round(along, 5))
    measures = groups.item(0, "PixelMeasuresSequence") or data
    step = float(measures.get("SpacingBetweenSlices") or 0)
    if len(different) > 1 and (step <= 0 or np.diff(different).min() < step * 0.5):
        step = float(np.diff(different).min())
    step = step or float(measures.get("SliceThickness") or 0) or 1.0
    planes = even_steps(along, step, path)
    depth = int(planes.max()) + 1
    checked_sides((depth, *info.size[-2:]), path)
    low, high = positions[planes.argmin()], positions[planes.argmax()]
    between = (high - low) / (depth - 1) if depth > 1 else normal * step
    if _backwards(data, groups, along):
        planes, low, between = depth - 1 - planes, high, -between
    affine = affine_of(axes, low, between, path)
    keys = list(zip(info.numbers.tolist(), planes.tolist(), strict=True))
    if len(set(keys)) < len(keys):
        raise FormatError("two frames of one segment and place", where=path)
    return replace(
        info,
        size=(depth, *info.size[-2:]),
        planes=planes,
        affine=affine,
        spacing=spacing_of(affine),
        positions=positions,
    )


def _backwards(data: Any, groups: FrameGroups, along: NDArray[np.float64]) -> bool:
    """Whether the file's own order of planes runs against their normal."""
    listed = [
        int(item.get("DimensionIndexPointer") or 0)
        for item in data.get("DimensionIndexSequence") or ()
    ]
    which = next((listed.index(tag) for tag in _POSITION_TAGS if tag in listed), None)
    if which is None:
        return False
    values = []
    for i in np.unique(np.round(along, 5), return_index=True)[1].tolist():
        own = groups.value(i, "FrameContentSequence", "DimensionIndexValues")
        own = [own] if isinstance(own, int) else own
        if own is None or len(own) <= which:
            return False
        values.append(int(own[which]))
    return len(set(values)) > 1 and bool((np.diff(values) <= 0).all())


def _slide(data: Any, info: SegFrames, path: Path) -> SegFrames:
    """Tiles of a slide, by their own places or in the order of TILED_FULL."""
    height, width = int(data.TotalPixelMatrixRows), int(data.TotalPixelMatrixColumns)
    checked_sides((1, height, width), path)
    if int(data.get("TotalPixelMatrixFocalPlanes") or 1) != 1:
        raise FormatError("several focal planes are not read", where=path)
    affine, spacing = slide_place(data, path)
    info = replace(info, affine=affine, spacing=spacing)
    rows, columns = info.size
    count = len(info.numbers)
    if str(data.get("DimensionOrganizationType") or "") == "TILED_FULL":
        down, across = -(-height // rows), -(-width // columns)
        tiles = down * across
        listed = [-1] if info.kind == "LABELMAP" else sorted(info.labels)
        if count != tiles * len(listed):
            raise FormatError(
                "not all tiles of every segment", where=f"{path}: NumberOfFrames", seen=count
            )
        places = np.arange(count) % tiles
        corners = np.stack([places // across * rows, places % across * columns], axis=1)
        numbers = np.repeat(np.array(listed), tiles)
        return replace(info, size=(height, width), numbers=numbers, corners=corners)
    groups = FrameGroups(data)
    _check_groups(groups, count, path)
    corners = np.zeros((count, 2), np.int64)
    named = ("RowPositionInTotalImagePixelMatrix", "ColumnPositionInTotalImagePixelMatrix")
    for i in range(count):
        given = [groups.value(i, "PlanePositionSlideSequence", name) for name in named]
        if any(value is None for value in given):
            raise FormatError("a tile without a place", where=f"{path}: frame {i + 1}")
        corners[i] = [int(value) - 1 for value in given if value is not None]
    if corners.min() < 0 or (corners >= [height, width]).any():
        raise FormatError("a tile outside the slide", where=path, seen=corners.max(axis=0).tolist())
    return replace(
        info, size=(height, width), numbers=_numbers(groups, info, path), corners=corners
    )
