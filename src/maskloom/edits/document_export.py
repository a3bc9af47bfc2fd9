"""Documents to labels: what nobody touched returns as it was, field by field.

A row whose pixels changed loses what its source said of the old ones; new objects follow the
rows, as they came. The way in is `document_labels`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import FULL, STALE, Labels, RowKind, Rows, codes, map_dtype
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.edits.document import Document, Object
from maskloom.edits.document_labels import class_keys
from maskloom.edits.grid_polygons import geometry_to_parts
from maskloom.edits.tiles import TILE, Tile, decode_tile, tiles_to_masks
from maskloom.errors import DataError


def to_labels(document: Document, taxonomy: Taxonomy, layer: str) -> Labels:
    """See `Document.to_labels`."""
    base = document.labels
    if base is None:
        raise DataError("the document was not made from labels")
    content: dict[str, Any]
    if base.rows is not None:
        content = {"rows": _rows(document, base.rows, taxonomy)}
    else:
        content = {"class_map": _map(document, base, taxonomy)}
    return base.replace(
        **content,
        coverage=FULL if document.value("", "state") == "done" else base.coverage,
        layer=layer,
        revision=document.revision,
    )


def in_order(document: Document) -> tuple[list[Object], list[Object]]:
    """The objects in the order of the rows of `Document.to_labels`.

    Returns:
        What is left of the snapshot's rows; and the new ones behind it, as they were created.
    """
    left = [held for held in document.objects.values() if held.row is not None]
    left.sort(key=lambda held: held.row or 0)
    new = [document.objects[uid] for uid in document.created if uid in document.objects]
    return left, new


def _rows(document: Document, base: Rows, taxonomy: Taxonomy) -> Rows:
    """The rows that are left, mended, and behind them those that are new."""
    left, new = in_order(document)
    pairs = [(i, held, document.initial[held.uid]) for i, held in enumerate(left)]
    changed = [(i, held, old) for i, held, old in pairs if held is not old and held != old]
    if not new and not changed and len(left) == len(base):
        return base
    rows = base.take(np.array([held.row for held in left], np.int64))
    parts = [_mended(rows, changed, document, taxonomy)]
    if new:
        parts.append(_new_rows(new, base, document, taxonomy))
    return _joined(parts)


def _mended(
    rows: Rows,
    changed: Sequence[tuple[int, Object, Object]],
    document: Document,
    taxonomy: Taxonomy,
) -> Rows:
    """Rows with the fields and pixels that operations gave them."""
    columns = _columns(rows)
    arrays = {name: columns[name].copy() for name in ("category", "z_order", "kind")}
    lists = {name: list(columns[name] or [None] * len(rows)) for name in _LISTS}
    for i, held, old in changed:
        arrays["category"][i] = taxonomy.index(held.category or "")
        arrays["z_order"][i] = held.z
        if held.attributes != old.attributes:
            lists["attributes"][i] = dict(held.attributes) or None
        if held.origin != old.origin:
            lists["source"][i] = {**(lists["source"][i] or {}), "origin": held.origin}
        if held.tiles != old.tiles:
            arrays["kind"][i] = RowKind.MASK
            source = lists["source"][i] or {}
            lists["source"][i] = {k: v for k, v in source.items() if k not in STALE} or None
        if held.tiles != old.tiles or held.geometry != old.geometry:
            drawn = held.geometry
            lists["geometry"][i] = None if drawn is None else geometry_to_parts(drawn)
    masks = _repainted(rows.masks, changed, document.size_hw)
    return Rows(**{**columns, **arrays, **_shortened(lists), "masks": masks})


def _repainted(
    masks: Masks, changed: Sequence[tuple[int, Object, Object]], size_hw: tuple[int, int]
) -> Masks:
    """Masks of which some come from tiles now."""
    painted = [(i, held.tiles) for i, held, old in changed if held.tiles != old.tiles]
    if not painted:
        return masks
    places = np.arange(len(masks))
    places[[i for i, _ in painted]] = len(masks) + np.arange(len(painted))
    fresh = tiles_to_masks([tiles for _, tiles in painted], size_hw)
    return Masks.concatenate([masks, fresh])[places]


def _new_rows(new: Sequence[Object], base: Rows, document: Document, taxonomy: Taxonomy) -> Rows:
    """Rows of objects that the snapshot does not have.

    Instance ids follow its largest in the order of all that were ever created: an object keeps
    its id, whatever is made or deleted beside it.
    """
    first = max(int(base.instance.max(initial=0)), 0) + 1
    ids = {uid: first + i for i, uid in enumerate(document.created)}
    lists: dict[str, list[Any]] = {
        "attributes": [dict(held.attributes) or None for held in new],
        "geometry": [
            None if held.geometry is None else geometry_to_parts(held.geometry) for held in new
        ],
        "source": [None if held.origin is None else {"origin": held.origin} for held in new],
    }
    return Rows.make(
        tiles_to_masks([held.tiles for held in new], document.size_hw),
        np.array([taxonomy.index(held.category or "") for held in new], np.int32),
        instance=np.array([ids[held.uid] for held in new]),
        z_order=np.array([held.z for held in new]),
        **_shortened(lists),
    )


_LISTS = ("attributes", "geometry", "source")


def _columns(rows: Rows) -> dict[str, Any]:
    return {f.name: getattr(rows, f.name) for f in fields(Rows)}


def _shortened(lists: Mapping[str, Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
    """Lists as columns: none at all where no row has a value."""
    return {
        name: tuple(values) if any(v is not None for v in values) else ()
        for name, values in lists.items()
    }


def _joined(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts; a list that only some have is filled up."""
    if len(parts) == 1:
        return parts[0]
    columns = [_columns(part) for part in parts]
    out: dict[str, Any] = {"masks": Masks.concatenate([part.masks for part in parts])}
    for name, first in columns[0].items():
        if isinstance(first, np.ndarray):
            out[name] = np.concatenate([column[name] for column in columns])
        elif isinstance(first, tuple):
            blank = "" if name == "author" else None
            filled = any(column[name] for column in columns)
            values = [
                column[name] or (blank,) * len(part)
                for column, part in zip(columns, parts, strict=True)
            ]
            out[name] = sum(values, ()) if filled else ()
    return Rows(**out)


