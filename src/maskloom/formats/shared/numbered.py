"""Maps in which one number says class and object: 26003 is the fourth car of Cityscapes.

Numbers to rows and back, shared by `cityscapes`, `kitti` and `mapillary`. A class of things
without an object number is a region of many (a crowd), where the format has those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import FULL, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_areas
from maskloom.errors import FormatError
from maskloom.formats.loss import Holds, Loss, first_instances, losses_of
from maskloom.formats.shared.flat import flat_losses, flat_rows

MAX_VALUE = 65535


@dataclass(frozen=True, slots=True)
class Packing:
    """How a number is made of a class and the n of an object.

    Args:
        step: the number is class * step + n.
        first: the n of a class's first object.
        most: how many objects a class may have in an image.
        plain: what has no object is stored as the class alone, else as class * step.
        groups: a region of things without an object is one of many objects.
    """

    step: int
    first: int
    most: int
    plain: bool
    groups: bool

    def region(self, number: int) -> int:
        """The value of a region of a class, or of its objects where they are not told apart."""
        return number if self.plain else number * self.step

    def split(self, value: int) -> tuple[int, int | None]:
        """(class, n of the object or None) of a stored value."""
        if self.plain:
            return (value, None) if value < self.step else divmod(value, self.step)
        number, n = divmod(value, self.step)
        return number, None if n < self.first else n


@dataclass(frozen=True, slots=True)
class Numbering:
    """What the numbers of a data set mean.

    Args:
        packing: of the format.
        taxonomy: of the labels.
        numbers: class number → position in the taxonomy.
        silent: class numbers that say nothing of a pixel.
    """

    packing: Packing
    taxonomy: Taxonomy
    numbers: Mapping[int, int]
    silent: frozenset[int] = frozenset()


def numbering(
    packing: Packing, taxonomy: Taxonomy, numbers: Mapping[int, int], silent: int
) -> Numbering:
    """The numbering of a writer's position → number; `silent` says nothing of a pixel."""
    return Numbering(packing, taxonomy, {n: i for i, n in numbers.items()}, frozenset({silent}))


def labels_of_numbers(
    values: NDArray[Any], meaning: Numbering, *, where: Path, strict: bool = True
) -> Labels:
    """Rows of a map; the instance id of each is its stored value.

    Args:
        values: (H, W) whole numbers.
        meaning: of the numbers.
        where: the file, for errors.
        strict: refuse classes that are not known; else their pixels are unlabelled, and a note
            counts them.

    Raises:
        FormatError: not a map of numbers, or a class that the taxonomy does not have.
    """
    if values.ndim != 2:
        raise FormatError("a map of numbers holds no colours", where=where, seen=values.shape)
    masks, ids = Masks.from_id_map(values, background=None)
    kept: list[int] = []
    category: list[int] = []
    crowd: list[bool] = []
    unknown = 0
    for i, value in enumerate(ids.tolist()):
        number, n = meaning.packing.split(value)
        if number in meaning.silent and value == meaning.packing.region(number):
            continue
        position = meaning.numbers.get(number)
        if position is None:
            if strict:
                raise _unknown(values, value, number, meaning, where)
            unknown += int(masks.areas[i])
            continue
        thing = meaning.taxonomy[position].kind == "thing"
        kept.append(i)
        category.append(position)
        crowd.append(thing and n is None and meaning.packing.groups)
    order = np.array(kept, np.int64)
    rows = Rows.make(masks[order], np.array(category, np.int32), instance=ids[order], crowd=crowd)
    extra = {"notes": (f"{unknown} px of unknown classes are left out",)} if unknown else {}
    return Labels(
        (int(values.shape[0]), int(values.shape[1])),
        rows=rows,
        coverage=_coverage(masks, order, len(ids)),
        extra=extra,
    )


def _coverage(masks: Masks, kept: NDArray[np.int64], n: int) -> Coverage:
    """What the numbers of the kept masks cover, of n masks that cover the frame."""
    if len(kept) == n:
        return FULL
    silent = np.setdiff1d(np.arange(n), kept)
    return Coverage(area=masks[silent].merge().complement())


def _unknown(
    values: NDArray[Any], value: int, number: int, meaning: Numbering, where: Path
) -> FormatError:
    y, x = (int(v) for v in np.argwhere(values == value)[0])
    known = sorted(meaning.numbers)
    return FormatError(
        f"a class that the taxonomy does not have, {number}, at x={x}, y={y}",
        where=where,
        seen=value,
        hint=f"known are {known[0]}..{known[-1]}; name classes with --set taxonomy=FILE"
        if known
        else "name classes with --set taxonomy=FILE",
    )


def numbers_of_labels(labels: Labels, meaning: Numbering, nothing: int) -> NDArray[np.uint16]:
    """The map of labels that are rows.

    Args:
        labels: of an image; what overlaps is laid flat.
        meaning: of the numbers.
        nothing: value of pixels without a row.
    """
    out = np.full(labels.size, nothing, np.uint16)
    rows = flat_rows(labels, plain(meaning.taxonomy))
    rows.masks.paint(out, _values(rows, meaning, nothing))
    return out


