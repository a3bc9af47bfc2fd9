"""Polygon files of Cityscapes: painted in list order, later over earlier, as its scripts do.

Pillow fills them without an outline. Deleted objects and license plates are skipped; a label
that ends with `group` is a region of many objects and has no number of its own.

Source: cityscapesScripts, preparation/json2instanceImg.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.fill import MAX_COORDINATE
from maskloom.core.labels import Geometry, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.cityscapes.labels import NEVER_PAINTED, UNLABELED
from maskloom.formats.shared.folders import read_json
from maskloom.formats.shared.numbered import Numbering
from maskloom.store.images import MAX_PIXELS

RULE = "pil"
MAX_BYTES = 1 << 26
GROUP = "group"


def read_polygons(path: Path) -> dict[str, Any]:
    """A checked polygon file, as it was parsed.

    Raises:
        FormatError: it does not parse, is huge, or its sizes or list of objects are wrong.
    """
    if path.stat().st_size > MAX_BYTES:
        raise FormatError(f"a polygon file of more than {MAX_BYTES} bytes", where=path)
    data = read_json(path)
    if not isinstance(data, dict) or not isinstance(data.get("objects"), list):
        raise FormatError('no list "objects"', where=path, hint="is it a Cityscapes polygon file?")
    height, width = data.get("imgHeight"), data.get("imgWidth")
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        raise FormatError(
            "imgHeight and imgWidth are whole numbers above 0", where=path, seen=(height, width)
        )
    if height * width > MAX_PIXELS:
        raise FormatError(f"more than {MAX_PIXELS} pixels", where=path, seen=f"{width} × {height}")
    return data


def size_of_polygons(data: Mapping[str, Any]) -> tuple[int, int]:
    """(H, W) that a polygon file states."""
    return int(data["imgHeight"]), int(data["imgWidth"])


def paint_polygons(
    data: Mapping[str, Any], meaning: Numbering, *, where: Path, strict: bool = True
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """The map of numbers that a polygon file makes, and what was left out of it.

    Args:
        data: of `read_polygons`.
        meaning: of the numbers; its taxonomy knows the labels.
        where: the file, for errors.
        strict: refuse bad objects; else they are left out.

    Raises:
        FormatError: an unknown label, a polygon that is none, or more objects of a class than
            it has numbers.
    """
    notes: list[str] = []
    numbered = list(_numbered(data, meaning, where, notes if not strict else None))
    values = np.full(size_of_polygons(data), UNLABELED, np.int32)
    masks = Masks.from_polygons([[ring] for _, ring in numbered], values.shape, RULE)
    masks.paint(values, [value for value, _ in numbered])
    return values, tuple(notes)


def class_of_label(label: str, taxonomy: Taxonomy) -> tuple[int | None, bool]:
    """Position of a label's class, None where there is none, and whether it is of a group."""
    position = taxonomy.find(label)
    if position is not None or not label.endswith(GROUP):
        return position, False
    return taxonomy.find(label.removesuffix(GROUP)), True


def values_of_polygons(
    data: Mapping[str, Any], meaning: Numbering, *, where: Path = Path()
) -> list[int]:
    """The stored value of every object that is painted, in order.

    Raises:
        FormatError: as `paint_polygons`.
    """
    return [value for value, _ in _numbered(data, meaning, where, None)]


def with_geometry(
    labels: Labels, data: Mapping[str, Any], meaning: Numbering, *, where: Path, strict: bool = True
) -> Labels:
    """Rows with the vertices of the polygons that have their number.

    Raises:
        FormatError: as `paint_polygons`.
    """
    assert labels.rows is not None
    skipped: list[str] = []
    parts: dict[int, list[NDArray[np.float64]]] = {}
    for value, ring in _numbered(data, meaning, where, None if strict else skipped):
        parts.setdefault(value, []).append(ring)
    geometry = [
        Geometry(tuple(parts[i]), RULE) if i in parts else None
        for i in labels.rows.instance.tolist()
    ]
    columns = {name: getattr(labels.rows, name) for name in Rows.__slots__}
    rows = Rows(**{**columns, "geometry": tuple(geometry) if any(geometry) else ()})
    return labels.replace(rows=rows)


def _numbered(
    data: Mapping[str, Any], meaning: Numbering, where: Path, skipped: list[str] | None
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """(stored value, vertices) of every object that is painted, in order.

    Bad ones raise, or go to `skipped`.
    """
    counts: Counter[int] = Counter()
    for n, one in enumerate(data["objects"]):
        place = f"{where}: objects[{n}]"
        try:
            found = _value(one, meaning, counts, place)
            if found is None:
                continue
            ring = _ring(one, place)
        except FormatError as error:
            if skipped is None:
                raise
            skipped.append(f"left out: {error.message}")
            continue
        counts[found[0]] += found[1]
        yield found[0] + (counts[found[0]] - 1 if found[1] else 0), ring


def _value(
    one: Any, meaning: Numbering, counts: Counter[int], where: str
) -> tuple[int, bool] | None:
    """(value of the class's first object or of its region, whether it counts); None: no paint."""
    if not isinstance(one, dict) or not isinstance(one.get("label"), str):
        raise FormatError("an object without a label", where=where, seen=one)
    label = one["label"]
    if one.get("deleted") or label in NEVER_PAINTED or label == "unlabeled":
        return None if label != "unlabeled" or one.get("deleted") else (UNLABELED, False)
    position, group = class_of_label(label, meaning.taxonomy)
    number = next((v for v, p in meaning.numbers.items() if p == position), None)
    if position is None or number is None:
        raise FormatError(
            "a label that the taxonomy does not have",
            where=where,
            seen=label,
            hint="name classes with --set taxonomy=FILE",
        )
    if group or meaning.taxonomy[position].kind == "stuff":
        return meaning.packing.region(number), False
    value = number * meaning.packing.step + meaning.packing.first
    if counts[value] >= meaning.packing.most:
        raise FormatError(
            f"more than {meaning.packing.most} objects of one class, which have no numbers",
            where=where,
            seen=label,
        )
    return value, True


def _ring(one: Mapping[str, Any], where: str) -> NDArray[np.float64]:
    try:
        ring = np.asarray(one.get("polygon"), np.float64)
    except (TypeError, ValueError):
        ring = np.zeros(0)
    if ring.ndim != 2 or ring.shape[1] != 2 or len(ring) < 3:
        raise FormatError(
            "a polygon is a list of at least three points [x, y]",
            where=f"{where}, polygon",
            seen=one.get("polygon"),
        )
    if not (np.abs(ring) <= MAX_COORDINATE).all():
        raise FormatError(
            "a vertex is not finite or lies more than 2**24 px away",
            where=f"{where}, polygon",
            seen=ring[~(np.abs(ring) <= MAX_COORDINATE).all(axis=1)][0].tolist(),
        )
    return ring
