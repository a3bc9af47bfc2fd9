"""<tag> elements of CVAT images, as tags by name and back, and the labels that they need.

A tag of a label is the label's name; its attribute `value` is the tag's value, any other attribute
is a tag `LABEL.ATTRIBUTE` of its own. Labels of the type `tag` are no categories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from maskloom.formats.shared.safe_xml import Element, is_text, is_verbatim
from maskloom.formats.tags import YES, attributed, tags_of_pairs

UNLABELLED = "unlabelled"
TAG, VALUE = "tag", "value"


def tags_of(others: Sequence[Sequence[Any]]) -> dict[str, str]:
    """Tags of an image.

    Args:
        others: its children that are no shapes, as `safe_xml.to_lists` has them.
    """
    pairs: list[tuple[str, object]] = []
    for kind, said, _, children in others:
        if kind == TAG:
            told = [(one[1].get("name", ""), one[2]) for one in children if one[0] == "attribute"]
            pairs += attributed(said.get("label") or UNLABELLED, told)
    return tags_of_pairs(pairs)


def unread_of(others: Sequence[Sequence[Any]]) -> list[str]:
    """The kinds of children that are neither shapes nor tags."""
    return [one[0] for one in others if one[0] != TAG]


def is_said(name: str, text: str) -> bool:
    """Whether an element can say a tag, so that reading gives the same."""
    return is_text(name) and is_verbatim(text)


def elements_of(tags: Mapping[str, str]) -> list[Element]:
    """The elements that say those tags that can be said; a value but "true" is an attribute."""
    return [
        Element(TAG, {"label": name, "source": "manual"}, "", _value(text))
        for name, text in tags.items()
        if is_said(name, text)
    ]


def _value(text: str) -> list[Element]:
    return [] if text == YES else [Element("attribute", {"name": VALUE}, text)]


def is_tag_label(label: Element) -> bool:
    """Whether a declared label is for tags alone."""
    return label.text_of("type") == TAG


def labels_used(others: Sequence[Element]) -> dict[str, bool]:
    """Labels of the tags among some elements, and whether one of them has a value."""
    found: dict[str, bool] = {}
    for one in others:
        name = one.attributes.get("label", "")
        if one.tag == TAG and name:
            valued = any(child.attributes.get("name") == VALUE for child in one.children)
            found[name] = found.get(name, False) or valued
    return found
