"""`id` and `instance` of Supervisely's objects: the file's own, and those that parts need.

Objects that share an `instance` are parts of one. It is any text or number; a text that is empty
says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from maskloom.core.labels import Rows
from maskloom.core.places import source_of

INSTANCE = "instance"


def instance_text(value: object) -> str | None:
    """What objects are told apart by; None where `instance` says nothing."""
    return None if value is None or value == "" else str(value)


def number_of(instance: object) -> int | None:
    """The object's id where `instance` is one; some tools write other keys there."""
    text = str(instance)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def identities(rows: Rows, taken: Collection[object] = ()) -> list[dict[str, Any]]:
    """`id` and `instance` per row, as the source says them, else as reading needs them.

    An `id` is that of the row's file, 0, a negative one or a text, too, else the object's own.
    The first of several rows with one has it.

    Args:
        rows: of one image.
        taken: ids that other objects of the image have.
    """
    own, told = rows.instance.tolist(), _told(rows, "id")
    counts = Counter(own)
    chosen: list[object] = [None] * len(own)
    seen = {str(one) for one in taken}
    for i, one in enumerate(told):
        if one is not None and str(one) not in seen:
            chosen[i] = one
            seen.add(str(one))
    for i, one in enumerate(own):
        if chosen[i] is None and counts[one] == 1 and str(one) not in seen:
            chosen[i] = one
            seen.add(str(one))
    return [
        {**({} if one is None else {"id": one}), **part}
        for one, part in zip(chosen, _instances(rows), strict=True)
    ]


def lost_ids(rows: Rows, taken: Collection[object] = ()) -> list[int]:
    """Rows whose source says another `id` than is written: two objects cannot share one."""
    written = [one.get("id") for one in identities(rows, taken)]
    pairs = enumerate(zip(_told(rows, "id"), written, strict=True))
    return [i for i, (told, own) in pairs if told is not None and str(told) != str(own)]


def lost_instances(rows: Rows) -> list[int]:
    """Rows whose source says another `instance` than is written: two objects cannot share one."""
    written = _instances(rows)
    told = _told(rows, INSTANCE)
    return [
        i
        for i, (own, part) in enumerate(zip(told, written, strict=True))
        if own is not None and part.get(INSTANCE) != own
    ]


def _instances(rows: Rows) -> list[Mapping[str, Any]]:
    """`instance` per row: the source's own, or a number where an object has parts."""
    ids = rows.instance.tolist()
    told = _told(rows, INSTANCE)
    owners: dict[str, int] = {}
    texts: dict[int, str] = {}
    for value, own in zip(told, ids, strict=True):
        text = instance_text(value)
        if text is not None and own not in texts and owners.setdefault(text, own) == own:
            texts[own] = text
    fresh = max([0, *ids, *(number_of(text) or 0 for text in owners)])
    for own, count in Counter(ids).items():
        if count > 1 and own not in texts:
            texts[own] = str(own)
            if texts[own] in owners:
                fresh += 1
                texts[own] = str(fresh)
    return [_said(value, texts.get(own)) for value, own in zip(told, ids, strict=True)]


def _said(value: object, text: str | None) -> Mapping[str, Any]:
    """The value itself where it says the text of the object."""
    if instance_text(value) == text:
        return {} if value is None else {INSTANCE: value}
    return {} if text is None else {INSTANCE: text}


def _told(rows: Rows, name: str) -> list[object]:
    """A field of each row's source."""
    return [source_of(rows, i).get(name) for i in range(len(rows))]
