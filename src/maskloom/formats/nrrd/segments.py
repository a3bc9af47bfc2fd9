"""Segmentations of 3D Slicer (.seg.nrrd): named segments in layers, which may overlap.

Key/value pairs `SegmentN_Name`, `_LabelValue`, `_Layer`, ... say which number of which layer is
which segment; files of before 2020 have one layer per segment and no numbers.

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
from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import instance_rows
from maskloom.core.volumes import stacked, volume_rows
from maskloom.errors import FormatError
from maskloom.formats.shared.volume_ids import whole_numbers
from maskloom.formats.shared.volume_write import fitting

_KEY = re.compile(r"Segment(\d+)_(\w+)")
_MOST_SEGMENTS = 65_535
_REPRESENTATION = "Binary labelmap"


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


def layers_of(
    labels: Labels, taxonomy: Taxonomy, before: Sequence[Segment]
) -> tuple[NDArray[Any], dict[str, str]]:
    """(voxels with one value per layer, key/value pairs) of objects, one segment each.

    Args:
        labels: of a volume; objects may overlap.
        taxonomy: names the segments.
        before: segments of the file that the labels were read from, whose fields are kept.
    """
    tall = stacked(labels)
    rows = instance_rows(tall)
    rows = rows.take(rows.kind == RowKind.MASK)
    rows = rows.take(np.argsort(rows.instance, kind="stable"))
    layers = _Layers(tall.size)
    pairs: dict[str, str] = {}
    written: set[int] = set()
    number = 0
    colors = taxonomy.colors()
    for i, instance in enumerate(rows.instance.tolist()):
        name = taxonomy[int(rows.category[i])].name
        own = before[instance - 1] if 1 <= instance <= len(before) else None
        own = own if own is not None and own.name == name else None
        written |= {instance - 1} if own is not None else set()
        box = rows.masks.boxes[i].tolist()
        inside = rows.masks[i].crop(box).dense(0)
        layer, value = layers.put(inside, box, own)
        color = colors[int(rows.category[i])]
        extent = _extent(inside, box, labels.size[1])
        pairs |= _pairs(
            number, name, own, color, {"Layer": layer, "LabelValue": value, "Extent": extent}
        )
        number += 1
    names = positions_of(taxonomy)
    value = max((max(used) for used in layers.used), default=0)
    for place, one in enumerate(before):
        if place not in written and one.name in names:
            value += 1
            empty = {"Layer": 0, "LabelValue": value, "Extent": "0 -1 0 -1 0 -1"}
            pairs |= _pairs(number, one.name, one, one.color or (128, 128, 128), empty)
            number += 1
    stored = layers.arrays or [np.zeros(tall.size, np.int32)]
    array = np.stack([layer.reshape(labels.size) for layer in stored], axis=-1)
    return fitting(array if len(stored) > 1 else array[..., 0]), pairs


class _Layers:
    """Layers of a tall image that are filled object by object.

    Args:
        size: (H, W) of the tall image.
    """

    def __init__(self, size: tuple[int, ...]) -> None:
        self.size = size
        self.arrays: list[NDArray[np.int32]] = []
        self.used: list[set[int]] = []
        self._tops: list[int] = []

    def put(
        self, inside: NDArray[np.bool_], box: list[int], own: Segment | None
    ) -> tuple[int, int]:
        """Paint an object; returns its layer and number: those of before if free, else the first.

        Args:
            inside: its pixels in the box.
            box: x0, y0, x1, y1.
            own: the segment that it was.
        """
        place = slice(box[1], box[3]), slice(box[0], box[2])
        layer, value = self._free(inside, place, own)
        if layer == len(self.arrays):
            self.arrays.append(np.zeros(self.size, np.int32))
            self.used.append(set())
            self._tops.append(0)
        self.arrays[layer][place][inside] = value
        self.used[layer].add(value)
        self._tops[layer] = max(self._tops[layer], value)
        return layer, value

    def _free(
        self, inside: NDArray[np.bool_], place: tuple[slice, slice], own: Segment | None
    ) -> tuple[int, int]:
        count = len(self.arrays)
        free = [n for n, one in enumerate(self.arrays) if not (one[place][inside] != 0).any()]
        if own is not None and own.layer in (*free, count) and own.value > 0:
            taken = own.layer < count and own.value in self.used[own.layer]
            if not taken:
                return own.layer, own.value
        layer = free[0] if free else count
        return layer, 1 if layer == count else self._tops[layer] + 1


def _pairs(
    number: int,
    name: str,
    own: Segment | None,
    color: tuple[int, int, int],
    fields: Mapping[str, Any],
) -> dict[str, str]:
    fresh = {
        "ID": f"Segment_{number + 1}",
        "Name": name,
        "NameAutoGenerated": "0",
        "Color": " ".join(f"{v / 255:.6g}" for v in color),
        "ColorAutoGenerated": "0",
        "Tags": "",
    }
    kept = {} if own is None else dict(own.fields)
    every = {**fresh, **kept, **{key: str(value) for key, value in fields.items()}}
    return {f"Segment{number}_{key}": every[key] for key in sorted(every)}


def _extent(inside: NDArray[np.bool_], box: list[int], height: int) -> str:
    """First and last column, row and plane with voxels, as Slicer has it."""
    if not inside.any():
        return "0 -1 0 -1 0 -1"
    rows = np.flatnonzero(inside.any(axis=1)) + box[1]
    planes, own = rows // height, rows % height
    ends = (box[0], box[2] - 1, own.min(), own.max(), planes.min(), planes.max())
    return " ".join(str(int(v)) for v in ends)


def _whole(text: str, where: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise FormatError("not a whole number", where=where, seen=text) from error


def file_pairs(kept: Mapping[str, str], segments: Mapping[str, str]) -> dict[str, str]:
    """All pairs of a file: those that were not of segments, then the segments'."""
    own = {key: value for key, value in kept.items() if not _KEY.fullmatch(key)}
    usual = {
        "Segmentation_ContainedRepresentationNames": f"{_REPRESENTATION}|",
        "Segmentation_MasterRepresentation": _REPRESENTATION,
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }
    return {**usual, **own, **segments}
