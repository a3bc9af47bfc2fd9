"""Shapes of frames as the tracks of CVAT for video.

Every frame is listed, so that nothing is left to interpolation; where an object is gone, its
last shape stands once more, outside.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from maskloom.formats.cvat.kept import OUTSIDE
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
        own = dict(self.element.attributes)
        own.pop("keyframe", None)
        own.pop(OUTSIDE, None)
        said = {"label": self.label, "source": own.pop("source", "manual"), **own}
        if self.group:
            said["group_id"] = str(self.group)
        return replace(self.element, attributes=said)

    def in_track(self, frame: int, *, outside: bool = False) -> Element:
        """The element of a <track>."""
        own = dict(self.element.attributes)
        key = own.pop("keyframe", "1")
        occluded = own.pop(OUTSIDE, own.get("occluded", "0"))
        said = {"frame": str(frame), "outside": str(int(outside)), "keyframe": key}
        if outside:
            said["keyframe"] = "1"
            own["occluded"] = occluded
        return replace(self.element, attributes={**said, **own})


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
    children = []
    for n, (frame, drawn) in enumerate(chain):
        children.append(drawn.in_track(frame))
        after = frame + frames.step
        follows = n + 1 < len(chain) and chain[n + 1][0] == after
        if not follows and after in frames:
            children.append(drawn.in_track(after, outside=True))
    first = chain[0][1]
    own = {k: str(v) for k, v in sorted(first.owner.items())}
    said = {"id": str(number), "label": first.label, "source": own.pop("source", "manual")}
    return Element("track", said | own, "", children)
