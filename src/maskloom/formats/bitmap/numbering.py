"""The numbers under which maps store classes, void and background."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from maskloom.core.taxonomy import Taxonomy

_LARGEST_ID, _SHOWN = 65535, 5
FOREGROUND, BESIDE = 255, 254
"""Of the one class, and of void where maps of that class as 0/255 stand beside."""


def numbers_of(taxonomy: Taxonomy) -> tuple[dict[int, int], int, int]:
    """Position → id (kept from where they came), the id of void, the id of background.

    An id that does not fit 16 bit, or that a class before has, gives way to the lowest free one.
    Void is the void category's id or 255 (65535); background is 0 if free, else the highest free
    id below void.
    """
    ids: dict[int, int] = {}
    taken: set[int] = set()
    homeless = []
    given = {i for i in taxonomy.scored if taxonomy[i].ids}
    for i in sorted(taxonomy.scored, key=lambda i: (i not in given, i)):
        own = _own_id(taxonomy, i)
        if not 0 <= own < _LARGEST_ID or own in taken:
            homeless.append(i)
            continue
        ids[i] = own
        taken.add(own)
    free = (value for value in range(_LARGEST_ID) if value not in taken)
    ids |= dict(zip(homeless, list(islice(free, len(homeless))), strict=True))
    taken = set(ids.values())
    own_void = next((_own_id(taxonomy, i) for i, c in enumerate(taxonomy) if c.void), 255)
    void = own_void if own_void not in taken and 0 <= own_void <= 65535 else 255
    if void in taken:
        void = 65535
    if void == 255 and max(taken, default=0) > 255:
        void = 65535
    taken.add(void)
    if 0 not in taken:
        return ids, void, 0
    top = 254 if max(taken) <= 255 else 65534
    return ids, void, next(v for v in range(top, -1, -1) if v not in taken)


def void_numbers(
    taxonomy: Taxonomy, ids: Mapping[int, int], void: int, background: int
) -> dict[str, int]:
    """Key of each void category → its number; "" → that of void of none of them, if there is one.

    Args:
        taxonomy: of the maps.
        ids: position → number, of what is not void.
        void: the number of the first void category, or of all void where there is none.
        background: the number of background.
    """
    taken = {*ids.values(), void, background}
    found: dict[str, int] = {}
    for i, category in enumerate(taxonomy):
        if category.void and not found:
            found[category.key] = void
        elif category.void:
            own = _own_id(taxonomy, i)
            if not 0 <= own <= _LARGEST_ID or own in taken:
                own = next((v for v in range(_LARGEST_ID) if v not in taken), void)
            found[category.key] = own
            taken.add(own)
    usual = FOREGROUND if max(taken) <= FOREGROUND else _LARGEST_ID
    if not found or usual not in taken:
        found[""] = usual if found else void
    return found


def renumbered(taxonomy: Taxonomy, ids: Mapping[int, int]) -> tuple[str, ...]:
    """A warning about classes that had an id and got another."""
    moved = [
        f"{taxonomy[i].name} {own} → {value}"
        for i, value in sorted(ids.items())
        if taxonomy[i].ids and (own := _own_id(taxonomy, i)) != value
    ]
    if not moved:
        return ()
    more = f" and {len(moved) - _SHOWN} more" if len(moved) > _SHOWN else ""
    told = ", ".join(moved[:_SHOWN]) + more
    why = "that a 16-bit map does not hold, or that two classes share,"
    if list(ids.values()) == [FOREGROUND]:
        why = "of maps without void, which are written as 0/255,"
    return (f"ids {why} are others: {told}",)


def _own_id(taxonomy: Taxonomy, position: int) -> int:
    category = taxonomy[position]
    own = category.id_in("bitmap")
    if own is None:
        own = next((value for _, value in category.ids), position)
    return own
