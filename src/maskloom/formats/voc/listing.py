"""What the XML of an image lists: objects with pixels, boxes without; and what it cannot list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, RowKind, Rows
from maskloom.core.taxonomy import Taxonomy
from maskloom.formats.loss import MOST_NAMED, Holds, Loss, first_instances
from maskloom.formats.shared.boxes import losses_beside_boxes
from maskloom.formats.shared.flat import flat_losses, flat_rows, void_rows
from maskloom.formats.shared.safe_xml import is_text
from maskloom.formats.voc.classes import MAX_VALUE

Listed = tuple[Rows, int]
_THIN = 1 - 1e-9


def parted(labels: Labels, taxonomy: Taxonomy) -> tuple[Rows, list[Listed]]:
    """Regions of classes; and what the XML lists, in the order of the rows.

    Objects with pixels come first where there are more entries than values in the object map.
    """
    assert labels.rows is not None
    flat = flat_rows(labels, taxonomy)
    region = np.array([c.kind == "stuff" for c in taxonomy], np.bool_)[flat.category]
    if "voc" in labels.extra:
        told = [voc_of(flat, i).get("object") == 0 for i in range(len(flat))]
        region |= np.array(told, np.bool_)
    boxes = labels.rows.take(listed_boxes(labels, taxonomy))
    place: dict[int, int] = {}
    for i, instance in enumerate(labels.rows.instance.tolist()):
        place.setdefault(instance, i)
    things = flat.take(~region)
    listed = [(rows, i) for rows in (things, boxes) for i in range(len(rows))]
    many = len(listed) > MAX_VALUE

    def order(entry: Listed) -> tuple[bool, int]:
        return many and is_box(entry), place[int(entry[0].instance[entry[1]])]

    return flat.take(region), sorted(listed, key=order)


def losses_of_lists(
    holds: Holds, key: str, labels: Labels, taxonomy: Taxonomy, kept: tuple[str, ...]
) -> list[Loss]:
    """What maps and XML cannot hold of rows.

    Args:
        holds: of the maps and of what an <object> says.
        key: of the sample.
        labels: with rows.
        taxonomy: what their categories mean.
        kept: names in the sources of boxes that are written.
    """
    rows = labels.rows
    assert rows is not None
    boxes = listed_boxes(labels, taxonomy)
    found = losses_beside_boxes(holds, key, labels, taxonomy, boxes, kept)
    names = _reasons(rows, taxonomy, _told(rows) & ~boxes)
    found = [replace(one, names=names) if one.kind == "drawings" else one for one in found]
    found += flat_losses(rows.take(rows.kind == int(RowKind.MASK)), taxonomy)
    return found + _unlisted(*parted(labels, taxonomy))


def listed_boxes(labels: Labels, taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """(N,) boxes without pixels that the XML lists.

    Those of void classes are objects to all other readers of an XML, so that only VOC's own stay.
    In pixels with both ends inside, a box of less than one ends before it begins.
    """
    rows = labels.rows
    assert rows is not None
    found = _told(rows)
    if "voc" not in labels.extra:
        found &= ~void_rows(rows, taxonomy)
    for i in np.flatnonzero(found).tolist():
        found[i] = min((rows.source[i] or {})["bbox"][2:]) >= _THIN
    return found


def is_box(entry: Listed) -> bool:
    """Whether an entry is a box without pixels."""
    return bool(entry[0].kind[entry[1]] == RowKind.BOX)


def voc_of(rows: Rows, i: int) -> Mapping[str, Any]:
    """What a VOC file said of a row: its value in the object map, elements not interpreted."""
    own = (rows.source[i] or {}).get("voc") if rows.source else None
    return own if isinstance(own, Mapping) else {}


def _told(rows: Rows) -> NDArray[np.bool_]:
    """(N,) boxes without pixels that a file told, and so can be told again."""
    told: NDArray[np.bool_] = rows.kind == int(RowKind.BOX)
    for i in np.flatnonzero(told).tolist():
        told[i] = bool(rows.source and (rows.source[i] or {}).get("bbox"))
    return told


def _reasons(rows: Rows, taxonomy: Taxonomy, left: NDArray[np.bool_]) -> tuple[str, ...]:
    """Why boxes are left out, those of one class of void in one."""
    found: dict[str, None] = {}
    for i in np.flatnonzero(left)[:MOST_NAMED].tolist():
        category = taxonomy[int(rows.category[i])]
        x, y, width, height = (rows.source[i] or {})["bbox"]
        sides = f"box {x:g}, {y:g}, {x + width:g}, {y + height:g}: a side of less than 1 px"
        found[f"boxes of {category.name}, which is void" if category.void else sides] = None
    return tuple(found)


def _unlisted(regions: Rows, listed: list[Listed]) -> list[Loss]:
    """Objects beyond the values of a map, and attributes of regions, which no XML lists."""
    found = []
    if lost := [entry for entry in listed[MAX_VALUE:] if not is_box(entry)]:
        solid = sum(not is_box(entry) for entry in listed)
        detail = f"{solid} objects, at most {MAX_VALUE}: the rest keeps its class only"
        named = tuple(int(rows.instance[i]) for rows, i in lost[:MOST_NAMED])
        found.append(Loss("", "ids", len(lost), detail=detail, instances=named))
    if marked := sum(map(bool, regions.attributes)):
        flag = np.array([bool(own) for own in regions.attributes], np.bool_)
        detail, named = "regions of stuff have none", first_instances(regions, flag)
        found.append(Loss("", "attributes", marked, 0, detail, instances=named))
    return found + [loss for rows, i in listed for loss in _unnamed(rows, i)]


def _unnamed(rows: Rows, i: int) -> list[Loss]:
    """Attributes of whose names an element of XML would lose a part."""
    own = (rows.attributes[i] or {}) if rows.attributes else {}
    names = tuple(name for name in own if not is_text(name))
    return [Loss("", "attributes", 1, 0, "", names, (int(rows.instance[i]),))] if names else []
