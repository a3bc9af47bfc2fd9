"""Attributes of an object as Supervisely's tags: those of its file, with what they say now.

A tag of the file keeps its id, who made it and when, also where its value changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from maskloom.formats.supervisely.objects import attributes_of_tags

Tags = list[dict[str, Any]]


def retold(
    attributes: Mapping[str, Any], kept: Tags | None
) -> tuple[Tags, dict[str, Any], list[str]]:
    """Tags that say attributes, what tags cannot say, and names of tags that are given up for it.

    Args:
        attributes: of a row.
        kept: tags of its file.
    """
    told = attributes_of_tags(kept or None, "")
    fresh = {name: _values(value) if name else None for name, value in attributes.items()}
    tags: Tags = []
    for tag in kept or ():
        name = tag["name"]
        if name in fresh and _same(told[name], attributes[name]):
            tags.append(tag)
        elif values := fresh.get(name):
            value = values.pop(0)
            same = _same(_value(tag), value)
            tags.append(tag if same else {**tag, "value": None if value is True else value})
    others: dict[str, Any] = {}
    for name, values in fresh.items():
        if name in told and _same(told[name], attributes[name]):
            continue
        if values is None:
            others[name] = attributes[name]
        else:
            tags += [{"name": name, "value": None if v is True else v} for v in values]
    return tags, others, [name for name in others if name in told]


def _value(tag: Mapping[str, Any]) -> Any:
    value = tag.get("value")
    return True if value is None else value


def _values(value: Any) -> list[Any] | None:
    """The values of the tags that say an attribute; None where none can."""
    many = value if isinstance(value, list) and len(value) > 1 else [value]
    sayable = all(v is True or type(v) in (str, int, float) for v in many)
    return list(many) if sayable else None


def _same(one: object, two: object) -> bool:
    """Whether two values are alike in kind, too: 1 is neither 1.0 nor true."""
    return json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
