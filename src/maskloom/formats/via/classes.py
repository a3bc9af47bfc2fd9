"""The class of a region: the text of one of its attributes, and what the file said in its place.

Regions without a class get one, and a number, a truth value or a ticked box is a class by its text.
What a file said otherwise than by the very name is kept, so that VIA gets it back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from maskloom.errors import FormatError

KEPT = "class"
"""Where it is kept among what VIA keeps of a region."""
_MEMBERS = {"name", "said", "value"}
UNNAMED = "object"
"""The class of regions that have none, unless the user names another."""


def attributes_in(region: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The attributes of a region.

    Raises:
        FormatError: they are none.
    """
    own = region.get("region_attributes") or {}
    if not isinstance(own, dict):
        raise FormatError("region_attributes are an object", where=where, seen=own)
    return own


def category_of(region: Mapping[str, Any], attribute: str | None, where: str) -> str:
    """The class of a region, "" if it has none.

    Raises:
        FormatError: several boxes of the attribute are ticked, or it is no text.
    """
    value = None if attribute is None else attributes_in(region, where).get(attribute)
    if isinstance(value, dict):
        ticked = [str(name) for name, on in value.items() if on]
        if len(ticked) > 1:
            raise FormatError(
                f"several values of {attribute}, which is the class",
                where=where,
                seen=ticked,
                hint="name another attribute with --set from.category=ATTRIBUTE",
            )
        return ticked[0] if ticked else ""
    if value is not None and not isinstance(value, str | int | float):
        raise FormatError(f"{attribute}, the class, is no text", where=where, seen=value)
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value)


def kept_class(
    attributes: Mapping[str, Any], attribute: str | None, said: str, name: str
) -> dict[str, Any]:
    """What is kept of the class of a region: nothing where it is the very name.

    Args:
        attributes: of the region.
        attribute: which of them is the class.
        said: the class by its text, "" of none.
        name: of the class that the region gets.
    """
    if attribute is None or attribute not in attributes:
        return {KEPT: {"name": name, "said": ""}}
    value = attributes[attribute]
    if value == name and isinstance(value, str):
        return {}
    return {KEPT: {"name": name, "said": said, "value": value}}


def written_class(
    kept: Mapping[str, Any], attribute: str, name: str, *, options: bool = False
) -> dict[str, Any]:
    """The attribute that says the class as its file did, while it is still of this name.

    Args:
        kept: what VIA keeps of a region.
        attribute: which one is the class.
        name: of the class.
        options: values are chosen among the names of classes, or none is.
    """
    own = class_in(kept)
    if own is None or own["name"] != name or own["said"] not in ("", name):
        return {attribute: name}
    if own["said"] == "" and name != UNNAMED:  # the user's name, which reading would not give
        return {attribute: name}
    if options:
        return {attribute: name} if own["said"] else {}
    return {attribute: own["value"]} if "value" in own else {}


def class_in(kept: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What `kept_class` keeps; None where there is nothing, or a field of this name."""
    own = kept.get(KEPT)
    if not isinstance(own, Mapping) or not {"name", "said"} <= set(own) <= _MEMBERS:
        return None
    return own


def spelled_alike(spellings: Mapping[str, set[str]]) -> list[str]:
    """A warning about values of several types that are one class, or nothing.

    Args:
        spellings: class → its values as JSON.
    """
    mixed = [(name, sorted(own)) for name, own in spellings.items() if len(own) > 1]
    if not mixed:
        return []
    name, own = mixed[0]
    return [f"{' and '.join(own)} are one class {name!r}: VIA's values are classes by their text"]
