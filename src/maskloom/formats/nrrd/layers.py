"""Objects that may overlap as layers of numbers with named segments; reading is `segments.py`.

Segments that were read keep their layer, number and fields where these are still free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.category_names import positions_of
from maskloom.core.labels import Labels, RowKind
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.core.volumes import stacked
from maskloom.formats.nrrd.segments import Segment
from maskloom.formats.nrrd.unsaid import color_text
from maskloom.formats.shared.volume_write import fitting


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
    found: list[tuple[int, dict[str, str]]] = []
    written: set[int] = set()
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
        said = {"Layer": layer, "LabelValue": value, "Extent": extent}
        found.append(
            (len(before) if own is None else instance - 1, _fields(name, own, color, said))
        )
    names = positions_of(taxonomy)
    for place, one in enumerate(before):
        if place not in written and one.name in names:
            layer, value = layers.reserve(one)
            said = {"Layer": layer, "LabelValue": value, "Extent": "0 -1 0 -1 0 -1"}
            found.append((place, _fields(one.name, one, one.color or (128, 128, 128), said)))
    pairs: dict[str, str] = {}
    # In the order of the file that was read, in which Slicer lists them.
    for number, (_, fields) in enumerate(sorted(found, key=lambda item: item[0])):
        every = {"ID": f"Segment_{number + 1}", **fields}
        pairs |= {f"Segment{number}_{key}": every[key] for key in sorted(every)}
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
        self._reserved: set[int] = set()

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

    def reserve(self, own: Segment) -> tuple[int, int]:
        """Layer and number of an object without pixels: those of before if free, else the next."""
        layer = own.layer if own.layer < max(1, len(self.arrays)) else 0
        used = self.used[layer] if self.arrays else self._reserved
        value = own.value
        if value <= 0 or value in used or layer != own.layer:
            value = 1 + max(used, default=0)
        used.add(value)
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


def _fields(
    name: str, own: Segment | None, color: tuple[int, int, int], said: Mapping[str, Any]
) -> dict[str, str]:
    """What the file says of a segment: what is new of it, and what was said before."""
    fresh = {
        "Name": name,
        "NameAutoGenerated": "0",
        "Color": color_text(color),
        "ColorAutoGenerated": "0",
        "Tags": "",
    }
    kept = {} if own is None else dict(own.fields)
    return {**fresh, **kept, **{key: str(value) for key, value in said.items()}}


def _extent(inside: NDArray[np.bool_], box: list[int], height: int) -> str:
    """First and last column, row and plane with voxels, as Slicer has it."""
    if not inside.any():
        return "0 -1 0 -1 0 -1"
    rows = np.flatnonzero(inside.any(axis=1)) + box[1]
    planes, own = rows // height, rows % height
    ends = (box[0], box[2] - 1, own.min(), own.max(), planes.min(), planes.max())
    return " ".join(str(int(v)) for v in ends)
