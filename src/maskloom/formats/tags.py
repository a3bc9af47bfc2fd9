"""Tags of whole images: what people say of an image and of no object in it, as name → text.

Formats say it in many ways (flags, choices, attributes); here each is one text, so that any
format that holds tags gives back the same ones. A tag without a value is "true"; numbers are
written as JSON writes them; of several values of one name each stands once, joined by ", ".
What is empty says nothing. Formats keep the original beside, and write it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from maskloom.errors import FormatError

YES, NO = "true", "false"


def tag_text(value: object) -> str:
    """The text of a value; "" where it says nothing.

    Args:
        value: of a parsed file; of a mapping of names to truth values, the true ones count.

    Raises:
        FormatError: it is nested too deeply to be written.
    """
    if isinstance(value, list | tuple):
        return _joined(map(_text, value))
    if isinstance(value, Mapping) and all(isinstance(one, bool) for one in value.values()):
        return _joined(str(name) for name, chosen in value.items() if chosen)
    return _text(value)


def _text(value: object) -> str:
    """The text of one value, which may be anything that JSON can say."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    except RecursionError as error:
        raise FormatError("a tag of an image is nested too deeply") from error


def tags_of_pairs(pairs: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Tags by name, in order of their first mention; True is a tag without a value.

    Args:
        pairs: names and values, in the order of the file.
    """
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        text = tag_text(value)
        if name and text:
            found.setdefault(name, []).append(text)
    return {name: _joined(texts) for name, texts in found.items()}


def fresh_tags(tags: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """The tags that a writer has to say besides those that the original says already.

    Args:
        tags: of the sample.
        told: what the original that is written again says.
    """
    return {name: text for name, text in tags.items() if told.get(name) != text}


def plain_value(text: str) -> str | None:
    """The text as a value; None of a tag that needs none."""
    return None if text == YES else text


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(text for text in texts if text))


def attributed(name: str, attributes: Iterable[tuple[str, Any]]) -> list[tuple[str, object]]:
    """A tag that has attributes: its `value` is the tag's own, others are `NAME.ATTRIBUTE`.

    Args:
        name: of the tag.
        attributes: names and values.
    """
    listed = list(attributes)
    own = [value for key, value in listed if key == "value"]
    more = [(f"{name}.{key}", value) for key, value in listed if key != "value"]
    return [*((name, value) for value in own or [True]), *more]