def _map(document: Document, base: Labels, taxonomy: Taxonomy) -> NDArray[Any]:
    """A class map of which only the tiles that changed are painted anew."""
    assert base.class_map is not None
    dtype = np.dtype(map_dtype(len(taxonomy)))
    void, background = codes(dtype)
    keys = class_keys(taxonomy)
    known = {key: i for i, key in enumerate(taxonomy.keys)}
    values = {key: void if taxonomy[i].void else i for key, i in known.items()} | {keys[-1]: void}
    if base.class_map.dtype == dtype and list(document.initial) == list(dict.fromkeys(keys)):
        out = base.class_map.copy()
        tiles = _changed_tiles(document)
    else:
        out = np.full(document.size_hw, background, dtype)
        tiles = {tile for held in document.objects.values() for tile in held.tiles}
    for tx, ty in tiles:
        window = out[ty * TILE : (ty + 1) * TILE, tx * TILE : (tx + 1) * TILE]
        height, width = window.shape
        window[:] = background
        for uid, held in document.objects.items():
            if (tx, ty) in held.tiles:
                # A class that the taxonomy lost is named by the error of `index`.
                value = values[uid] if uid in values else taxonomy.index(uid)
                window[decode_tile(held.tiles[tx, ty])[:height, :width]] = value
    return out


def _changed_tiles(document: Document) -> set[Tile]:
    """Tiles in which some class has other pixels than in the snapshot."""
    out: set[Tile] = set()
    for uid, held in document.objects.items():
        old = document.initial[uid].tiles
        if held.tiles is not old:
            out.update(t for t in {*old, *held.tiles} if old.get(t) != held.tiles.get(t))
    return out
