"""The label table of Cityscapes, and numbers for the classes of other taxonomies.

Labels that its scores ignore are void. Number 0, `unlabeled`, says nothing of a pixel and is no
category; `license plate` (-1) is never painted. KITTI numbers its classes likewise.

Source: cityscapesScripts, helpers/labels.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from maskloom.core.category_names import unique_keys
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.formats.base import ReadOptions
from maskloom.formats.shared.folders import read_json
from maskloom.formats.shared.numbered import Numbering, Packing

FORMAT_NAME = "cityscapes"
UNLABELED = 0
IGNORED = 255
MAX_NUMBER = 255
MAX_THING = 64
"""Highest number of which objects fit: 1000 * 64 + 999 is the last full thousand of 16 bit."""
_OWN = 34
"""The first number that is not in the table."""


class Label(NamedTuple):
    """One line of the table; `group` is the class of classes by which scores are summed up."""

    name: str
    id: int
    train_id: int
    group: str
    has_instances: bool
    ignored: bool
    color: tuple[int, int, int]


_TABLE = """\
unlabeled, 0, 255, void, stuff, ignored, 0 0 0
ego vehicle, 1, 255, void, stuff, ignored, 0 0 0
rectification border, 2, 255, void, stuff, ignored, 0 0 0
out of roi, 3, 255, void, stuff, ignored, 0 0 0
static, 4, 255, void, stuff, ignored, 0 0 0
dynamic, 5, 255, void, stuff, ignored, 111 74 0
ground, 6, 255, void, stuff, ignored, 81 0 81
road, 7, 0, flat, stuff, scored, 128 64 128
sidewalk, 8, 1, flat, stuff, scored, 244 35 232
parking, 9, 255, flat, stuff, ignored, 250 170 160
rail track, 10, 255, flat, stuff, ignored, 230 150 140
building, 11, 2, construction, stuff, scored, 70 70 70
wall, 12, 3, construction, stuff, scored, 102 102 156
fence, 13, 4, construction, stuff, scored, 190 153 153
guard rail, 14, 255, construction, stuff, ignored, 180 165 180
bridge, 15, 255, construction, stuff, ignored, 150 100 100
tunnel, 16, 255, construction, stuff, ignored, 150 120 90
pole, 17, 5, object, stuff, scored, 153 153 153
polegroup, 18, 255, object, stuff, ignored, 153 153 153
traffic light, 19, 6, object, stuff, scored, 250 170 30
traffic sign, 20, 7, object, stuff, scored, 220 220 0
vegetation, 21, 8, nature, stuff, scored, 107 142 35
terrain, 22, 9, nature, stuff, scored, 152 251 152
sky, 23, 10, sky, stuff, scored, 70 130 180
person, 24, 11, human, things, scored, 220 20 60
rider, 25, 12, human, things, scored, 255 0 0
car, 26, 13, vehicle, things, scored, 0 0 142
truck, 27, 14, vehicle, things, scored, 0 0 70
bus, 28, 15, vehicle, things, scored, 0 60 100
caravan, 29, 255, vehicle, things, ignored, 0 0 90
trailer, 30, 255, vehicle, things, ignored, 0 0 110
train, 31, 16, vehicle, things, scored, 0 80 100
motorcycle, 32, 17, vehicle, things, scored, 0 0 230
bicycle, 33, 18, vehicle, things, scored, 119 11 32
license plate, -1, -1, vehicle, stuff, ignored, 0 0 142
"""


def _label(line: str) -> Label:
    name, number, train_id, group, kind, use, color = line.split(", ")
    r, g, b = map(int, color.split())
    return Label(
        name, int(number), int(train_id), group, kind == "things", use == "ignored", (r, g, b)
    )


LABELS = tuple(_label(line) for line in _TABLE.splitlines())
NEVER_PAINTED = frozenset(label.name for label in LABELS if label.id < 0)
TRAIN_IDS = {label.train_id: label.id for label in LABELS if not label.ignored}


def official_taxonomy(*, ignored_are_void: bool = True) -> Taxonomy:
    """The 33 labels that are painted, in order of their numbers.

    Args:
        ignored_are_void: labels that scores ignore are void, as their train id 255 says; else
            only those of the group void are.
    """
    painted = [label for label in LABELS if label.id > UNLABELED]
    return Taxonomy(
        tuple(
            Category(
                key,
                label.name,
                "thing" if label.has_instances else "stuff",
                label.color,
                void=label.ignored and (ignored_are_void or label.group == "void"),
                ids=((FORMAT_NAME, label.id),),
            )
            for key, label in zip(unique_keys(x.name for x in painted), painted, strict=True)
        )
    )


OFFICIAL = official_taxonomy()


def numbers_of(
    taxonomy: Taxonomy, *, top: int = MAX_NUMBER, things: int = MAX_THING
) -> dict[int, int]:
    """Position → number in files: the category's own, else that of its name, else a free one.

    Where categories of the table have exchanged their names, that of the name goes first.

    Args:
        taxonomy: whose categories are numbered; things first, which have fewer numbers.
        top: the highest number.
        things: the highest number of a class that has objects.

    Returns:
        numbers 1..top; categories for which none is left are absent.
    """
    found: dict[int, int] = {}
    exchanged = _exchanged(taxonomy)
    for named in (False, True):
        for i, category in enumerate(taxonomy):
            own = not named and i not in exchanged
            number = dict(category.ids).get(FORMAT_NAME) if own else _named(category)
            most = things if category.kind == "thing" else top
            if i in found or number is None or not UNLABELED < number <= most:
                continue
            if number not in found.values():
                found[i] = number
    for kind, most in (("thing", things), ("stuff", top)):
        taken = set(found.values())
        free = (n for n in (*range(_OWN, most + 1), *range(1, _OWN)) if n not in taken)
        for i, category in enumerate(taxonomy):
            if category.kind == kind and i not in found and (number := next(free, None)):
                found[i] = number
    return dict(sorted(found.items()))


def _exchanged(taxonomy: Taxonomy) -> frozenset[int]:
    """Positions of categories that have each other's labels of the table: names were exchanged.

    Their numbers are those of their names then, as everybody reads them.
    """
    own = {i: dict(category.ids).get(FORMAT_NAME) for i, category in enumerate(taxonomy)}
    named = {i: _named(category) for i, category in enumerate(taxonomy)}
    left = {i for i in own if None not in (own[i], named[i]) and own[i] != named[i]}
    while left:
        taken, wanted = {own[i] for i in left}, {named[i] for i in left}
        open_ends = {i for i in left if named[i] not in taken or own[i] not in wanted}
        if not open_ends:
            break
        left -= open_ends
    return frozenset(left)


def train_ids(taxonomy: Taxonomy, numbers: dict[int, int]) -> dict[int, int]:
    """Number → train id: those of the table where it has every class, else 0, 1, ... in order.

    Void has 255, and so have classes beyond the 255th.
    """
    scored = [numbers[i] for i in taxonomy.scored if i in numbers]
    official = {label.id: label.train_id for label in LABELS if label.id > UNLABELED}
    if all(_named(taxonomy[i]) == number for i, number in numbers.items()):
        return {number: official[number] for number in numbers.values()}
    return {number: min(n, IGNORED) for n, number in enumerate(scored)}


def _named(category: Category) -> int | None:
    place = OFFICIAL.find(category.name)
    return None if place is None else dict(OFFICIAL[place].ids)[FORMAT_NAME]


@dataclass(frozen=True, slots=True)
class StreetOptions(ReadOptions):
    """How to read maps with the numbers of Cityscapes."""

    ignored: bool = field(
        default=False,
        metadata={"help": "classes that scores ignore (caravan, ...) are classes, not void"},
    )
    taxonomy: Path | None = field(
        default=None, metadata={"help": 'another label table: {"categories": [{"id": 1, ...}]}'}
    )


def street_numbering(
    options: StreetOptions, side: Mapping[str, Any], packing: Packing, *, where: Path
) -> Numbering:
    """The classes of a data set: those of the option, of its side file, else the official ones."""
    if options.taxonomy is not None:
        taxonomy = Taxonomy.from_json(read_json(options.taxonomy), where=options.taxonomy)
    elif side:
        taxonomy = Taxonomy.from_json(side, where=where)
    else:
        taxonomy = official_taxonomy(ignored_are_void=not options.ignored)
    numbers = {v: p for v, p in _numbered(taxonomy).items() if v != UNLABELED}
    return Numbering(packing, taxonomy, numbers, frozenset({UNLABELED}))


def _numbered(taxonomy: Taxonomy) -> dict[int, int]:
    """Number → position; beside numbers that are said, a category without one has none."""
    said = [i for i, c in enumerate(taxonomy) if c.id_in(FORMAT_NAME) is not None]
    if not said:
        return taxonomy.ids(FORMAT_NAME)
    numbered = replace(taxonomy, categories=tuple(taxonomy[i] for i in said))
    return {number: said[i] for number, i in numbered.ids(FORMAT_NAME).items()}
