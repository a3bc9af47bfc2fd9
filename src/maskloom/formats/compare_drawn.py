"""Boxes, points and lines compared: each is an object as masks are, but lies at coordinates.

Formats keep coordinates in ten decimals of a fraction, or in percent, so that they come back
`NEAR` what they were: far below what people draw or see, in images of any size.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import RowKind, Rows
from maskloom.core.places import Place, place_of

NEAR = 1e-3
"""Pixels by which a coordinate may come back otherwise and be the same."""
Entry = tuple[int | None, Hashable, Hashable]
"""What identifies a row: category, and pixels and their box, or what a drawing is and where."""
_MASK = int(RowKind.MASK)


def same_drawings(one: Rows, two: Rows) -> bool:
    """Whether drawings of rows in the same order, of the same kinds, lie where they lay."""
    return all(
        _near(place_of(one, i), place_of(two, i))
        for i in np.flatnonzero(one.kind != _MASK).tolist()
    )


def entries_of(rows: Rows, targets: Sequence[int | None]) -> list[Entry]:
    """Hashable identity of each row."""
    return [
        (targets[category], hash(rows.masks[i]), rows.masks.boxes[i].tobytes())
        if kind == _MASK
        else (targets[category], *_split(place_of(rows, i)))
        for i, (category, kind) in enumerate(
            zip(rows.category.tolist(), rows.kind.tolist(), strict=True)
        )
    ]


def unmatched(one: Sequence[Entry], two: Sequence[Entry]) -> NDArray[np.int64]:
    """Positions of entries that the other side has not, or not so often; the first ones match."""
    matched = Counter(two)
    left = []
    for i, entry in enumerate(one):
        matched[entry] -= 1
        if matched[entry] < 0:
            left.append(i)
    return np.array(left, np.int64)


def settled(ours: Sequence[Entry], theirs: Sequence[Entry], drawn: Sequence[int]) -> list[Entry]:
    """Entries of what came back; drawings `NEAR` one of ours, and of its kind, have its entry.

    Args:
        ours: of the source.
        theirs: of what came back.
        drawn: positions of drawings in the latter.
    """
    found = list(theirs)
    free = Counter(ours)
    free.subtract(theirs)
    open_ones: dict[Entry, list[tuple[float, ...]]] = {}
    for (category, head, numbers), count in free.items():
        if count > 0 and isinstance(numbers, tuple):
            open_ones.setdefault((category, head, None), []).extend([numbers] * count)
    for listed in open_ones.values():
        listed.sort()
    for i in drawn:
        category, head, numbers = theirs[i]
        listed = open_ones.get((category, head, None), [])
        if free[theirs[i]] >= 0 or not listed or not isinstance(numbers, tuple):
            continue
        free[theirs[i]] += 1
        at = _nearest(listed, numbers)
        if at is not None:
            found[i] = (category, head, listed.pop(at))
    return found


def regrouped(one: tuple[Rows, Sequence[Entry]], two: tuple[Rows, Sequence[Entry]]) -> set[int]:
    """Objects with a drawing and other rows, of which not the same rows are one object again.

    Args:
        one: rows of the source, masks of one object as one, and what identifies each.
        two: likewise what came back.

    Returns:
        Ids of objects of the source; those of which a row did not come back are none of them.
    """
    back, there = Counter(_groups(*two).values()), set(two[1])
    changed = set()
    for own, entries in _groups(*one).items():
        back[entries] -= 1
        if back[entries] < 0 and len(entries) > 1 and there.issuperset(entries):
            changed.add(own)
    return changed


def _groups(rows: Rows, entries: Sequence[Entry]) -> dict[int, tuple[Entry, ...]]:
    """The entries of each object with drawings, in one order."""
    drawn = set(rows.instance[rows.kind != _MASK].tolist())
    found: dict[int, list[Entry]] = {}
    for own, entry in zip(rows.instance.tolist(), entries, strict=True):
        if own in drawn:
            found.setdefault(own, []).append(entry)
    return {own: tuple(sorted(listed, key=repr)) for own, listed in found.items()}


def _split(place: Place) -> tuple[Hashable, tuple[float, ...]]:
    return place[:3], place[3]


def _near(one: Place, two: Place) -> bool:
    return one[:3] == two[:3] and _apart(one[3], two[3]) <= NEAR


def _apart(one: Sequence[float], two: Sequence[float]) -> float:
    """The most by which coordinates differ."""
    return max((abs(a - b) for a, b in zip(one, two, strict=True)), default=0.0)


def _nearest(listed: Sequence[tuple[float, ...]], numbers: tuple[float, ...]) -> int | None:
    """The position, in a sorted list, of the nearest coordinates that are near at all."""
    best, least = None, NEAR
    for at in range(bisect_left(listed, (numbers[0] - NEAR,)) if numbers else 0, len(listed)):
        if numbers and listed[at][0] > numbers[0] + NEAR:
            break
        if (apart := _apart(listed[at], numbers)) <= least:
            best, least = at, apart
    return best
