"""Shapes of frames as the tracks of CVAT for video.

Every frame is listed, so that nothing is left to interpolation; where an object is gone, its
last shape stands once more, outside.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from maskloom.formats.cvat.kept import AFTER, BEFORE, PLACE, shapes_of_text
from maskloom.formats.shared.safe_xml import Element


@dataclass(frozen=True, slots=True)
class Drawn:
    """One shape to be written.

    Args:
        element: its place and attributes.
        label: of its category.
        group: 0 is none.
        track: -1 is none.
        owner: attributes of the <track> that it came from.
    """

    element: Element
    label: str
    group: int
    track: int
    owner: Mapping[str, Any]

    def in_image(self) -> Element:
        """The element of an <image>."""
        own = self._own()
        own.pop("keyframe", None)
        said = {"label": self.label, "source": own.pop("source", "manual"), **own}
        if self.group:
            said["group_id"] = str(self.group)
        return replace(self.element, attributes=said)

    def in_track(self, frame: int) -> Element:
        """The element of a <track>."""
        return _at(frame, replace(self.element, attributes=self._own()), outside=False)

    def before(self, frames: range) -> Iterator[Element]:
        """Elements in which its track is outside before it."""
        for one in self._outside(BEFORE):
            frame = int(one.attributes["frame"])
            if frame in frames:
                yield _at(frame, one, outside=True)

    def after(self, frames: range) -> Iterator[Element]:
        """Elements in which its track is outside behind it, the first of them at once."""
        first, *rest = self._outside(AFTER) or [self._gone()]
        yield _at(frames[0], first, outside=True)
        for one in rest:
            frame = int(one.attributes["frame"])
            if frame in frames[1:]:
                yield _at(frame, one, outside=True)

    def _outside(self, name: str) -> list[Element]:
        return shapes_of_text(str(self.element.attributes.get(name, "[]")))

    def _gone(self) -> Element:
        own = {k: v for k, v in self._own().items() if k != "keyframe"}
        return replace(self.element, attributes=own)

    def _own(self) -> dict[str, str]:
        said = self.element.attributes
        return {k: v for k, v in said.items() if k not in (BEFORE, AFTER)}


def _at(frame: int, element: Element, *, outside: bool) -> Element:
    """An element of a frame."""
    own = {k: v for k, v in element.attributes.items() if k not in PLACE}
    key = own.pop("keyframe", "1")
    said = {"frame": str(frame), "outside": str(int(outside)), "keyframe": key}
    return replace(element, attributes={**said, **own})


def tracks_of(shapes: Mapping[int, Sequence[Drawn]], frames: range) -> list[Element]:
    """The <track> elements in order of their ids.

    Args:
        shapes: frame → what stands in it.
        frames: all frames of the task.
    """
    chains: dict[tuple[int, str, int], list[tuple[int, Drawn]]] = {}
    fresh = itertools.count(1)
    for frame in frames:
        seen: set[tuple[int, str, int]] = set()
        for drawn in shapes.get(frame, ()):
            chain = (drawn.track, drawn.label, 0)
            if drawn.track < 0 or chain in seen:
                # What has no track, or shares one with another shape of its frame.
                chain = (-1, drawn.label, next(fresh))
            seen.add(chain)
            chains.setdefault(chain, []).append((frame, drawn))
    numbers = itertools.count(max((chain[0] for chain in chains), default=-1) + 1)
    taken: set[int] = set()
    listed = []
    for chain in sorted(chains):
        number = chain[0] if chain[0] >= 0 and chain[0] not in taken else next(numbers)
        taken.add(number)
        listed.append((number, _track(number, chains[chain], frames)))
    return [element for _, element in sorted(listed, key=lambda pair: pair[0])]


def _track(number: int, chain: Sequence[tuple[int, Drawn]], frames: range) -> Element:
    first = chain[0][1]
    children = [*first.before(range(frames.start, chain[0][0], frames.step))]
    for n, (frame, drawn) in enumerate(chain):
        children.append(drawn.in_track(frame))
        end = chain[n + 1][0] if n + 1 < len(chain) else frames.stop
        # Behind it and before the next one.
        if gap := range(frame + frames.step, end, frames.step):
            children += drawn.after(gap)
    own = {k: str(v) for k, v in sorted(first.owner.items())}
    said = {"id": str(number), "label": first.label, "source": own.pop("source", "manual")}
    return Element("track", said | own, "", children)
