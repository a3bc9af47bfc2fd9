"""PASCAL VOC annotation XML to values and back; read without entities, DTDs or outside files.

Boxes in the files are 1-based pixels, both ends inside; here they are edges of the pixel-edge
frame. Elements that maskloom does not interpret are kept as [tag, text, children].

Source: VOC2012 development kit, sections 3.1 and 4 (VOCreadxml, bndbox).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskloom.errors import FormatError
from maskloom.formats.shared import safe_xml
from maskloom.formats.shared.safe_xml import (
    Bounds,
    is_text,
    read_xml_tree,
    text_of_value,
    value_of_text,
    xml_lines,
)

MAX_BYTES = 1 << 26
BOUNDS = Bounds(MAX_BYTES, elements=400_000)
FLAGS = ("truncated", "occluded", "difficult")
_SWITCH = {"0": False, "1": True, "false": False, "true": True}

_VERBATIM = frozenset({"value"})  # of an attribute
_PLACES = ("filename", "folder", "path", "size", "segmented")

Element = list[Any]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class VocObject:
    """One <object>.

    Args:
        name: of its class.
        box: edges (x0, y0, x1, y1) in px.
        attributes: pose, truncated, occluded, difficult and those of <attributes>.
        rest: other elements (parts, actions, ...), as they are.
    """

    name: str
    box: Box
    attributes: Mapping[str, Any]
    rest: Sequence[Element] = ()


@dataclass(frozen=True, slots=True)
class VocXml:
    """One annotation file: the size (H, W) if it tells one, its objects, and other elements."""

    size: tuple[int, int] | None
    objects: tuple[VocObject, ...]
    head: Sequence[Element]


def read_xml(path: Path) -> VocXml:
    """Parse and check one annotation.

    Raises:
        FormatError: not XML, with a DTD, too large or deep, or an object without name or box.
    """
    tag, _, children = _tree(path)
    if tag != "annotation":
        raise FormatError("not a VOC annotation", where=path, seen=f"<{tag}>")
    listed = [child for child in children if child[0] == "object"]
    head = [child for child in children if child[0] != "object"]
    objects = tuple(_object(child, f"{path}: object {i}") for i, child in enumerate(listed, 1))
    return VocXml(_size(head, path), objects, head)


def xml_text(size: tuple[int, int], objects: Sequence[VocObject], head: Sequence[Element]) -> str:
    """The text of an annotation file.

    Args:
        size: (H, W) in px.
        objects: in the order of the values of the object map.
        head: elements before the objects; <size> is put in or set right.

    Raises:
        WriteError: a text holds a character that XML cannot.
    """
    depth = next((_text(e, "depth") for e in head if e[0] == "size"), "") or "3"
    sides = [["width", str(size[1]), []], ["height", str(size[0]), []], ["depth", depth, []]]
    kept = [e if e[0] != "size" else ["size", "", sides] for e in head]
    if not any(e[0] == "size" for e in kept):
        kept.append(["size", "", sides])
    root = ["annotation", "", [*kept, *map(_element, objects)]]
    return "".join(xml_lines(_node(root)))


def head_facts(own: Mapping[str, Any]) -> list[str]:
    """Names of elements of an annotation that say more than which image it is of.

    Args:
        own: what is kept of a file.
    """
    return [e[0] for e in own.get("head") or () if e[0] not in _PLACES and _says(e)]


def _says(element: Element) -> bool:
    """Whether there is a text in an element that is not `Unknown`."""
    return element[1].strip() not in ("", "Unknown") or any(map(_says, element[2]))


def _tree(path: Path) -> Element:
    """The root element as [tag, text, children]; VOC uses no XML attributes."""

    def plain(element: safe_xml.Element) -> Element:
        return [element.tag, element.text, [plain(child) for child in element.children]]

    return plain(read_xml_tree(path, BOUNDS, _VERBATIM))


def _object(element: Element, where: str) -> VocObject:
    name = _text(element, "name")
    if not name:
        raise FormatError("an object without a name", where=where)
    box = next((child for child in element[2] if child[0] == "bndbox"), None)
    if box is None:
        raise FormatError("an object without a bndbox", where=f"{where}, {name}")
    attributes: dict[str, Any] = {}
    rest = []
    for child in element[2]:
        tag, text, below = child
        if tag in FLAGS and not below:
            attributes[tag] = _SWITCH.get(text.lower(), text)
        elif tag == "pose" and text and not below:
            attributes[tag] = text
        elif tag == "attributes":
            attributes |= {_text(a, "name"): value_of_text(_text(a, "value")) for a in below}
        elif tag not in ("name", "bndbox"):
            rest.append(child)
    return VocObject(name, _box(box, f"{where}, {name}"), attributes, rest)


def _box(element: Element, where: str) -> Box:
    values = []
    for side in ("xmin", "ymin", "xmax", "ymax"):
        text = _text(element, side)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise FormatError(f"{side} is not a finite number", where=where, seen=text)
        values.append(value)
    x0, y0, x1, y1 = values
    if x1 < x0 or y1 < y0:
        raise FormatError("a box ends before it begins", where=where, seen=values)
    return (x0 - 1.0, y0 - 1.0, x1, y1)


def _size(head: Sequence[Element], path: Path) -> tuple[int, int] | None:
    """(H, W), or None where the file tells none; some tools write 0."""
    element = next((e for e in head if e[0] == "size"), None)
    if element is None:
        return None
    texts = [_text(element, side) for side in ("height", "width")]
    if not all(re.fullmatch(r"\d{1,9}", text) for text in texts):
        raise FormatError("a size is not two whole numbers", where=path, seen=texts)
    height, width = map(int, texts)
    return (height, width) if height and width else None


def _text(element: Element, tag: str) -> str:
    return next((str(child[1]) for child in element[2] if child[0] == tag), "")


def _element(one: VocObject) -> Element:
    x0, y0, x1, y1 = one.box
    others = dict(one.attributes)
    children: list[Element] = [["name", one.name, []]]
    pose = others.get("pose")
    if isinstance(pose, str) and pose and is_text(pose):
        children.append(["pose", others.pop("pose"), []])
    told = [flag for flag in FLAGS if isinstance(others.get(flag), bool)]
    children += [[flag, str(int(others.pop(flag))), []] for flag in told]
    sides = zip(("xmin", "ymin", "xmax", "ymax"), (x0 + 1, y0 + 1, x1, y1), strict=True)
    children.append(["bndbox", "", [[side, f"{value:.10g}", []] for side, value in sides]])
    if others := {key: others[key] for key in sorted(others) if is_text(key)}:
        listed = [
            ["attribute", "", [["name", key, []], ["value", text_of_value(value), []]]]
            for key, value in others.items()
        ]
        children.append(["attributes", "", listed])
    return ["object", "", [*children, *one.rest]]


def _node(element: Element) -> safe_xml.Element:
    tag, text, children = element
    return safe_xml.Element(tag, {}, text, [_node(child) for child in children])
