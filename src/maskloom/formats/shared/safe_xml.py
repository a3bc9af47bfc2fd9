"""XML of label files to elements and back, without DTDs, entities or outside files.

The parser is told to refuse what can make a small file large: it stops at the first element
that is too many or too deep. What elements mean is up to the formats.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from maskloom.errors import FormatError, WriteError

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_NONE: frozenset[str] = frozenset()
_BREAKS = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


@dataclass(slots=True, eq=True)
class Element:
    """One element.

    Args:
        tag: its name.
        attributes: in the order of the file.
        text: before, between and behind its children, stripped but where a reader asks for it
            to the letter.
        children: in order.
    """

    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def child(self, tag: str) -> Element | None:
        """The first child of this name."""
        return next((one for one in self.children if one.tag == tag), None)

    def text_of(self, tag: str) -> str:
        """The text of the first child of this name, or ""."""
        one = self.child(tag)
        return "" if one is None else one.text

    def at(self, *tags: str) -> Element | None:
        """The element at the end of a path of names, or None."""
        one: Element | None = self
        for tag in tags:
            one = None if one is None else one.child(tag)
        return one


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large an XML file may be."""

    size: int
    elements: int
    depth: int = 32


def read_xml_tree(path: Path, bounds: Bounds, verbatim: frozenset[str] = _NONE) -> Element:
    """The root element of a file.

    Args:
        path: the file.
        bounds: how large it may be.
        verbatim: names of elements whose text is kept to the letter where they have no children.

    Raises:
        FormatError: not XML, with a DTD or entities, or larger than the bounds.
    """
    stack = [Element("")]
    # Pieces are joined once: adding each to a text takes the square of its length.
    pieces: list[list[str]] = [[]]
    count = 0

    def refuse_doctype(*_: object) -> None:
        raise FormatError(
            "an annotation with a DTD or entities", where=path, hint="remove the <!DOCTYPE ...>"
        )

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(stack) > bounds.depth or count > bounds.elements:
            most = f"{bounds.elements} elements or {bounds.depth} levels of them"
            raise FormatError(f"an annotation of more than {most}", where=path, seen=tag)
        element = Element(tag, attributes)
        stack[-1].children.append(element)
        stack.append(element)
        pieces.append([])

    def end(_: str) -> None:
        element, said = stack.pop(), "".join(pieces.pop())
        whole = element.tag in verbatim and not element.children
        element.text = said if whole else said.strip()

    def text(data: str) -> None:
        pieces[-1].append(data)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.EntityDeclHandler = refuse_doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    try:
        size = path.stat().st_size
        if size > bounds.size:
            raise FormatError(
                f"an annotation of more than {bounds.size} bytes", where=path, seen=size
            )
        with path.open("rb") as file:
            parser.ParseFile(file)
    except OSError as error:
        raise FormatError(f"cannot read: {error.strerror}", where=path) from error
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise FormatError("not valid XML", where=path, seen=error, hint="copy it again") from error
    return stack[0].children[0]


def xml_lines(element: Element, depth: int = 0) -> Iterator[str]:
    """The lines of an element, two spaces a level.

    Raises:
        WriteError: a text holds a character that XML cannot.
    """
    tag, inside = element.tag, "  " * depth
    said = "".join(f" {name}={_quoted(tag, value)}" for name, value in element.attributes.items())
    text = escape(_checked(tag, element.text), {"\r": "&#13;"})
    if not element.children:
        yield f"{inside}<{tag}{said}>{text}</{tag}>\n"
        return
    yield f"{inside}<{tag}{said}>{text}\n"
    for child in element.children:
        yield from xml_lines(child, depth + 1)
    yield f"{inside}</{tag}>\n"


def value_of_text(text: str) -> Any:
    """The value of an attribute that a label file holds as text.

    What JSON reads and would write the same way is that value; all else is text, so that
    `text_of_value` always gives the same text again.
    """
    try:
        value = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return text
    return value if text_of_value(value) == text else text


def text_of_value(value: Any) -> str:
    """The text of an attribute's value, from which `value_of_text` makes it again.

    Signs that XML cannot hold are escaped, as JSON does it.
    """
    if isinstance(value, str) and not _FORBIDDEN.search(value) and value_of_text(value) == value:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if _FORBIDDEN.search(text) else text


def _refused(constant: str) -> Any:
    """NaN and the infinities are no JSON."""
    raise ValueError(constant)


def to_lists(elements: Sequence[Element]) -> list[Any]:
    """Elements as [tag, attributes, text, children], for what is kept in `extra`."""
    return [[e.tag, dict(e.attributes), e.text, to_lists(e.children)] for e in elements]


def from_lists(listed: Sequence[Any]) -> list[Element]:
    """The elements of `to_lists`."""
    return [Element(t, a, text, from_lists(below)) for t, a, text, below in listed]


def _quoted(tag: str, value: str) -> str:
    return quoteattr(_checked(tag, value), _BREAKS)


def is_text(text: str) -> bool:
    """Whether XML can hold it, and a reader gives it back: no blanks at its ends."""
    return text == text.strip() and is_verbatim(text)


def is_verbatim(text: str) -> bool:
    """Whether XML can hold it, for readers that keep texts to the letter."""
    return not _FORBIDDEN.search(text)


def _checked(tag: str, text: str) -> str:
    if _FORBIDDEN.search(text):
        raise WriteError("XML cannot hold a control character", where=tag, seen=text)
    return text
