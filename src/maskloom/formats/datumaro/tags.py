"""What Datumaro says of whole images as tags: labels, captions, and attributes of items.

Numbers of an item in another tool (`id`, `frame`) are fields, not tags.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from maskloom.formats.tags import attributed, tags_of_pairs

LABEL, CAPTION = "label", "caption"
_NUMBERS = ("id", "frame")
_DERIVED = ("hash_key", "feature_vector")
"""Annotations that programs compute of the pixels, which nobody labelled."""


def tags_of(own: Mapping[str, Any]) -> dict[str, str]:
    """Tags of an item.

    Args:
        own: what is kept of it: `item`, `others` and their `labels`, names of label_ids.
    """
    pairs: list[tuple[str, object]] = [
        (name, value) for name, value in _attributes(own).items() if not _is_number(name, value)
    ]
    for one, name in named_annotations(own):
        if one["type"] == LABEL and name:
            told = one.get("attributes")
            pairs += attributed(name, told.items() if isinstance(told, dict) else ())
        elif one["type"] == CAPTION:
            pairs.append((CAPTION, one.get("caption")))
    return tags_of_pairs(pairs)


def named_annotations(own: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    """Annotations of an item that are no shapes, with the name of a label; "" where none is known.

    Args:
        own: what is kept of the item.
    """
    others = own.get("others", ())
    return list(zip(others, own.get("labels") or [""] * len(others), strict=True))


def _attributes(own: Mapping[str, Any]) -> Mapping[str, Any]:
    said = own.get("item", {}).get("attr")
    return said if isinstance(said, dict) else {}


def _is_number(name: str, value: object) -> bool:
    return name in _NUMBERS and type(value) is int


def unread_of(others: Sequence[Mapping[str, Any]]) -> list[str]:
    """The kinds of annotations that are neither shapes nor tags."""
    return [one["type"] for one in others if one["type"] not in (LABEL, CAPTION, *_DERIVED)]


def further_fields(own: Mapping[str, Any]) -> Iterator[str]:
    """Names of fields that stand among attributes and annotations.

    Args:
        own: what is kept of an item.
    """
    yield from (name for name, value in _attributes(own).items() if _is_number(name, value))
    kinds = {one["type"] for one in own.get("others", ())}
    yield from (kind for kind in _DERIVED if kind in kinds)
