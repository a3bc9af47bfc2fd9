"""What rows say that labelling tools can draw again: polygons, boxes, points and lines.

The other way round is `shapes.py`. A polygon is written again only where its rule makes the very
same pixels. What a writer says of a row is taken away before losses are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.places import geometry_of, source_of
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import MaskError
from maskloom.formats.loss import Holds, Loss, first_instances, losses_of
from maskloom.formats.objects.write import joined_parts

Vertices = NDArray[np.float64]
Parts = tuple[Vertices, ...]


def kept_of(
    rows: Rows, i: int, name: str, fits: Callable[[Mapping[str, Any]], bool]
) -> Mapping[str, Any]:
    """What a format's own reader kept of a row, be it by way of a file that keeps any field.

    Args:
        rows: of one image.
        i: which.
        name: of the format.
        fits: whether its reader would keep such a thing; a file's own field may have its name.
    """
    kept = source_of(rows, i).get(name)
    return kept if isinstance(kept, Mapping) and kept and fits(kept) else {}


def says_fields(rows: Rows, i: int, name: str, kept: Mapping[str, Any]) -> bool:
    """Whether a source is nothing but what the format kept, and the box of what is drawn as one."""
    source = source_of(rows, i)
    if source.get(name) and not kept:
        return False
    return not set(source) - {name, "bbox"} and (
        "bbox" not in source or rows.kind[i] == RowKind.BOX
    )


def attributes_of(rows: Rows, i: int) -> Mapping[str, Any]:
    """The attributes of a row."""
    return (rows.attributes[i] if rows.attributes else None) or {}


def polygon_of(
    rows: Rows, i: int, rule: str, *, seen: Callable[[Vertices], Vertices] | None = None
) -> Parts | None:
    """The author's vertices of a mask where they have this rule and make its very pixels.

    Args:
        rows: of one image.
        i: which.
        rule: of the target's readers.
        seen: what those readers make of vertices before they fill them, e.g. round them; the
            pixels must be the same then, too.
    """
    geometry = geometry_of(rows, i)
    if geometry is None or geometry.rule != rule or rows.kind[i] != RowKind.MASK:
        return None
    looks = [geometry.parts] + ([] if seen is None else [tuple(map(seen, geometry.parts))])
    try:
        again = Masks.from_polygons([list(p) for p in looks], rows.masks.sizes[i], rule=rule)
    except MaskError:
        return None
    same = all(again[n] == rows.masks[i] for n in range(len(again)))
    return geometry.parts if same else None


def as_singles(points: Vertices) -> Vertices:
    """Vertices as Datumaro and exporters built on it have them: two decimals, single precision."""
    return points.astype(np.float32).round(2).astype(np.float64)


def whole_objects(rows: Rows) -> Rows:
    """Rows of which parts of one object are one mask; drawings come behind them."""
    solid = rows.kind == RowKind.MASK
    ids = rows.instance[solid].tolist()
    if len(set(ids)) == len(ids):
        return rows
    parts = joined_parts(rows), rows.take(~solid)
    columns: dict[str, Any] = {}
    for name in Rows.__slots__:
        first, second = (getattr(one, name) for one in parts)
        if isinstance(first, tuple):
            columns[name] = first + second
        elif isinstance(first, Masks):
            columns[name] = Masks.concatenate([first, second])
        else:
            columns[name] = np.concatenate([first, second])
    return Rows(**columns)


@dataclass(frozen=True, slots=True)
class Told:
    """What a writer says of one row.

    Args:
        row: the row itself; False for a drawing that the target cannot draw.
        vertices: its author's vertices.
        fields: everything in its source.
        unsaid: names of attributes that it cannot say.
    """

    row: bool = True
    vertices: bool = True
    fields: bool = True
    unsaid: tuple[str, ...] = ()


def losses_of_told(
    holds: Holds, key: str, labels: Labels, taxonomy: Taxonomy, told: Sequence[Told]
) -> list[Loss]:
    """What a target of drawings cannot hold of one sample.

    Args:
        holds: what it can say at best.
        key: of the sample.
        labels: rows, or a class map, of which `told` is empty.
        taxonomy: what their categories mean.
        told: what its writer says of each row.
    """
    said = {name: getattr(holds, name) for name in Holds.__slots__}
    rest = Holds(**{**said, "drawings": True, "vertices": False, "fields": False})
    rows = labels.rows
    if rows is None:
        # Regions of void classes are objects; pixels that are just void are none.
        return losses_of(replace(rest, void=False), key, labels, taxonomy)
    columns = {name: getattr(rows, name) for name in Rows.__slots__}
    drawn = (rows.kind != int(RowKind.MASK)).tolist()
    # Where drawings lie is no loss, but tells which of them lie over others.
    columns["geometry"] = tuple(
        None if one.vertices and not keep else own
        for one, own, keep in zip(told, rows.geometry, drawn, strict=False)
    )
    columns["source"] = tuple(
        _place_alone(own, drawn=keep) if one.fields else own
        for one, own, keep in zip(told, rows.source, drawn, strict=False)
    )
    kept = np.array([one.row for one in told], np.bool_)
    found = losses_of(rest, key, labels.replace(rows=Rows(**columns).take(kept)), taxonomy)
    lost, named = len(kept) - int(kept.sum()), first_instances(rows, ~kept)
    if lost:
        found.append(Loss(key, "drawings", lost, instances=named))
    return found + (_unsaid(key, rows, told) if holds.attributes else [])


def _place_alone(own: Mapping[str, Any] | None, *, drawn: bool) -> Mapping[str, Any] | None:
    return {"bbox": own["bbox"]} if drawn and own and "bbox" in own else None


def _unsaid(key: str, rows: Rows, told: Sequence[Told]) -> list[Loss]:
    """Attributes of single rows that the target cannot say."""
    names = tuple(dict.fromkeys(name for one in told for name in one.unsaid))
    if not names:
        return []
    flag = np.array([bool(one.unsaid) for one in told], np.bool_)
    pixels, who = int(rows.masks.areas[flag].sum()), first_instances(rows, flag)
    return [Loss(key, "attributes", int(flag.sum()), pixels, names=names, instances=who)]


def lost_groups(
    key: str, rows: Rows, said: Sequence[int], groups: Sequence[int], name: str
) -> list[Loss]:
    """Groups of the source that objects of one label cannot share, as they would be one object.

    Args:
        key: of the sample.
        rows: of the image.
        said: the source's own group per row, 0 for none.
        groups: what is written, of `object_groups`.
        name: of the field.
    """
    flag = np.array([a not in (0, b) for a, b in zip(said, groups, strict=True)], np.bool_)
    if not flag.any():
        return []
    who = first_instances(rows, flag)
    return [Loss(key, "fields", int(flag.sum()), names=(name,), instances=who)]


def object_groups(rows: Rows, said: Sequence[int], fresh: Callable[[int], int]) -> list[int]:
    """The group of each row: the source's own, or one for rows that are parts of one object.

    Shapes of a group are one object where they share a label, so that no two objects of one
    label get the same group.

    Args:
        rows: of an image.
        said: the source's own group per row, 0 for none.
        fresh: instance id → a group that no row has, for an object of several rows.

    Returns:
        One group per row, 0 for none.
    """
    objects = list(zip(rows.category.tolist(), rows.instance.tolist(), strict=True))
    sizes = Counter(objects)
    owners: dict[tuple[int, int], tuple[int, int]] = {}
    groups: dict[tuple[int, int], int] = {}
    for one, group in zip(objects, said, strict=True):
        if group and owners.setdefault((one[0], group), one) == one:
            groups.setdefault(one, group)
    for one in objects:
        if sizes[one] > 1 and one not in groups:
            groups[one] = fresh(one[1])
    return [groups.get(one, 0) for one in objects]


def lies_in_images(sample: Sample, name: str) -> bool:
    """Whether the image lies at `images/NAME`, without a folder for its split."""
    path = sample.image.path
    return path is not None and path.as_posix().endswith(f"/images/{name}")
