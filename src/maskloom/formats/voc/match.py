"""Which <object> of a VOC annotation belongs to which value of the object map.

The n-th <object> is value n. Where its class or box tells otherwise, pixels are believed: the
object gets the free entry of its class whose box fits best, or none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maskloom.core.category_names import folded
from maskloom.formats.voc.classes import Classes
from maskloom.formats.voc.xml import VocObject

FITS = 0.5


def matched(
    listed: Sequence[VocObject],
    ids: NDArray[np.int64],
    names: Sequence[str],
    boxes: NDArray[np.int32],
    meaning: Classes,
    notes: list[str],
) -> list[int]:
    """For each object of the map the position of its <object>, or -1.

    Args:
        listed: the objects of the XML, in order.
        ids: (N,) values of the map.
        names: N class names, by pixels.
        boxes: (N, 4) edges of the pixels.
        meaning: the classes, which may know a name by another.
        notes: to which disagreements are added.
    """
    owner = [-1] * len(ids)
    same = [_painted_as(one.name, meaning) for one in listed]
    for i, n in enumerate(ids.tolist()):
        if n <= len(listed) and _agree(listed[n - 1], same[n - 1], names[i], boxes[i]):
            owner[i] = n - 1
    free: dict[str, list[int]] = {}
    for j in sorted(set(range(len(listed))) - set(owner)):
        free.setdefault(same[j], []).append(j)
    for i, n in enumerate(ids.tolist()):
        if owner[i] >= 0 or not listed:
            continue
        own = free.get(names[i], [])
        fits = {j: box_iou(listed[j].box, boxes[i].tolist()) for j in own}
        best = max(own, key=fits.__getitem__, default=-1)
        if best >= 0 and fits[best] >= FITS:
            owner[i] = best
            own.remove(best)
        notes.append(f"object {n}: {_said(listed, same, i, ids, names, boxes, owner[i])}")
    lonely = sorted(set(range(len(listed))) - set(owner)) if len(ids) else []
    notes += [f"<object> {j + 1} of the XML, {same[j]}, has no pixels: a box" for j in lonely]
    return owner


def _painted_as(name: str, meaning: Classes) -> str:
    """The class of the maps that an XML file names; in other spelling, where maps have only one."""
    taxonomy = meaning.taxonomy
    own = meaning.position(name)
    painted = {p for p in meaning.ids.values() if p >= 0}
    alike = [p for p in painted if folded(taxonomy[p].name) == folded(name)]
    at = alike[0] if own not in painted and len(alike) == 1 else own
    return taxonomy[at].name


def _agree(one: VocObject, name: str, seen: str, box: NDArray[np.int32]) -> bool:
    return name == seen and box_iou(one.box, box.tolist()) >= FITS


def box_iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes of edges (x0, y0, x1, y1) in px."""
    x0, y0, x1, y1 = one
    u0, v0, u1, v1 = other
    shared = max(0.0, min(x1, u1) - max(x0, u0)) * max(0.0, min(y1, v1) - max(y0, v0))
    whole = (x1 - x0) * (y1 - y0) + (u1 - u0) * (v1 - v0) - shared
    return shared / whole if whole > 0 else 0.0


def _said(
    listed: Sequence[VocObject],
    same: Sequence[str],
    i: int,
    ids: NDArray[np.int64],
    names: Sequence[str],
    boxes: NDArray[np.int32],
    owner: int,
) -> str:
    """What the map and the XML say of one object, in a clause."""
    n = int(ids[i])
    pixels = f"its pixels are {names[i]} in {_text(boxes[i].tolist())}"
    if n > len(listed):
        entry = f"the XML lists {len(listed)} objects"
    else:
        entry = f"<object> {n} of the XML is {same[n - 1]} in {_text(listed[n - 1].box)}"
    fate = f"taken for <object> {owner + 1}" if owner >= 0 else "no other fits"
    return f"{pixels}, {entry}; {fate}"


def _text(box: Sequence[float]) -> str:
    return f"x {box[0]:g}-{box[2]:g}, y {box[1]:g}-{box[3]:g}"
