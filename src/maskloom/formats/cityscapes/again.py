"""Whether the polygon file of a source may stand beside new maps, and under which labels.

Classes may have other names or numbers than when it was read. The file goes along, under the new
names, if every polygon still means the pixels that it meant. Else its vertices are dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Rows
from maskloom.errors import FormatError
from maskloom.formats.cityscapes.labels import FORMAT_NAME, NEVER_PAINTED
from maskloom.formats.cityscapes.polygons import (
    GROUP,
    class_of_label,
    paint_polygons,
    values_of_polygons,
)
from maskloom.formats.shared.numbered import MAX_VALUE, Numbering

_KNOWN = frozenset({"label", "polygon", "objects", "imgHeight", "imgWidth"})


def map_hash(values: NDArray[Any]) -> str:
    """sha256 of a map of numbers, by which a polygon file knows the map that it came with."""
    size = np.array(values.shape, "<i8").tobytes()
    return hashlib.sha256(size + np.ascontiguousarray(values, "<u2").tobytes()).hexdigest()


def kept_polygons(
    data: Mapping[str, Any], values: NDArray[Any], meaning: Numbering
) -> dict[str, Any]:
    """What labels keep of a polygon file: itself, its map's hash, and what its labels meant.

    Args:
        data: of `read_polygons`.
        values: (H, W) the map that it came with.
        meaning: of its numbers.
    """
    said: dict[str, Any] = {"polygons": data, "map": map_hash(values)}
    try:
        said["values"] = values_of_polygons(data, meaning)
    except FormatError:  # of bad objects, which were left out: it cannot be written again
        return said
    number = {position: n for n, position in meaning.numbers.items()}
    said["labels"] = {}
    for label in dict.fromkeys(str(one["label"]) for one in data["objects"]):
        position, group = class_of_label(label, meaning.taxonomy)
        if position is not None and position in number:
            said["labels"][label] = [number[position], group]
    return said


def polygons_again(
    said: Mapping[str, Any], rows: Rows, values: NDArray[Any], meaning: Numbering
) -> Mapping[str, Any] | None:
    """The polygon file under the names that its classes have now; None if it says otherwise.

    The maps of the release were painted by an older Pillow, which fills edges otherwise: what
    came together stays together, and else the polygons must paint the very map.

    Args:
        said: of `kept_polygons`.
        rows: of the labels.
        values: (H, W) the map that is to be written.
        meaning: of its numbers.
    """
    if "values" not in said or "labels" not in said:
        return None
    try:
        data = _renamed(said, rows, meaning)
        moved = _moved(said, rows, values)
        if moved is not None:
            now = values_of_polygons(data, meaning)
            then = [moved.get(old, new) for old, new in zip(said["values"], now, strict=False)]
            if len(now) == len(said["values"]) and now == then:
                return data
        painted, _ = paint_polygons(data, meaning, where=Path())
    except FormatError:
        return None
    return data if painted.shape == values.shape and not (painted != values).any() else None


def _moved(said: Mapping[str, Any], rows: Rows, values: NDArray[Any]) -> Mapping[int, int] | None:
    """Old value → new one of what the map shows; None where pixels are others than they were."""
    if said.get("map") == map_hash(values):
        return {value: value for value in np.unique(values).tolist()}
    own = rows.instance
    if not len(rows) or own.min() < 0 or own.max() > MAX_VALUE:
        return None
    old = np.zeros(values.shape, np.int64)
    rows.masks.paint(old, own)
    if said.get("map") != map_hash(old):
        return None
    pairs = np.unique(old * (MAX_VALUE + 1) + values).tolist()
    found = dict(divmod(pair, MAX_VALUE + 1) for pair in pairs)
    return found if len(found) == len(pairs) == len(set(found.values())) else None


def facts_of_polygons(own: Any) -> tuple[str, ...]:
    """What a polygon file says besides the outlines of what is painted."""
    data = own.get("polygons") if isinstance(own, Mapping) else None
    if not isinstance(data, Mapping):
        return ()
    names: dict[str, None] = {}
    for one in (data, *data["objects"]):
        if isinstance(one, Mapping):
            names |= dict.fromkeys(str(name) for name in one if name not in _KNOWN)
            names |= dict.fromkeys(sorted(NEVER_PAINTED & {one.get("label")}))
    return tuple(names)


def _renamed(said: Mapping[str, Any], rows: Rows, meaning: Numbering) -> Mapping[str, Any]:
    """The file with the labels that its classes have now: by their pixels, else by their number."""
    taxonomy = meaning.taxonomy
    seen: dict[int, set[int]] = {}
    for value, position in zip(rows.instance.tolist(), rows.category.tolist(), strict=True):
        seen.setdefault(meaning.packing.split(value)[0], set()).add(position)
    own = {n: i for i, c in enumerate(taxonomy) if (n := c.id_in(FORMAT_NAME)) is not None}
    names: dict[str, str] = {}
    for label, (number, group) in said["labels"].items():
        found = seen.get(number, set())
        place = next(iter(found)) if len(found) == 1 else own.get(number)
        if place is not None and class_of_label(label, taxonomy) != (place, group):
            names[label] = taxonomy[place].name + (GROUP if group else "")
    if not names:
        return dict(said["polygons"])
    objects = [
        {**one, "label": names.get(one["label"], one["label"])}
        for one in said["polygons"]["objects"]
    ]
    return {**said["polygons"], "objects": objects}
