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
from maskloom.formats.coco_annotations import Annotations
from maskloom.formats.coco_check import BadAnnotation, check_annotation, garbled_runs
from maskloom.formats.coco_scan import (
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
from maskloom.formats.json_outline import Entries, Outline, parse
from maskloom.formats.json_window import Window

_CHUNK = 1 << 20
_GARBLED_AT_ONCE = 256
_SPAN = 2**32


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
    images: Mapping[int, Mapping[str, Any]],
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
    check = _Check(found, entries, images, categories, need_id=need_id)
    values = np.empty((4, len(entries)), np.int64)
    drawn = np.zeros((2, len(entries)), np.uint32)
    for first, last, text in found.chunks(entries, _CHUNK):
        starts = entries.starts[first:last] - entries.starts[first]
        ends = entries.ends[first:last] - entries.starts[first]
        data = np.frombuffer(text, np.uint8)
        told, kinds = scan_annotations(data, starts, ends)
        values[:, first:last] = told[:DRAWN]
        plain = (kinds == PLAIN) & (told[DRAWN_END] < _SPAN)
        drawn[:, first:last] = told[DRAWN:] * plain
        if (kinds == SEGMENTS).any():
            raise panoptic_error(found.path)
        check.chunk(first, text, starts, ends, values[:, first:last], kinds)
    check.doubled(values[ID])
    skipped = check.messages(skip_bad=skip_bad)
    kept = np.delete(np.arange(len(entries)), np.fromiter(check.bad, np.int64, len(check.bad)))
    used = frozenset(np.unique(values[CATEGORY][kept]).tolist())
    own = Annotations(Window(found, entries), values[IMAGE][kept], kept, drawn)
    return Indexed(own, used, skipped)


def panoptic_error(path: Path) -> FormatError:
    """Segments in place of masks are no invalid annotations, but another format."""
    return FormatError(
        "this is a COCO panoptic file, not one of COCO instances",
        where=path,
        seen='"segments_info" in its annotations',
        hint="read it with --from coco-panoptic",
    )


class _Check:
    """What is wrong with annotations, by position in the file."""

    def __init__(
        self,
        found: Outline,
        entries: Entries,
        images: Mapping[int, Mapping[str, Any]],
        categories: Mapping[int, Any],
        *,
        need_id: bool,
    ) -> None:
        self.found, self.entries = found, entries
        self.images, self.categories = images, categories
        self.need_id = need_id
        self.image_ids, self.category_ids = _sorted(images), _sorted(categories)
        self.bad: dict[int, tuple[object, BadAnnotation]] = {}

    def chunk(
        self,
        first: int,
        text: bytes,
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        values: NDArray[np.int64],
        kinds: NDArray[np.uint8],
    ) -> None:
        """Look closely at what is not plain, and at numbers that name nothing."""
        sure = (kinds == PLAIN) & _within(values[IMAGE], self.image_ids)
        sure &= _within(values[CATEGORY], self.category_ids)
        sure &= np.isin(values[CROWD], (0, 1, ABSENT))
        if self.need_id:
            sure &= values[ID] != ABSENT
        coded: list[tuple[int, Mapping[str, Any]]] = []
        for i in np.flatnonzero(~sure).tolist():
            one = parse(text[starts[i] : ends[i]], self.found.path)
            if not isinstance(one, dict):
                where = f"{self.found.path}: annotations[{first + i}]"
                raise FormatError("not an object", where=where, seen=one)
            if "segments_info" in one:
                raise panoptic_error(self.found.path)
            try:
                check_annotation(one, self.images, self.categories, need_id=self.need_id)
            except BadAnnotation as fault:
                self.bad[first + i] = one.get("id", f"at position {first + i}"), fault
                continue
            values[IMAGE, i], values[CATEGORY, i] = one["image_id"], one["category_id"]
            values[ID, i] = _fitting(one.get("id", ABSENT))
            coded.append((first + i, one))
            if len(coded) == _GARBLED_AT_ONCE:
                self._garbled(coded)
                coded = []
        self._garbled(coded)

    def _garbled(self, coded: list[tuple[int, Mapping[str, Any]]]) -> None:
        """Runs that do not make the mask that their size says."""
        faults = {id(one): fault for one, fault in garbled_runs([one for _, one in coded])}
        for position, one in coded:
            if id(one) in faults:
                name = one.get("id", f"of image {one['image_id']}")
                self.bad[position] = name, faults[id(one)]

    def doubled(self, ids: NDArray[np.int64]) -> None:
        """Annotations whose id one before them has."""
        told = np.flatnonzero(ids != ABSENT)
        told = told[~np.isin(told, np.fromiter(self.bad, np.int64, len(self.bad)))]
        order = told[np.argsort(ids[told], kind="stable")]
        again = order[1:][ids[order[1:]] == ids[order[:-1]]]
        for position in again.tolist():
            own = int(ids[position])
            self.bad[position] = own, BadAnnotation("id", "two annotations share an id", own)

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


def _sorted(ids: Mapping[int, Any]) -> NDArray[np.int64]:
    return np.array(sorted(value for value in ids if _fitting(value) == value), np.int64)


def _fitting(value: Any) -> int:
    """An id as int64, or `ABSENT` where it does not fit."""
    return int(value) if -(2**63) < value < 2**63 else ABSENT


def _within(values: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which values are among sorted ones."""
    if not len(known):
        return np.zeros(len(values), np.bool_)
    place = np.minimum(np.searchsorted(known, values), len(known) - 1)
    found: NDArray[np.bool_] = known[place] == values
    return found
