"""Functional groups of the frames of a DICOM file, read without an object for each.

Files have up to a hundred thousand frames, each with half a dozen sequences. The list of frames
is walked over as bytes; what is the same in many frames is decoded once.

Source: DICOM PS3.3 C.7.6.16 (functional groups); PS3.5 7 (data elements, sequences).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PER_FRAME = 0x52009230
_ITEM = 0xFFFEE000
_UNKNOWN = 0xFFFFFFFF
_LONG = frozenset({b"SQ", b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN", b"UT", b"UC", b"UR"})


class FrameGroups:
    """The functional groups of one file, its own ones of each frame and the shared ones.

    Args:
        data: a pydicom data set.
    """

    def __init__(self, data: Any) -> None:
        self._data = data
        shared = data.get("SharedFunctionalGroupsSequence")
        self._shared = shared[0] if shared else None
        self._decoded: dict[tuple[int, bytes], Any] = {}
        self._values: dict[tuple[int, str], Any] = {}
        self._planes: dict[tuple[int, ...], tuple[NDArray[Any], NDArray[Any]] | None] = {}
        own = data.get_item(_PER_FRAME) if _PER_FRAME in data else None
        self._own_element = own
        self._raw = _raw_frames(own)
        self._items: Any = ()
        if self._raw is None:
            self._items = data.get("PerFrameFunctionalGroupsSequence") or ()

    def __len__(self) -> int:
        """How many frames have groups of their own."""
        return len(self._items if self._raw is None else self._raw)

    def item(self, frame: int, name: str) -> Any:
        """The item of a functional group of a frame, its own or the shared one, or None.

        Args:
            frame: from 0.
            name: keyword of the sequence.
        """
        found = self.items(frame, name)
        return found[0] if found else None

    def items(self, frame: int, name: str) -> Any:
        """All items of a functional group, as `item`; frames that say the same share a list."""
        own: Any = ()
        if self._raw is not None:
            own = self._own(frame, name)
        elif frame < len(self):
            own = self._items[frame].get(name)
        if own or self._shared is None:
            return own or ()
        return self._shared.get(name) or ()

    def tags(self, frame: int) -> Iterable[int]:
        """The functional groups that a frame has of its own."""
        return self._items[frame].keys() if self._raw is None else self._raw[frame].keys()

    def tags_of_item(self, frame: int, name: str) -> Iterable[int]:
        """What the item of a functional group says; not decoded, as frames are many."""
        from pydicom.datadict import tag_for_keyword

        own = self._own_element
        if self._raw is not None and own is not None:
            raw = self._raw[frame].get(tag_for_keyword(name) or 0, b"")
            order = "<" if own.is_little_endian else ">"
            try:
                inside = next(_items(raw, order), b"")
                return [tag for tag, _ in _elements(inside, order, implicit=own.is_implicit_VR)]
            except (ValueError, struct.error):
                pass  # lengths that are not known
        item = self.item(frame, name)
        return () if item is None else item.keys()

    def value(self, frame: int, name: str, keyword: str) -> Any:
        """One value of an item, or None; frames that share an item share its value."""
        item = self.item(frame, name)
        if item is None:
            return None
        known = (id(item), keyword)
        if known not in self._values:
            self._values[known] = item.get(keyword)
        return self._values[known]

    def plane(self, frame: int) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """(axes, position) of a frame in LPS mm; None where the file does not say."""
        names = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
        items = [self.item(frame, name) or self._data for name in names]
        known = tuple(id(item) for item in items)
        if known not in self._planes:
            self._planes[known] = _plane(*items)
        return self._planes[known]

    def _own(self, frame: int, name: str) -> Any:
        from pydicom.datadict import tag_for_keyword

        assert self._raw is not None
        tag = tag_for_keyword(name) or 0
        raw = self._raw[frame].get(tag) if frame < len(self._raw) else None
        if raw is None:
            return ()
        if (tag, raw) not in self._decoded:
            charset = self._data.original_character_set
            self._decoded[tag, raw] = _items_of(self._own_element, tag, raw, charset)
        return self._decoded[tag, raw]


def plane_axes(orientation: Any, spacing: Any) -> NDArray[np.float64]:
    """(3, 2): steps in mm (LPS) along columns x and rows y of a slice.

    Args:
        orientation: ImageOrientationPatient, six cosines.
        spacing: PixelSpacing, between rows first.
    """
    cosines = np.array([float(v) for v in orientation]).reshape(2, 3)
    return np.stack([cosines[0] * float(spacing[1]), cosines[1] * float(spacing[0])], axis=1)


def _plane(
    position: Any, orientation: Any, measures: Any
) -> tuple[NDArray[Any], NDArray[Any]] | None:
    values = (
        orientation.get("ImageOrientationPatient"),
        measures.get("PixelSpacing"),
        position.get("ImagePositionPatient"),
    )
    if any(value is None for value in values):
        return None
    return plane_axes(values[0], values[1]), np.array([float(v) for v in values[2]])


def _raw_frames(element: Any) -> list[dict[int, bytes]] | None:
    """Tag → bytes of each sequence of each frame; None where pydicom has to take them apart."""
    if not isinstance(getattr(element, "value", None), bytes):
        return None
    order = "<" if element.is_little_endian else ">"
    try:
        return [
            dict(_elements(item, order, implicit=element.is_implicit_VR))
            for item in _items(element.value, order)
        ]
    except (ValueError, struct.error):
        return None


def _items(raw: bytes, order: str) -> Iterator[bytes]:
    """The items of a sequence of known lengths.

    Raises:
        ValueError, struct.error: lengths that are not known or do not fit.
    """
    at = 0
    while at < len(raw):
        group, element, length = struct.unpack_from(f"{order}HHI", raw, at)
        stop = at + 8 + length
        if group << 16 | element != _ITEM or length == _UNKNOWN or stop > len(raw):
            raise ValueError("an item without a length")
        yield raw[at + 8 : stop]
        at = stop


def _elements(raw: bytes, order: str, *, implicit: bool) -> Iterator[tuple[int, bytes]]:
    """(tag, value) of the elements of an item; raises as `_items`."""
    at = 0
    while at < len(raw):
        group, element = struct.unpack_from(f"{order}HH", raw, at)
        if implicit:
            length, head = struct.unpack_from(f"{order}I", raw, at + 4)[0], 8
        elif raw[at + 4 : at + 6] in _LONG:
            length, head = struct.unpack_from(f"{order}I", raw, at + 8)[0], 12
        else:
            length, head = struct.unpack_from(f"{order}H", raw, at + 6)[0], 8
        stop = at + head + length
        if length == _UNKNOWN or stop > len(raw):
            raise ValueError("an element without a length")
        yield group << 16 | element, raw[at + head : stop]
        at = stop


def _items_of(frames: Any, tag: int, raw: bytes, charset: Any) -> list[Any]:
    """The items of a sequence, as pydicom data sets.

    Args:
        frames: the element of all frames, which says how it is coded.
        tag: of the sequence.
        raw: its value.
        charset: of the file.
    """
    from pydicom.dataelem import RawDataElement, convert_raw_data_element
    from pydicom.tag import BaseTag

    coded = (frames.is_implicit_VR, frames.is_little_endian)
    element = RawDataElement(BaseTag(tag), "SQ", len(raw), raw, 0, *coded)
    found = convert_raw_data_element(element, encoding=charset)
    return list(found.value or ())
