"""Labels to documents: rows become objects with the uid "SEQ-i", a map one object per category.

The way back is `document_export`; states and operations are in `document`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Coverage, Labels, RowKind, Rows, codes, map_dtype
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.edits.document import Document, Object
from maskloom.edits.grid_polygons import grid_geometries
from maskloom.edits.operation_fields import MAX_DEPTH, MAX_TEXT, MAX_WHOLE
from maskloom.edits.tiles import masks_to_tiles, xor_tiles
from maskloom.errors import DataError

NO_CLASS = "-void"
"""The uid of void pixels in a map whose taxonomy has no void category."""


def from_labels(labels: Labels, taxonomy: Taxonomy, seq: int, revision: int) -> Document:
    """See `Document.from_labels`."""
    if len(labels.size) != 2:
        raise DataError("a document is of an image, not of a volume", seen=labels.size)
    size = int(labels.size[0]), int(labels.size[1])
    if labels.rows is not None:
        objects = _objects(labels.rows, taxonomy, seq)
    else:
        assert labels.class_map is not None
        objects = _classes(labels.class_map, taxonomy)
    return Document(
        size,
        "map" if labels.rows is None else "rows",
        revision,
        objects,
        labels=labels,
        initial=dict(objects),
    )


def empty_labels(size_hw: tuple[int, int], taxonomy: Taxonomy | None = None) -> Labels:
    """Labels of a sample of which nothing is known: no rows, or with a taxonomy an empty map."""
    nothing = Coverage(nothing=True)
    if taxonomy is None:
        rows = Rows.make(Masks.empty(0, size_hw), np.zeros(0, np.int32))
        return Labels(size_hw, rows=rows, coverage=nothing)
    dtype = np.dtype(map_dtype(len(taxonomy)))
    return Labels(size_hw, class_map=np.full(size_hw, codes(dtype)[1], dtype), coverage=nothing)


def _objects(rows: Rows, taxonomy: Taxonomy, seq: int) -> dict[str, Object]:
    """One object per row."""
    if len(rows) and not 0 <= rows.category.min() <= rows.category.max() < len(taxonomy):
        raise DataError("a row of no category of the taxonomy", seen=int(rows.category.max()))
    geometries = grid_geometries(rows)
    objects = {}
    for i, tiles in enumerate(masks_to_tiles(rows.masks)):
        uid = f"{seq}-{i}"
        source = rows.source[i] if rows.source else None
        objects[uid] = Object(
            uid,
            category=taxonomy[int(rows.category[i])].key,
            z=int(rows.z_order[i]),
            tiles=tiles,
            geometry=geometries[i],
            attributes=told(rows.attributes[i] or {}) if rows.attributes else {},
            origin=_origin(source.get("origin") if source else None),
            row=i,
            kind=RowKind(rows.kind[i]).name.lower(),
            crowd=bool(rows.crowd[i]),
            score=None if math.isnan(rows.score[i]) else float(rows.score[i]),
        )
    return objects


def told(value: Any, depth: int = 0) -> Any:
    """A foreign value as plain JSON that a page keeps exactly; what it cannot keep is text.

    Names that cannot be written are mended, and stay different from each other.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) <= MAX_WHOLE:
        return int(value) if value == int(value) else value
    if isinstance(value, dict) and depth < MAX_DEPTH:
        names = _names(value)
        return {names[key]: told(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple) and depth < MAX_DEPTH:
        return [told(item, depth + 1) for item in value]
    return _text(value)


def _names(value: dict[Any, Any]) -> dict[Any, str]:
    """Key → its name in a page; sound names stay as they are."""
    names = {key: key for key in value if isinstance(key, str) and _text(key) == key}
    taken = set(names.values())
    for key in value:
        if key not in names:
            name = text = _text(key)
            number = 1
            while name in taken:
                number += 1
                name = f"{text} ({number})"
            names[key] = name
            taken.add(name)
    return names


def _text(value: Any) -> str:
    try:
        text = str(value)
    except (RecursionError, ValueError):  # nested too deep, a number of too many digits
        text = type(value).__name__
    return text.encode(errors="replace").decode()


def _origin(value: object) -> str | None:
    sound = isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable()
    return str(value) if sound else None


def _classes(pixels: NDArray[Any], taxonomy: Taxonomy) -> dict[str, Object]:
    """One object per category, and one for void pixels without a category."""
    void, background = codes(pixels.dtype)
    masks, ids = Masks.from_id_map(pixels, background=background)
    keys = class_keys(taxonomy)
    objects = {key: Object(key, category=key) for key in taxonomy.keys}
    objects.setdefault(keys[-1], Object(keys[-1]))
    for value, tiles in zip(ids.tolist(), masks_to_tiles(masks), strict=True):
        if value != void and value >= len(taxonomy):
            raise DataError("a class map holds no category of the taxonomy", seen=value)
        key = keys[-1] if value == void else keys[value]
        held = objects[key]
        # A void category may stand under its position and under the void code.
        objects[key] = Object(key, category=held.category, tiles=xor_tiles(held.tiles, tiles))
    return objects


def class_keys(taxonomy: Taxonomy) -> list[str]:
    """Keys by position; the last one is that of the void code."""
    void = [category.key for category in taxonomy if category.void]
    return [*taxonomy.keys, void[0] if void else NO_CLASS]
