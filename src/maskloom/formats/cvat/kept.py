"""XML attributes of a CVAT shape: those that say its place, and those that are only kept."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from maskloom.core.labels import Rows
from maskloom.formats.loss import Loss, first_instances
from maskloom.formats.shared.drawn import kept_of
from maskloom.formats.shared.safe_xml import Element, from_lists, is_verbatim, to_lists

SHAPES = ("polygon", "mask", "box", "ellipse", "polyline", "points")
BOX = ("xtl", "ytl", "xbr", "ybr")
ELLIPSE = ("cx", "cy", "rx", "ry")
MASK = ("rle", "left", "top", "width", "height")
COLUMNS = frozenset({*BOX, *ELLIPSE, *MASK, "points", "label", "occluded", "z_order"})
BEFORE, AFTER = "outside-before", "outside-after"
"""Keyframes of a track before and behind a shape, in which it is outside: `text_of_shapes`."""
PLACE = frozenset({"frame", "outside"})
_OWNED = ("id", "label")
_NAME = re.compile(r"[^\W\d][\w.:-]*")
_SAID = {
    "label": "",
    "occluded": "[01]|both",
    "group_id": r"\d{0,10}",
}
"""What is kept of XML attributes that have a meaning here."""


def is_kept(kept: Mapping[str, Any]) -> bool:
    """Whether the reader would keep such XML attributes of a shape."""
    own = {name: text for name, text in kept.items() if name != "track"}
    track = kept.get("track", {})
    if not isinstance(track, Mapping) or own.keys() & (COLUMNS | PLACE) - _SAID.keys():
        return False
    pairs = [*own.items(), *track.items()]
    return all(_is_said(name, text) for name, text in pairs) and track.keys().isdisjoint(_OWNED)


def _is_said(name: object, text: object) -> bool:
    """Whether an XML attribute can be written and read again."""
    if not isinstance(name, str) or not isinstance(text, str) or not is_verbatim(text):
        return False
    pattern = _SAID.get(name)
    if name in (BEFORE, AFTER):
        return all(map(_is_shape, shapes_of_text(text))) and text != "[]"
    if name == "rotation":
        return _is_number(text)
    return _NAME.fullmatch(name) is not None and (
        pattern is None or re.fullmatch(pattern, text) is not None
    )


def text_of_shapes(shapes: Sequence[Element]) -> str:
    """Elements as a text, as a shape keeps no others."""
    return json.dumps(to_lists(shapes), ensure_ascii=False)


def shapes_of_text(text: str) -> list[Element]:
    """The elements of `text_of_shapes`; one without a name where it is none of its texts."""
    try:
        return from_lists(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return [Element("")]


def _is_shape(element: Element) -> bool:
    """Whether an element that is outside can be written and read again."""
    said, children = element.attributes, element.children
    if element.tag not in SHAPES or element.text != "" or not isinstance(said, dict):
        return False
    if not all(_is_pair(name, text) for name, text in said.items()):
        return False
    numbers = [said[name] for name in said.keys() & {*BOX, *ELLIPSE, "rotation"}]
    numbers += re.split("[,;]", said["points"]) if "points" in said else []
    return (
        re.fullmatch(r"\d{1,9}", said.get("frame", "")) is not None
        and all(map(_is_number, numbers))
        and all(_is_attribute(one) for one in children)
    )


def _is_attribute(one: Element) -> bool:
    said = one.attributes
    return (
        one.tag == "attribute"
        and isinstance(said, dict)
        and all(_is_pair(*pair) for pair in [*said.items(), ("text", one.text)])
        and not one.children
    )


def _is_pair(name: object, text: object) -> bool:
    """Whether a name and a text can stand in XML."""
    named = isinstance(name, str) and _NAME.fullmatch(name) is not None
    return named and isinstance(text, str) and is_verbatim(text)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def group_of(rows: Rows, i: int) -> int:
    """The group that the source's own shape names, 0 for none."""
    text = str(kept_of(rows, i, "cvat", is_kept).get("group_id", ""))
    return int(text) if text.isdigit() else 0


def lost_by_form(key: str, rows: Rows, *, video: bool) -> list[Loss]:
    """What shapes of a video say that those of images cannot, or the other way round.

    Args:
        key: of the sample.
        rows: of the image.
        video: whether tracks are written.
    """
    names = {"group_id"} if video else {"keyframe", "track", BEFORE, AFTER}
    found = [names & kept_of(rows, i, "cvat", is_kept).keys() for i in range(len(rows))]
    lost = [i for i, one in enumerate(found) if one]
    if not lost:
        return []
    told = tuple(sorted(set().union(*found)))
    return [Loss(key, "fields", len(lost), names=told, instances=first_instances(rows, lost))]
