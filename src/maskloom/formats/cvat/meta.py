"""Labels, frames and sizes in the <meta> of CVAT XML, and a <meta> for data from elsewhere.

A meta that was read is kept, and written back with the labels of the taxonomy.

Source: docs.cvat.ai, XML annotation format 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.cvat.tags import TAG, UNLABELLED, VALUE, is_tag_label
from maskloom.formats.shared.documents import taxonomy_of_names
from maskloom.formats.shared.safe_xml import Element

OWNERS = ("task", "project", "job")
GREY = (128, 128, 128)
_COLOR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_MOST_FRAMES = 1_000_000


def owner_of(root: Element) -> Element | None:
    """The <task>, <project> or <job> of a file's <meta>."""
    found = (root.at("meta", name) for name in OWNERS)
    return next((one for one in found if one is not None), None)


def labels_of_meta(root: Element) -> list[Element]:
    """The <label> elements that a file declares."""
    owner = owner_of(root)
    listed = None if owner is None else owner.child("labels")
    return [] if listed is None else [one for one in listed.children if one.tag == "label"]


def taxonomy_of(labels: Sequence[Element], used: Iterable[str], path: Path) -> Taxonomy:
    """Categories of declared labels in their order; of used ones where none is declared.

    Labels for tags are none, unless a shape has one.

    Raises:
        FormatError: a label without a name.
    """
    colors: dict[str, tuple[int, int, int] | None] = {}
    listed = list(used)
    drawn = set(listed)
    for label in labels:
        name = label.text_of("name")
        if not name:
            raise FormatError("a label without a name", where=f"{path}: meta, labels")
        if is_tag_label(label) and name not in drawn:
            continue
        match = _COLOR.fullmatch(label.text_of("color"))
        rgb = None if match is None else tuple(int(part, 16) for part in match.groups())
        colors.setdefault(name, rgb if rgb is None else (rgb[0], rgb[1], rgb[2]))
    declared = bool(labels)
    for name in listed:
        if not declared or name == UNLABELLED:
            colors.setdefault(name, None)
    taxonomy = taxonomy_of_names(colors, fmt="cvat")
    painted = tuple(replace(one, color=colors[one.name]) for one in taxonomy)
    return replace(taxonomy, categories=painted)


def size_of_meta(root: Element, path: Path) -> tuple[int, int] | None:
    """(H, W) of the frames of a video, if the meta tells it."""
    owner = owner_of(root)
    for holder in (owner, root.child("meta")):
        told = None if holder is None else holder.child("original_size")
        if told is not None:
            texts = (told.text_of("height"), told.text_of("width"))
            height, width = (whole(t, f"{path}: original_size", least=1) for t in texts)
            return height, width
    return None


def frames_of_meta(root: Element, path: Path) -> range | None:
    """Numbers of the frames of a video, if the meta tells them.

    Raises:
        FormatError: numbers that are none, or more than a million frames.
    """
    owner = owner_of(root)
    if owner is None or not owner.text_of("start_frame") or not owner.text_of("stop_frame"):
        return None
    where = f"{path}: meta"
    start = whole(owner.text_of("start_frame"), f"{where}, start_frame")
    stop = whole(owner.text_of("stop_frame"), f"{where}, stop_frame")
    match = re.fullmatch(r"step=(\d{1,9})", owner.text_of("frame_filter"))
    frames = range(start, stop + 1, max(1, int(match.group(1))) if match else 1)
    if len(frames) > _MOST_FRAMES:
        raise FormatError(f"more than {_MOST_FRAMES} frames", where=where, seen=stop)
    return frames


def whole(text: str, where: str, *, least: int = 0) -> int:
    """A whole number of a file.

    Raises:
        FormatError: it is none, or less than the least.
    """
    if not re.fullmatch(r"-?\d{1,10}", text) or int(text) < least:
        raise FormatError(f"not a whole number from {least}", where=where, seen=text)
    return int(text)


