"""`group_id` of LabelMe's shapes: the file's own, and those that say what is part of one object.

Shapes of one label and one `group_id` are one object. The tool also lets shapes of several labels
share a group; that makes no object, so that the number is kept beside each shape (`source`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Rows
from maskloom.core.places import source_of
from maskloom.formats.shared.shapes import Shape, instances_of

GROUP = "group_id"
_Object = tuple[str, int]


def group_ids(rows: Rows, names: Sequence[str]) -> list[int | None]:
    """group_id per row: the source's own, else the object's id where reading needs one.

    An object without a group gets one where it has parts, or, if the source has no groups at
    all, where reading would give it another id.

    Args:
        rows: of one image.
        names: label of each row.
    """
    objects = list(zip(names, rows.instance.tolist(), strict=True))
    groups = _said(rows, objects)
    taken = set(groups.values())
    _fill(groups, taken, [one for one, count in Counter(objects).items() if count > 1])
    sparse = [groups.get(one) for one in objects]
    if taken or np.array_equal(_read_ids(sparse, names), rows.instance):
        return sparse
    _fill(groups, taken, objects)
    return [groups[one] for one in objects]


def lost_groups(rows: Rows, groups: Sequence[int | None]) -> list[int]:
    """Rows whose source says another group than is written."""
    told = [source_of(rows, i).get(GROUP) for i in range(len(rows))]
    return [
        i
        for i, (own, group) in enumerate(zip(told, groups, strict=True))
        if own is not None and (type(own) is not int or own != group)
    ]


def _said(rows: Rows, objects: Sequence[_Object]) -> dict[_Object, int]:
    """The group of each object of which the source says one, unless another has it already."""
    owners: dict[tuple[str, int], _Object] = {}
    groups: dict[_Object, int] = {}
    for i, one in enumerate(objects):
        own = source_of(rows, i).get(GROUP)
        if type(own) is int and one not in groups and owners.setdefault((one[0], own), one) == one:
            groups[one] = own
    return groups


def _fill(groups: dict[_Object, int], taken: set[int], objects: Sequence[_Object]) -> None:
    """Give objects without a group their id, or a number above all where the source took it."""
    fresh = max([0, *taken, *(own for _, own in objects)])
    for one in objects:
        if one in groups:
            continue
        groups[one] = one[1]
        if one[1] in taken:
            fresh += 1
            groups[one] = fresh


def _read_ids(groups: Sequence[int | None], names: Sequence[str]) -> NDArray[np.int64]:
    """The instance ids that the reader gives to shapes of these groups and labels."""
    shapes = [
        Shape(name, "", instance=None if group is None else (name, group), number=group)
        for name, group in zip(names, groups, strict=True)
    ]
    return instances_of(shapes)[0]


def mixed_rows(rows: Rows, names: Sequence[str]) -> list[int]:
    """Rows of objects that come back as several, because their parts have several labels."""
    labels: dict[int, set[str]] = {}
    for own, name in zip(rows.instance.tolist(), names, strict=True):
        labels.setdefault(own, set()).add(name)
    return [i for i, own in enumerate(rows.instance.tolist()) if len(labels[own]) > 1]
