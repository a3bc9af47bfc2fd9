"""One form of labels seen as the other: class maps from rows, rows from maps, class areas.

Views are derived and never stored; exact changes of form between files are `formats/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import FULL, Labels, RowKind, Rows, codes, map_dtype
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.volumes import paint_planes, volume_rows
from maskloom.errors import DataError


def class_map(labels: Labels, taxonomy: Taxonomy) -> NDArray[Any]:
    """The class of every pixel.

    Rows are painted in rising z order (equal z: in row order); rows that are not masks are
    left out. Void categories and pixels outside coverage become the void code, covered pixels
    that no row claims the background code.

    Args:
        labels: of an image (H, W) or a volume (D, H, W), whose rows each lie in their plane.
        taxonomy: what its categories mean.

    Returns:
        uint8 or uint16 of that size: positions, void and background codes (`labels.codes`).
    """
    dtype = np.dtype(map_dtype(len(taxonomy)))
    void, background = codes(dtype)
    if labels.class_map is not None:
        out = _widen(labels.class_map, dtype)
    else:
        rows = _mask_rows(labels)
        out = np.full(labels.size, background, dtype)
        order = np.argsort(rows.z_order, kind="stable")
        values = np.array(
            [void if taxonomy[c].void else c for c in rows.category[order]], dtype=np.int64
        )
        _paint(rows.take(order), out, values)
    return _outside_coverage(out, labels, taxonomy, void, background)


def instance_rows(labels: Labels) -> Rows:
    """Rows as they are, or one row per category of a class map (void and background left out).

    Of a volume it is one row per category and plane; those of one category are one object.
    """
    if labels.rows is not None:
        return labels.rows
    assert labels.class_map is not None
    void, background = codes(labels.class_map.dtype)
    if labels.class_map.ndim == 3:
        masks, ids, planes = volume_rows(labels.class_map)
        keep = (ids != void) & (ids != background)
        masks, ids, planes = masks[np.flatnonzero(keep)], ids[keep], planes[keep]
        return Rows.make(masks, ids, instance=ids + 1, plane=planes)
    masks, ids = Masks.from_id_map(labels.class_map, background=None)
    keep = (ids != void) & (ids != background)
    return Rows.make(masks[np.flatnonzero(keep)], ids[keep])


def nothing_but_drawn(labels: Labels) -> bool:
    """Whether objects are boxes and lines alone, so that the labels speak of no pixel."""
    rows = labels.rows
    part = not (labels.coverage.nothing or labels.coverage.full)
    if rows is None or part or not len(rows):
        return False
    return bool((rows.kind != int(RowKind.MASK)).all())


def instance_map(rows: Rows, size: tuple[int, ...]) -> NDArray[np.int32]:
    """(H, W) or (D, H, W) int32: 1 + position of the object in first-seen order, 0 elsewhere.

    Later rows lie over earlier ones; parts of one object share its number.
    """
    out = np.zeros(size, np.int32)
    _, first, inverse = np.unique(rows.instance, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(1, len(first) + 1)
    _paint(rows, out, rank[inverse])
    return out


def _paint(rows: Rows, out: NDArray[Any], values: NDArray[np.int64]) -> None:
    """Values where rows are, in an image or each in its plane of a volume; later rows win."""
    if out.ndim == 3:
        paint_planes(rows.masks, rows.plane, out, values)
    else:
        rows.masks.paint(out, values)


def class_areas(labels: Labels, taxonomy: Taxonomy) -> NDArray[np.int64]:
    """(K,) pixels per category; rows that overlap count in full."""
    areas = np.zeros(len(taxonomy), np.int64)
    if labels.class_map is not None:
        values, counts = np.unique(labels.class_map, return_counts=True)
        inside = values < len(taxonomy)
        areas[values[inside]] = counts[inside]
    elif labels.rows is not None:
        np.add.at(areas, labels.rows.category, labels.rows.masks.areas)
    return areas


def translate(
    labels: Labels, targets: Sequence[int | None], taxonomy: Taxonomy, where: object = None
) -> Labels:
    """Labels whose categories are renumbered.

    Args:
        labels: in the old taxonomy.
        targets: new position for each old one; None drops nothing: a used one is refused.
        taxonomy: the new one; in class maps its void categories become the void code.
        where: what to name in errors.

    Raises:
        DataError: a category that is used has no target.
    """
    if labels.rows is not None:
        if list(targets) == list(range(len(targets))):
            return labels
        used = np.unique(labels.rows.category)
        table = _table(used, targets, where)
        rows = labels.rows.take(slice(None))
        changed = {f: getattr(rows, f) for f in Rows.__slots__}
        changed["category"] = table[rows.category].astype(np.int32)
        return labels.replace(rows=Rows(**changed))
    assert labels.class_map is not None
    used = np.unique(labels.class_map)
    _table(used[~np.isin(used, codes(labels.class_map.dtype))], targets, where)
    return labels.replace(class_map=recode(labels.class_map, targets, taxonomy))


def recode(
    pixels: NDArray[Any],
    targets: Sequence[int | None],
    taxonomy: Taxonomy,
    *,
    lost: int | None = None,
) -> NDArray[Any]:
    """A class map in positions of another taxonomy.

    Args:
        pixels: (H, W) uint8 or uint16 of old positions and codes.
        targets: new position for each old one, or None.
        taxonomy: the new one; its void categories become the void code.
        lost: value of pixels without a target; by default the void code.

    Returns:
        (H, W) of the smallest type that holds the new taxonomy.
    """
    dtype = np.dtype(map_dtype(len(taxonomy)))
    void, background = codes(dtype)
    table = np.full(np.iinfo(pixels.dtype).max + 1, void if lost is None else lost, dtype)
    for i, target in enumerate(targets[: len(table)]):
        if target is not None:
            table[i] = void if taxonomy[target].void else target
    table[list(codes(pixels.dtype))] = void, background
    out: NDArray[Any] = table[pixels]
    return out


def _table(used: NDArray[Any], targets: Sequence[int | None], where: object) -> NDArray[np.int64]:
    used = used.astype(np.int64)
    table = np.full(max(len(targets), int(used.max(initial=-1)) + 1), -1, np.int64)
    for value in used.tolist():
        target = targets[value] if value < len(targets) else None
        if target is None:
            raise DataError(
                "a category that is in use has no counterpart",
                where=where,
                seen=value,
                hint="map it with --map OLD=NEW",
            )
        table[value] = target
    return table


def _widen(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if array.dtype == dtype:
        return array.copy()
    out = array.astype(dtype)
    for old, new in zip(codes(array.dtype), codes(dtype), strict=True):
        out[array == old] = new
    return out


def _mask_rows(labels: Labels) -> Rows:
    assert labels.rows is not None
    rows = labels.rows
    only = rows.kind == RowKind.MASK
    return rows if only.all() else rows.take(only)


def _outside_coverage(
    out: NDArray[Any], labels: Labels, taxonomy: Taxonomy, void: int, background: int
) -> NDArray[Any]:
    coverage = labels.coverage
    if coverage is FULL or coverage.full:
        return out
    listed = coverage.categories
    # background is a claim about every category: without it such a pixel is unlabelled
    if coverage.nothing or (listed is not None and not set(taxonomy.keys) <= listed):
        out[out == background] = void
    if coverage.area is not None:
        inside = coverage.area.dense(0)
        out[~inside & (out == background)] = void
    return out