def meta_for(
    kept: Sequence[Element],
    taxonomy: Taxonomy,
    labels: Mapping[str, Element],
    attributes: Mapping[str, Mapping[str, str]],
    frames: range | None,
    tags: Mapping[str, bool] | None = None,
) -> Element:
    """The <meta> of a file to be written.

    Args:
        kept: the children of the source's meta, or nothing.
        taxonomy: of the data set.
        labels: name → the source's <label>.
        attributes: name of a category → attribute → its input type, as the rows have them.
        frames: of a video.
        tags: labels of tags, and whether one has a value.
    """
    listed = [
        _label(labels.get(category.name), category.name, color, attributes.get(category.name, {}))
        for category, color in zip(taxonomy, taxonomy.colors(), strict=True)
        if category.name != UNLABELLED or UNLABELLED in labels
    ]
    listed = _with_tags(listed, labels, tags or {})
    children = list(kept) or [Element("task", {}, "", [Element("name", {}, "maskloom")])]
    for i, child in enumerate(children):
        if child.tag in OWNERS:
            said = {"labels": Element("labels", {}, "", listed)} | _video(frames)
            children[i] = replace(child, children=_with(child.children, said))
            break
    return Element("meta", {}, "", children)


def _with_tags(
    listed: Sequence[Element], labels: Mapping[str, Element], tags: Mapping[str, bool]
) -> list[Element]:
    """Labels with those for tags: the source's own in their places, others at the end."""
    out = list(listed)
    known = {one.text_of("name") for one in out}
    before = -1
    for name, label in labels.items():
        if name not in known and is_tag_label(label):
            out.insert(before + 1, label)
        places = (i for i, one in enumerate(out) if one.text_of("name") == name)
        before = next(places, before)
    for i, label in enumerate(out):
        if tags.get(label.text_of("name")):
            out[i] = _label(label, "", GREY, {VALUE: "text"})
    known = {one.text_of("name") for one in out}
    for name, valued in tags.items():
        if name not in known:
            out.append(_label(None, name, GREY, {VALUE: "text"} if valued else {}, kind=TAG))
    return out


def _video(frames: range | None) -> dict[str, Element]:
    if frames is None:
        return {}
    texts = {
        "size": str(len(frames)),
        "mode": "interpolation",
        "start_frame": str(frames.start),
        "stop_frame": str(frames[-1] if len(frames) else frames.start),
        "frame_filter": f"step={frames.step}" if frames.step != 1 else "",
    }
    return {tag: Element(tag, {}, text) for tag, text in texts.items()}


def _with(children: Sequence[Element], said: Mapping[str, Element]) -> list[Element]:
    """Children of which those of a name are replaced, and what is new stands at the end."""
    listed = [said.get(child.tag, child) for child in children]
    present = {child.tag for child in children}
    return listed + [element for tag, element in said.items() if tag not in present]


def _label(
    told: Element | None,
    name: str,
    color: tuple[int, int, int],
    attributes: Mapping[str, str],
    kind: str = "any",
) -> Element:
    """The source's own label, with attributes that its rows have besides."""
    if told is None:
        texts = (("name", name), ("color", "#{:02x}{:02x}{:02x}".format(*color)), ("type", kind))
        told = Element("label", {}, "", [Element(tag, {}, text) for tag, text in texts])
    listed = told.child("attributes") or Element("attributes")
    known = {one.text_of("name") for one in listed.children}
    fresh = [_attribute(key, attributes[key]) for key in sorted(set(attributes) - known)]
    if not fresh:
        return told
    whole_list = replace(listed, children=[*listed.children, *fresh])
    return replace(told, children=_with(told.children, {"attributes": whole_list}))


def _attribute(name: str, kind: str) -> Element:
    default = {"checkbox": "false", "number": "0"}.get(kind, "")
    values = {"checkbox": "false", "number": "0;1000000;1"}.get(kind, "")
    texts: tuple[tuple[str, Any], ...] = (
        ("name", name),
        ("mutable", "True"),
        ("input_type", kind),
        ("default_value", default),
        ("values", values),
    )
    return Element("attribute", {}, "", [Element(tag, {}, text) for tag, text in texts])
