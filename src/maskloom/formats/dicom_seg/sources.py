"""From which images the frames of a DICOM segmentation come, as the file that was read said it.

Source: DICOM PS3.3 C.7.6.16.2.6 (derivation image).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskloom.formats.dicom_seg.groups import encoded


class Sources:
    """From which images frames come, as it is stored.

    Args:
        kept: of the file that the labels came from.
        origin: number of a segment → that which it had there, as text.
        charset: SpecificCharacterSet of the file that is written.
    """

    def __init__(
        self, kept: Mapping[str, Any], origin: Mapping[int, str], charset: Any = None
    ) -> None:
        self._planes = kept.get("sources", {})
        self._own = kept.get("own", {})
        self._origin = origin
        self._charset = charset
        self._stored: dict[tuple[str, str | None], bytes] = {}

    def of(self, number: int, place: str) -> bytes:
        """The group of a frame.

        Args:
            number: of its segment; 0 where its pixels say: what is said of any segment there.
            place: name of where it lies.
        """
        own = self._own.get(place)
        which = None if own is None else "0" if not number else self._origin.get(number, "")
        if (place, which) not in self._stored:
            self._stored[place, which] = self._encoded(place, which)
        return self._stored[place, which]

    def _encoded(self, place: str, which: str | None) -> bytes:
        from pydicom.dataset import Dataset

        plane = self._planes.get(place) or []
        plane = [plane] if isinstance(plane, Mapping) else plane  # of projects of before
        own = self._own.get(place, {})
        items = plane if which is None else own.get(which, plane)
        if which == "0":
            every = [*plane, *(item for listed in own.values() for item in listed)]
            items = [item for i, item in enumerate(every) if item not in every[:i]]
        elif which == "":  # of no segment of that file: whose sources it has is not known
            items = []
        if not items:
            return b""
        group = Dataset()
        group.DerivationImageSequence = [Dataset.from_json(dict(item)) for item in items]
        return encoded(group, self._charset)
