"""XML attributes of a CVAT shape: those that say its place, and those that are only kept."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from maskloom.core.labels import Rows
from maskloom.formats.shared.drawn import kept_of
from maskloom.formats.shared.safe_xml import is_verbatim

BOX = ("xtl", "ytl", "xbr", "ybr")
ELLIPSE = ("cx", "cy", "rx", "ry")
MASK = ("rle", "left", "top", "width", "height")
COLUMNS = frozenset({*BOX, *ELLIPSE, *MASK, "points", "label", "occluded", "z_order"})
OUTSIDE = "outside-occluded"
"""What is kept of the keyframe behind a shape, in which it is outside: its `occluded`."""
PLACE = frozenset({"frame", "outside"})
_OWNED = ("id", "label")
_NAME = re.compile(r"[^\W\d][\w.:-]*")
_SAID = {
    "label": "",
    OUTSIDE: "[01]|true|false|True|False",
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
    if name == "rotation":
        try:
            return math.isfinite(float(text))
        except ValueError:
            return False
    return _NAME.fullmatch(name) is not None and (
        pattern is None or re.fullmatch(pattern, text) is not None
    )


def group_of(rows: Rows, i: int) -> int:
    """The group that the source's own shape names, 0 for none."""
    text = str(kept_of(rows, i, "cvat", is_kept).get("group_id", ""))
    return int(text) if text.isdigit() else 0
