"""Annotations of a COCO file, checked in one pass over it and sorted by image.

What is kept of an annotation is its place in the file; `coco_annotations` reads what stands there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import FormatError
from maskloom.formats.coco.annotations import Annotations
from maskloom.formats.coco.check import BadAnnotation, check_annotation, garbled_runs
from maskloom.formats.coco.image_entries import ImageEntries
from maskloom.formats.coco.image_ids import ImageId, ImageIds
from maskloom.formats.coco.scan import (
    ABSENT,
    CATEGORY,
    CROWD,
    DRAWN,
    DRAWN_END,
    ID,
    IMAGE,
    PLAIN,
    SEGMENTS,
    scan_annotations,
)
from maskloom.formats.shared.json_outline import Entries, Outline, parse
from maskloom.formats.shared.json_window import Window

_CHUNK = 1 << 20
_GARBLED_AT_ONCE = 256
_SPAN = 2**32
TWICE = "two annotations share an id"


@dataclass(frozen=True, slots=True, eq=False)
class Indexed:
    """The valid annotations of a file.

    Args:
        by_image: image id → annotations.
        categories: ids that they use.
        skipped: messages about annotations that were left out.
    """

    by_image: Annotations
    categories: frozenset[int]
    skipped: tuple[str, ...]


def index_annotations(
    found: Outline,
    entries: Entries,
    images: Mapping[ImageId, Mapping[str, Any]],
    categories: Mapping[int, Any],
    *,
    need_id: bool,
    skip_bad: bool,
) -> Indexed:
    """Check every annotation and sort them by image.

    Args:
        found: the file.
        entries: its annotations.
        images: by id.
        categories: by id.
        need_id: annotations without an id are invalid.
        skip_bad: leave invalid annotations out.

    Raises:
        FormatError: the first invalid annotation, or entries of a panoptic file.
    """
    check = _Check(found, images, categories, len(entries), need_id=need_id)
    drawn = np.zeros((2, len(entries)), np.uint32)
    for first, last, text in found.chunks(entries, _CHUNK):
        starts, ends = entries.spans(np.arange(first, last))
        starts, ends = starts - starts[0], ends - starts[0]
        told, kinds = scan_annotations(np.frombuffer(text, np.uint8), starts, ends)
        plain = (kinds == PLAIN) & (told[DRAWN_END] < _SPAN)
        drawn[:, first:last] = told[DRAWN:] * plain
        if (kinds == SEGMENTS).any():
            raise panoptic_error(found.path)
        check.chunk(first, text, (starts, ends), told, kinds)
    check.doubled()
    skipped = check.messages(skip_bad=skip_bad)
    window = Window(found, entries)
    own = Annotations(window, check.image, drawn, check.bad, check.ids)
    return Indexed(own, check.used(), skipped)


def panoptic_error(path: Path) -> FormatError:
    """Segments in place of masks are no invalid annotations, but another format."""
    return FormatError(
        "this is a COCO panoptic file, not one of COCO instances",
        where=path,
        seen='"segments_info" in its annotations',
        hint="read it with --from coco-panoptic",
    )


class _Check:
    """What annotations of a file say, and what is wrong with them, by position in the file.

    Args:
        count: how many there are; each takes 8 bytes for its id, 4 for its image, and some for
            its category.
    """

    def __init__(
        self,
        found: Outline,
        images: Mapping[ImageId, Mapping[str, Any]],
        categories: Mapping[int, Any],
        count: int,
        *,
        need_id: bool,
    ) -> None:
        self.found, self.images, self.categories = found, images, categories
        self.need_id = need_id
        self.ids = images.ids if isinstance(images, ImageEntries) else ImageIds(images)
        self.known = ImageIds(categories)
        self.image = np.zeros(count, np.int32)
        self.bad: dict[int, tuple[object, BadAnnotation]] = {}
        self._category = np.zeros(count, np.min_scalar_type(len(categories)))
        self._own = np.full(count, ABSENT, np.int64)
        self._long: dict[int, int] = {}  # ids that 64 bits do not hold, by position

    def chunk(
        self,
        first: int,
        text: bytes,
        spans: tuple[NDArray[np.int64], NDArray[np.int64]],
        told: NDArray[np.int64],
        kinds: NDArray[np.uint8],
    ) -> None:
        """Look closely at what is not plain, and at numbers that name nothing."""
        image, category = self.ids.positions(told[IMAGE]), self.known.positions(told[CATEGORY])
        sure = (kinds == PLAIN) & (image >= 0) & (category >= 0)
        sure &= np.isin(told[CROWD], (0, 1, ABSENT))
        if self.need_id:
            sure &= told[ID] != ABSENT
        last = first + len(kinds)
        self.image[first:last] = np.where(sure, image, 0)
        self._category[first:last] = np.where(sure, category, 0)
        self._own[first:last] = told[ID]
        coded: list[tuple[int, Mapping[str, Any]]] = []
        for i in np.flatnonzero(~sure).tolist():
            one = parse(text[spans[0][i] : spans[1][i]], self.found.path)
            if not isinstance(one, dict):
                where = f"{self.found.path}: annotations[{first + i}]"
                raise FormatError("not an object", where=where, seen=one)
            if "segments_info" in one:
                raise panoptic_error(self.found.path)
            if self._good(first + i, one):
                coded.append((first + i, one))
            if len(coded) == _GARBLED_AT_ONCE:
                self._garbled(coded)
                coded = []
        self._garbled(coded)

    def _good(self, position: int, one: dict[str, Any]) -> bool:
        """Take what one annotation says, which the scan did not understand."""
        self._own[position] = ABSENT
        try:
            check_annotation(one, self.images, self.categories, need_id=self.need_id)
        except BadAnnotation as fault:
            self.bad[position] = one.get("id", f"at position {position}"), fault
            return False
        self.image[position] = self.ids.find(one["image_id"])
        self._category[position] = self.known.find(one["category_id"])
        own = one.get("id")
        if own is not None and ABSENT < own < -ABSENT:
            self._own[position] = own
        elif own is not None:
            self._long[position] = own
        return True

    def _garbled(self, coded: list[tuple[int, Mapping[str, Any]]]) -> None:
        """Runs that do not make the mask that their size says."""
        faults = {id(one): fault for one, fault in garbled_runs([one for _, one in coded])}
        for position, one in coded:
            if id(one) in faults:
                name = one.get("id", f"of image {one['image_id']}")
                self.bad[position] = name, faults[id(one)]

    def doubled(self) -> None:
        """Annotations whose id one before them has."""
        seen: set[int] = set()
        for position, own in self._long.items():
            if own in seen and position not in self.bad:
                self.bad[position] = own, BadAnnotation("id", TWICE, own)
            seen.add(own)
        # Ids that rise, as nearly all do, are not looked at one by one.
        if (self._own[1:] > self._own[:-1]).all():
            return
        ids = np.sort(self._own)
        if not ((ids[1:] == ids[:-1]) & (ids[1:] != ABSENT)).any():
            return
        told = np.flatnonzero(self._own != ABSENT)
        told = told[~np.isin(told, np.fromiter(self.bad, np.int64, len(self.bad)))]
        order = told[np.argsort(self._own[told], kind="stable")]
        again = order[1:][self._own[order[1:]] == self._own[order[:-1]]]
        for position in again.tolist():
            own = int(self._own[position])
            self.bad[position] = own, BadAnnotation("id", TWICE, own)

    def used(self) -> frozenset[int]:
        """Ids of the categories of valid annotations."""
        counts = np.bincount(self._category, minlength=len(self.known))
        for position in self.bad:
            counts[self._category[position]] -= 1
        ids = list(self.categories)
        return frozenset(ids[i] for i in np.flatnonzero(counts).tolist())

    def messages(self, *, skip_bad: bool) -> tuple[str, ...]:
        """Messages in order of the file.

        Raises:
            FormatError: the first of them, unless they are to be left out.
        """
        out = []
        for position in sorted(self.bad):
            name, fault = self.bad[position]
            error = fault.error(self.found.path, name)
            if not skip_bad:
                raise error
            out.append(error.message)
        return tuple(out)
