"""Segments of a DICOM segmentation that is written: their numbers and descriptions.

A segment of the file that the labels came from keeps its description under a new name, if its
old name is nobody's now; else objects of another layer would take over what it says.

Source: DICOM PS3.3 C.8.20.2 (numbers from 1 on without gaps, but of a LABELMAP), C.8.20.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.category_names import positions_of
from maskloom.core.labels import Rows
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import WriteError
from maskloom.formats.dicom_seg.groups import segment_item
from maskloom.formats.dicom_seg.kept import segment_labels

_MOST_SEGMENTS = 65_535
_GREY = (128, 128, 128)


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Segments in the order of their numbers.

    Args:
        items: their descriptions, numbered.
        of_rows: the number of each row.
        origin: number → that of the segment which it was in the file that was read.
        renumbered: objects that had another number.
        undescribed: objects whose segment in that file was described otherwise.
        gone: labels of segments of that file without a pixel, which are not written.
    """

    items: list[Any]
    of_rows: NDArray[np.int64]
    origin: Mapping[int, str]
    renumbered: tuple[int, ...]
    undescribed: tuple[int, ...]
    gone: tuple[str, ...]


@dataclass(slots=True)
class _Entry:
    """One segment to be: the number that it had if it may keep it, its name, what it was."""

    wanted: int | None
    category: int | None
    own: str | None
    number: int = 0


def segments_of(
    rows: Rows, taxonomy: Taxonomy, kept: Mapping[str, Any], *, gaps: bool = False
) -> Segments:
    """One segment per object and category; segments that had no pixel stay, if their name does.

    Args:
        rows: masks with pixels.
        taxonomy: names the segments.
        kept: of the file that the labels came from (`kept_of`), or empty.
        gaps: whether numbers may have gaps.

    Raises:
        WriteError: more segments than a file may have.
    """
    labels = segment_labels(kept)
    names = positions_of(taxonomy)
    pairs = np.stack([rows.instance, rows.category.astype(np.int64)], axis=1)
    objects, of_rows = np.unique(pairs, axis=0, return_inverse=True)
    if len(objects) > _MOST_SEGMENTS:
        raise WriteError("a segmentation has at most 65,535 segments", seen=len(objects))
    entries, undescribed = _of_objects(objects.tolist(), taxonomy, labels)
    taken = {entry.own for entry in entries} | {str(n) for n in undescribed}
    free = sorted(set(labels) - taken, key=int)
    entries += [_Entry(int(n), None, n) for n in free if labels[n] in names]
    gone = tuple(labels[n] for n in free if labels[n] not in names)
    if not entries:
        entries.append(_Entry(1, 0, None))
    _number(entries, gaps=gaps)
    numbers = np.array([entry.number for entry in entries], np.int64)
    renumbered = tuple(
        instance
        for (instance, _), number in zip(objects.tolist(), numbers.tolist(), strict=False)
        if instance != number
    )
    colors, given = taxonomy.colors(), kept.get("segments", {})
    items = []
    for entry in sorted(entries, key=lambda entry: entry.number):
        at, own = entry.category, None if entry.own is None else given[entry.own]
        name = labels[entry.own or ""] if at is None else taxonomy[at].name
        color = _GREY if at is None else colors[at]
        items.append(segment_item(entry.number, name, color, own))
    origin = {entry.number: entry.own for entry in entries if entry.own is not None}
    own_numbers = numbers[of_rows.reshape(-1)]
    return Segments(items, own_numbers, origin, renumbered, tuple(undescribed), gone)


def _of_objects(
    objects: list[list[int]], taxonomy: Taxonomy, labels: Mapping[str, str]
) -> tuple[list[_Entry], list[int]]:
    """(segments of objects, objects whose segment in the file that was read was another)."""
    names = positions_of(taxonomy)
    instances = [instance for instance, _ in objects]
    several = {n for n, after in pairwise(instances) if n == after}
    entries, undescribed = [], []
    for instance, category in objects:
        known = str(instance)
        before = labels.get(known)
        same = before == taxonomy[category].name
        renamed = before is not None and before not in names and instance not in several
        fits = instance not in several and 1 <= instance <= _MOST_SEGMENTS
        own = known if same or renamed else None
        entries.append(_Entry(instance if fits else None, category, own))
        if before is not None and own is None and instance not in several:
            undescribed.append(instance)
    return entries, undescribed


def _number(entries: list[_Entry], *, gaps: bool) -> None:
    """Give every segment a number: that which it had, if the file may say so."""
    if not gaps:
        listed = sorted(entries, key=lambda e: (e.wanted is None, e.wanted or 0))
        for number, entry in enumerate(listed, start=1):
            entry.number = number
        return
    taken = {entry.wanted for entry in entries}
    free = iter(n for n in range(1, _MOST_SEGMENTS + 1) if n not in taken)
    for entry in entries:
        entry.number = next(free) if entry.wanted is None else entry.wanted
