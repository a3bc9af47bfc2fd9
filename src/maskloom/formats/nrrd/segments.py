"""Segmentations of 3D Slicer (.seg.nrrd): named segments in layers, which may overlap.

Key/value pairs `SegmentN_Name`, `_LabelValue`, `_Layer`, ... say which number of which layer is
which segment; files of before 2020 have one layer per segment and no numbers.

How objects become layers is `layers.py`.

Source: Slicer, vtkMRMLSegmentationStorageNode, "Segmentations file format" in its user guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.category_names import positions_of, unique_keys
from maskloom.core.labels import Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.volumes import volume_rows
from maskloom.errors import FormatError
from maskloom.formats.shared.volume_ids import whole_numbers

_KEY = re.compile(r"Segment(\d+)_(\w+)")
_MOST_SEGMENTS = 65_535
_REPRESENTATION = "Binary labelmap"
_OFFSET = "Segmentation_ReferenceImageExtentOffset"
USUAL = {
    "Segmentation_ContainedRepresentationNames": f"{_REPRESENTATION}|",
    "Segmentation_MasterRepresentation": _REPRESENTATION,
    _OFFSET: "0 0 0",
}
"""What a new file says of all segments."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a file.

    Args:
        name: what people call it.
        layer: which value of a voxel.
        value: the number there.
        fields: all pairs of this segment, without the `SegmentN_`.
    """

    name: str
    layer: int
    value: int
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def color(self) -> tuple[int, int, int] | None:
        """RGB 0..255, where the file gives one."""
        parts = self.fields.get("Color", "").split()
        try:
            red, green, blue = (round(float(part) * 255) for part in parts)
        except (ValueError, OverflowError):
            return None
        good = all(0 <= v <= 255 for v in (red, green, blue))
        return (red, green, blue) if good else None


def segments_of(pairs: Mapping[str, str], channels: int, path: Path) -> tuple[Segment, ...]:
    """The segments that a header names, in order; none where it is no segmentation.

    Raises:
        FormatError: a number that is none, a layer that is not there, or one number twice.
    """
    found: dict[int, dict[str, str]] = {}
    for key, value in pairs.items():
        if match := _KEY.fullmatch(key):
            found.setdefault(int(match[1]), {})[match[2]] = value
    if len(found) > _MOST_SEGMENTS:
        raise FormatError("more segments than can be", where=path, seen=len(found))
    out = []
    for position, (number, fields) in enumerate(sorted(found.items())):
        alone = "LabelValue" not in fields and "Layer" not in fields
        where = f"{path}: Segment{number}"
        layer = _whole(fields.get("Layer", str(position if alone else 0)), f"{where}_Layer")
        label = _whole(fields.get("LabelValue", "1"), f"{where}_LabelValue")
        if not 0 <= layer < channels:
            raise FormatError("a layer that the file does not have", where=where, seen=layer)
        name = fields.get("Name") or fields.get("ID") or f"Segment {number}"
        out.append(Segment(name, layer, label, fields))
    places = [(one.layer, one.value) for one in out]
    if len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        raise FormatError(
            "two segments share a number of one layer", where=f"{path}: LabelValue", seen=twice
        )
    return tuple(out)


def taxonomy_of(files: Sequence[Sequence[Segment]], side: Taxonomy | None) -> Taxonomy:
    """One category per name, in order of appearance; those of the side file go first.

    A name that one file has twice is of things, any other of stuff.
    """
    names: dict[str, Segment] = {}
    twice: set[str] = set()
    for segments in files:
        listed = [one.name for one in segments]
        twice |= {name for name in listed if listed.count(name) > 1}
        for one in segments:
            names.setdefault(one.name, one)
    told = [] if side is None else list(side)
    known = {} if side is None else positions_of(side)
    open_names = [name for name in names if name not in known]
    keys = unique_keys(open_names, taken=[c.key for c in told])
    new = [
        Category(key, name, "thing" if name in twice else "stuff", names[name].color)
        for key, name in zip(keys, open_names, strict=True)
    ]
    return Taxonomy((*told, *new))


def rows_of(
    array: NDArray[Any], segments: Sequence[Segment], taxonomy: Taxonomy, path: Path
) -> Rows:
    """One row per segment and plane in which it has voxels.

    Raises:
        FormatError: a number that no segment has.
    """
    layers = array[..., None] if array.ndim == 3 else array
    masks, instance, plane = [Masks.empty(0, layers.shape[1:3])], [], []
    for layer in range(layers.shape[3]):
        numbers = {one.value: n for n, one in enumerate(segments, start=1) if one.layer == layer}
        found, values, planes = volume_rows(
            whole_numbers(np.ascontiguousarray(layers[..., layer]), path)
        )
        if unknown := sorted(set(values.tolist()) - {0, *numbers}):
            raise FormatError(
                "a number that no segment has", where=path, seen=f"{unknown[0]} in layer {layer}"
            )
        segment = np.array([numbers.get(value, 0) for value in values.tolist()], np.int64)
        kept = np.flatnonzero(segment)
        masks.append(found[kept])
        instance.append(segment[kept])
        plane.append(planes[kept])
    numbered, of = np.concatenate(instance), np.concatenate(plane)
    order = np.lexsort((of, numbered))
    positions = positions_of(taxonomy)
    category = np.array([positions[one.name] for one in segments], np.int64)
    return Rows.make(
        Masks.concatenate(masks)[order],
        category[numbered[order] - 1],
        instance=numbered[order],
        plane=of[order],
    )


def _whole(text: str, where: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise FormatError("not a whole number", where=where, seen=text) from error


def file_pairs(kept: Mapping[str, str], segments: Mapping[str, str]) -> dict[str, str]:
    """All pairs of a file: those that were not of segments, then the segments'."""
    own = {key: value for key, value in kept.items() if not _KEY.fullmatch(key)}
    return {**USUAL, **own, **segments}


def plain_pairs(kept: Mapping[str, str]) -> dict[str, str]:
    """The pairs of a file that say nothing of segments, which a volume of numbers has not."""
    own = {key: value for key, value in kept.items() if not _KEY.fullmatch(key)}
    segmented = len(own) < len(kept)
    return {k: v for k, v in own.items() if not (segmented and k.startswith("Segmentation_"))}


def moved_offset(kept: Mapping[str, str], first: tuple[int, int, int]) -> dict[str, str]:
    """The pairs of a file whose voxels now begin elsewhere in its reference image.

    Args:
        kept: pairs of the file.
        first: (z, y, x) of the voxel of the new grid in which the file began.
    """
    if _OFFSET not in kept:
        return dict(kept)
    try:
        old = [int(word) for word in kept[_OFFSET].split()]
        new = [a - b for a, b in zip(old, first[::-1], strict=True)]
    except ValueError:
        new = [0, 0, 0]
    return {**kept, _OFFSET: " ".join(map(str, new))}
