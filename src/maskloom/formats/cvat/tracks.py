"""Tracks of CVAT for video as shapes of frames.

A shape stands in its own frame and, as CVAT has it, in those up to the next one of its track:
boxes, ellipses and single points move there in a straight line, masks and sets of points stay.
Between two different polygons or lines CVAT matches vertices; what it makes of them is not
known here: such frames, unless the file lists them, are labelled only in part.

Source: cvat, dataset_manager/annotation.py, get_interpolated_shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path

from maskloom.errors import FormatError
from maskloom.formats.cvat.kept import AFTER, BEFORE, PLACE, SHAPES, text_of_shapes
from maskloom.formats.cvat.meta import whole
from maskloom.formats.cvat.shapes import float_of
from maskloom.formats.shared.safe_xml import Element

_MOVING = {"box": ("xtl", "ytl", "xbr", "ybr"), "ellipse": ("cx", "cy", "rx", "ry")}
_MOST_SHAPES = 5_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One shape of one frame: where it stands, its element, and the track that it belongs to."""

    where: str
    element: Element
    track: Element | None = None


@dataclass(slots=True)
class Frames:
    """The shapes of the frames of a video.

    Args:
        shapes: frame → entries, in order of the tracks.
        partial: frames in which a polygon or line moves that the file does not list.
        count: of shapes between keyframes.
    """

    shapes: dict[int, list[Entry]]
    partial: set[int] = field(default_factory=set)
    count: int = 0


def frames_of(root: Element, known: range | None, path: Path) -> tuple[range, Frames]:
    """The frames of a video and what stands in them.

    Args:
        root: of the file.
        known: the frames that the meta tells; None takes those from the first shape to the last.
        path: of the file.

    Raises:
        FormatError: a track or shape without a proper id or frame, or one that is listed twice.
    """
    tracks = [one for one in root.children if one.tag == "track"]
    seen: set[str] = set()
    listed: list[tuple[Element, list[tuple[int, Entry]]]] = []
    for track in tracks:
        name = track.attributes.get("id", "")
        whole(name, f"{path}: track, id")
        if name in seen:
            raise FormatError("two tracks share an id", where=f"{path}: track {name}", seen=name)
        seen.add(name)
        listed.append((track, _keyframes(track, f"{path}: track {name}")))
    numbers = [frame for _, shapes in listed for frame, _ in shapes]
    if known is None:
        known = range(min(numbers), max(numbers) + 1) if numbers else range(0)
    outside = [frame for frame in numbers if frame not in known]
    if outside:
        raise FormatError(
            f"a shape of a frame that is none of the task's, {known.start} to {known[-1]}"
            if known
            else "a shape of a task without frames",
            where=path,
            seen=outside[0],
        )
    out = Frames({frame: [] for frame in known})
    for _, shapes in listed:
        _fill(shapes, known, out, path)
    return known, out


def _keyframes(track: Element, where: str) -> list[tuple[int, Entry]]:
    """The listed shapes of a track by frame."""
    found: dict[int, Entry] = {}
    for element in track.children:
        if element.tag not in SHAPES:
            continue
        frame = whole(element.attributes.get("frame", ""), f"{where}, frame")
        if frame in found:
            raise FormatError("two shapes of a track in one frame", where=where, seen=frame)
        found[frame] = Entry(f"{where}, frame {frame}", element, track)
    return sorted(found.items())


def _fill(shapes: Sequence[tuple[int, Entry]], known: range, out: Frames, path: Path) -> None:
    """Put the shapes of a track into their frames, and into those behind each of them."""
    before = list(takewhile(_is_outside, (entry.element for _, entry in shapes)))
    for n, (frame, entry) in enumerate(shapes):
        if _is_outside(entry.element):
            continue
        out.shapes[frame].append(entry)
        if before and n == len(before):
            _note(out.shapes[frame], BEFORE, before)
        last = frame
        # The last shape stays to the end.
        after, follower = shapes[n + 1] if n + 1 < len(shapes) else (known.stop, entry)
        end = known.index(after) if after in known else len(known)
        between = known[known.index(frame) + 1 : end]
        out.count += len(between)
        if out.count > _MOST_SHAPES:
            raise FormatError(
                f"tracks of more than {_MOST_SHAPES} shapes", where=path, seen=entry.where
            )
        for number in between:
            share = (number - frame) / (after - frame)
            moved = _between(entry.element, follower.element, share, entry)
            if moved is None:
                out.partial.add(number)
                continue
            said = {**moved.attributes, "frame": str(number), "keyframe": "0"}
            where = f"{entry.where} to {number}"
            out.shapes[number].append(Entry(where, replace(moved, attributes=said), entry.track))
            last = number
        behind = list(takewhile(_is_outside, (one.element for _, one in shapes[n + 1 :])))
        stays = _said(out.shapes[last][-1].element)
        if len(behind) > 1 or any(_said(one) != stays for one in behind):
            _note(out.shapes[last], AFTER, behind)


def _note(shapes: list[Entry], name: str, outside: Sequence[Element]) -> None:
    """Keep with the last of some shapes the keyframes of its track in which it is outside."""
    if outside:
        plain = [replace(one, text="", children=_attributes(one)) for one in outside]
        said = {**shapes[-1].element.attributes, name: text_of_shapes(plain)}
        element = replace(shapes[-1].element, attributes=said)
        shapes[-1] = replace(shapes[-1], element=element)


def _attributes(element: Element) -> list[Element]:
    return [one for one in element.children if one.tag == "attribute"]


def _said(element: Element) -> object:
    """What an element says but for when, as numbers where it has some."""
    said = {k: v for k, v in element.attributes.items() if k not in (*PLACE, "keyframe", BEFORE)}
    return element.tag, {k: _plain(v) for k, v in said.items()}, _attributes(element)


def _plain(text: str) -> object:
    try:
        return [float(one) for one in text.replace(";", ",").split(",")]
    except ValueError:
        return text


def _is_outside(element: Element) -> bool:
    return element.attributes.get("outside", "0") in ("1", "true", "True")


def _between(one: Element, two: Element, share: float, entry: Entry) -> Element | None:
    """The shape at a share of the way between two keyframes; None where that is not known."""
    if one is two:
        return one
    if one.tag != two.tag:
        return None
    if one.tag in _MOVING:
        names = (*_MOVING[one.tag], "rotation")
        values = {name: _number(one, two, name, share, entry) for name in names}
        if values["rotation"] == "0.0":
            values.pop("rotation")
        kept = {k: v for k, v in one.attributes.items() if k != "rotation"}
        return replace(one, attributes={**kept, **values})
    first, second = (e.attributes.get("points", "") for e in (one, two))
    if one.tag == "points" and ";" not in first + second:
        pairs = [[float_of(v, entry.where) for v in text.split(",")] for text in (first, second)]
        middle = ",".join(repr(a + (b - a) * share) for a, b in zip(*pairs, strict=False))
        return replace(one, attributes={**one.attributes, "points": middle})
    stays = one.tag in ("points", "mask") or first == second
    return one if stays else None


def _number(one: Element, two: Element, name: str, share: float, entry: Entry) -> str:
    default = "0" if name == "rotation" else ""
    a, b = (float_of(e.attributes.get(name, default), entry.where) for e in (one, two))
    if name != "rotation":
        return repr(a + (b - a) * share)
    # The shorter way round.
    turn = (b - a + 180) % 360 - 180
    return repr((a + turn * share) % 360)