def _values(rows: Rows, meaning: Numbering, nothing: int) -> NDArray[np.int64]:
    """(N,) what is stored for each row: its own number while it fits, else the next free one."""
    packing = meaning.packing
    number_of = {position: number for number, position in meaning.numbers.items()}
    out = np.full(len(rows), nothing, np.int64)
    open_rows: list[int] = []
    taken: set[int] = set()
    for i, position in enumerate(rows.category.tolist()):
        number = number_of.get(position)
        if number is None:
            continue
        out[i] = packing.region(number)
        if _is_region(rows, i, meaning.taxonomy, packing):
            continue
        own = int(rows.instance[i])
        if _fits(packing, own, number) and own not in taken:
            out[i] = own
            taken.add(own)
        else:
            open_rows.append(i)
    free: dict[int, int] = {}
    for i in open_rows:
        number = number_of[int(rows.category[i])]
        n = free.get(number, packing.first)
        while number * packing.step + n in taken:
            n += 1
        free[number] = n + 1
        if _fits(packing, number * packing.step + n, number):
            out[i] = number * packing.step + n
    return out


def _is_region(rows: Rows, i: int, taxonomy: Taxonomy, packing: Packing) -> bool:
    stuff = taxonomy[int(rows.category[i])].kind == "stuff"
    return stuff or (packing.groups and bool(rows.crowd[i]))


def _fits(packing: Packing, value: int, number: int) -> bool:
    """Whether a value is one that an object of this class may have."""
    n = value - number * packing.step
    return packing.first <= n < packing.first + packing.most and value <= MAX_VALUE


def losses_of_numbers(key: str, labels: Labels, meaning: Numbering, holds: Holds) -> list[Loss]:
    """What a map of numbers cannot say of labels; `holds` is what its format can say at best."""
    taxonomy = meaning.taxonomy
    found = losses_of(holds, key, labels, taxonomy)
    if labels.rows is not None:
        found += flat_losses(labels.rows, plain(taxonomy))
        found += _region_losses(labels.rows, meaning)
        found += _id_losses(labels.rows, meaning)
    found += _class_losses(labels, meaning)
    return [replace(loss, key=key) for loss in found]


def _class_losses(labels: Labels, meaning: Numbering) -> list[Loss]:
    """Classes for which no number is left: their pixels become unlabelled."""
    taxonomy = meaning.taxonomy
    areas = class_areas(labels, taxonomy)
    beyond = [
        i for i in sorted(set(range(len(taxonomy))) - set(meaning.numbers.values())) if areas[i]
    ]
    if not beyond:
        return []
    rows = labels.rows
    pairs = () if rows is None else zip(rows.category.tolist(), rows.instance.tolist(), strict=True)
    objects = sum(category in beyond for category, _ in set(pairs))
    names = tuple(taxonomy[i].name for i in beyond)
    detail = (
        f"{len(taxonomy)} classes, {len(meaning.numbers)} numbers: none is left for "
        f"{', '.join(names[:4])}{', ...' if len(names) > 4 else ''}"
    )
    # A sum shows either an example or names; both are wanted here.
    return [
        Loss("", "classes", objects, int(areas[beyond].sum()), detail),
        Loss("", "classes", names=names),
    ]


def _region_losses(rows: Rows, meaning: Numbering) -> list[Loss]:
    """Crowds: several of one class become one region, and those of stuff plain stuff."""
    if not meaning.packing.groups or not rows.crowd.any():
        return []
    crowds = rows.take(rows.crowd)
    stuff = [meaning.taxonomy[c].kind == "stuff" for c in crowds.category.tolist()]
    found = []
    if any(stuff):
        detail, named = "regions of stuff are none", first_instances(crowds, stuff)
        found.append(Loss("", "crowd", sum(stuff), 0, detail, instances=named))
    groups = Counter(
        c
        for c, _ in set(zip(crowds.category.tolist(), crowds.instance.tolist(), strict=True))
        if meaning.taxonomy[c].kind == "thing"
    )
    more = sum(groups.values()) - len(groups)
    if more:
        found.append(Loss("", "parts", more, detail="crowd regions of one class become one"))
    return found


def _id_losses(rows: Rows, meaning: Numbering) -> list[Loss]:
    """Objects beyond the numbers of their class."""
    solid = rows.take(
        np.array(
            [not _is_region(rows, i, meaning.taxonomy, meaning.packing) for i in range(len(rows))],
            bool,
        )
    )
    counts = Counter(
        c for c, _ in set(zip(solid.category.tolist(), solid.instance.tolist(), strict=True))
    )
    room = {
        position: _room(meaning.packing, number) for number, position in meaning.numbers.items()
    }
    over = {c: n - room.get(c, n) for c, n in counts.items() if n > room.get(c, n)}
    if not over:
        return []
    worst = max(over, key=over.__getitem__)
    detail = (
        f"{counts[worst]} objects of {meaning.taxonomy[worst].name}, at most {room[worst]}: "
        "the rest keeps its class only"
    )
    return [Loss("", "ids", sum(over.values()), detail=detail)]


def _room(packing: Packing, number: int) -> int:
    """How many objects of a class have a number in 16 bit."""
    return max(0, min(packing.most, MAX_VALUE + 1 - number * packing.step - packing.first))


def plain(taxonomy: Taxonomy) -> Taxonomy:
    """The taxonomy without void: here void areas are numbered like any others."""
    return replace(taxonomy, categories=tuple(replace(c, void=False) for c in taxonomy))
