"""VOC maps and XML of one image to labels: pixels decide, the XML adds what it knows of them.

Value n of the object map is the n-th <object> of the XML; a box that tells otherwise is noted,
and the object gets the entry of its class whose box fits. Pixels of a class without an object
become one region per class. Void in either map lies outside the coverage.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import FULL, Coverage, Labels, RowKind, Rows, codes
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.errors import FormatError
from maskloom.formats.shared.maps import check_size_of, colors_to_ids, ids_to_classes, size_of
from maskloom.formats.voc.classes import VOID_VALUE, Classes
from maskloom.formats.voc.match import matched
from maskloom.formats.voc.xml import VocObject, VocXml
from maskloom.store.images import read_map

_PALETTE_HINT = "save palette PNGs, or list the colour in labelmap.txt as name:r,g,b::"


@dataclass(frozen=True, slots=True)
class VocFiles:
    """The files of one image; any may be absent.

    Args:
        classes, objects, xml_path: where they lie.
        xml: what the XML says.
        looked: of an image without maps, whether its XML lists all that was looked for, so that
            one without an object is an empty image.
        size, size_told: (H, W) of an image that nobody labelled, and the file that says so.
    """

    classes: Path | None = None
    objects: Path | None = None
    xml_path: Path | None = None
    xml: VocXml | None = None
    looked: bool = False
    size: tuple[int, int] | None = None
    size_told: Path | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    """One row to be: its place in the XML, its value in the object map, and its <object>.

    Value 0 is a region of a class, None a box without pixels.
    """

    kind: RowKind
    category: int
    place: float
    number: int | None
    one: VocObject | None


def labels_of_files(
    files: VocFiles, meaning: Classes, sample: Sample, *, as_rows: bool, colors: Mapping[Any, int]
) -> Labels:
    """The labels of one image.

    Args:
        files: its maps and XML.
        meaning: what the numbers of class maps mean.
        sample: whose labels they are; its image, where at hand, must have their size.
        as_rows: objects and regions; otherwise a class map, for data without object maps.
        colors: colour → value of object maps that were saved in colours.

    Raises:
        FormatError: maps, XML and image differ in size, a value is not known, or an object
            has no class.
    """
    if files.classes is None:
        return _boxes_only(files, meaning, sample)
    stored = _values(files.classes, meaning.colors, sample)
    size = (int(stored.shape[0]), int(stored.shape[1]))
    _check_xml_size(files, size)
    classes = ids_to_classes(stored, meaning.ids, len(meaning.taxonomy), where=files.classes)
    said = {"voc": {"head": None if files.xml is None else files.xml.head}}
    if not as_rows:
        return Labels(size, class_map=classes, extra=said)
    numbers = np.zeros(size, np.int64)
    if files.objects is not None:
        numbers = _values(files.objects, colors, sample).astype(np.int64)
        if numbers.shape != size:
            raise FormatError(
                f"the object map is {numbers.shape[1]} × {numbers.shape[0]} px, the class map "
                f"{size[1]} × {size[0]} px",
                where=files.objects,
                hint="pair it with its own image",
            )
    rows, void, notes = _rows(numbers, classes, files, meaning)
    coverage = Coverage(area=Masks.from_dense(~void)) if void.any() else FULL
    extra: dict[str, Any] = {**said, "notes": tuple(notes)} if notes else said
    return Labels(size, rows=rows, coverage=coverage, extra=extra)


def _values(path: Path, colors: Mapping[Any, int], sample: Sample) -> NDArray[Any]:
    """(H, W) stored values; colours are looked up."""
    values = read_map(path)
    check_size_of(path, values.shape[:2], sample)
    if values.ndim == 2:
        return values
    try:
        return colors_to_ids(values, colors, where=path)
    except FormatError as error:
        raise FormatError(
            error.what, where=error.where, seen=error.seen, hint=_PALETTE_HINT
        ) from error


def _check_xml_size(files: VocFiles, size: tuple[int, int]) -> None:
    if files.xml is not None and files.xml.size not in (None, size):
        assert files.xml.size is not None
        height, width = files.xml.size
        raise FormatError(
            f"the XML says {width} × {height} px, the class map has {size[1]} × {size[0]} px",
            where=files.xml_path,
            hint="pair it with its own image",
        )


def _rows(
    numbers: NDArray[np.int64], classes: NDArray[Any], files: VocFiles, meaning: Classes
) -> tuple[Rows, NDArray[np.bool_], list[str]]:
    """Objects in the order of the XML, boxes without pixels among them, then regions; void."""
    none, ground = codes(classes.dtype)
    void = (classes == none) | (numbers == VOID_VALUE)
    notes: list[str] = []
    clash = int(np.count_nonzero(void & (classes != none) | void & (numbers % VOID_VALUE != 0)))
    if clash:
        notes.append(f"{clash} px are void in one map and not in the other, they are void here")
    masks, ids = Masks.from_id_map(np.where(void, 0, numbers), background=0)
    category = _majority(np.where(void, 0, numbers), classes, ids, files, meaning, notes)
    rest = np.where((numbers == 0) & ~void, classes, ground)
    regions, region_classes = Masks.from_id_map(rest, background=ground)
    listed = files.xml.objects if files.xml is not None else ()
    names = [meaning.taxonomy[c].name for c in category]
    owner = matched(listed, ids, names, masks.boxes, meaning, notes)
    found = [
        _Entry(RowKind.MASK, c, m if m >= 0 else n - 1.5, n, listed[m] if m >= 0 else None)
        for c, m, n in zip(category, owner, ids.tolist(), strict=True)
    ]
    found += [
        _Entry(RowKind.BOX, meaning.position(one.name), m, None, one)
        for m, one in enumerate(listed)
        if m not in owner
    ]
    order = sorted(range(len(found)), key=lambda i: found[i].place)
    empty = Masks.empty(len(found) - len(ids), classes.shape)
    solid = Masks.concatenate([masks, empty])[np.array(order, np.int64)]
    entries = [found[i] for i in order]
    entries += [_Entry(RowKind.MASK, c, 0.0, 0, None) for c in region_classes.tolist()]
    return _as_rows(Masks.concatenate([solid, regions]), entries), void, notes


def _as_rows(masks: Masks, entries: Sequence[_Entry]) -> Rows:
    """Rows of entries; boxes and regions get the next free instance ids."""
    free = itertools.count(1 + max((e.number or 0 for e in entries), default=0))
    return Rows.make(
        masks,
        np.array([e.category for e in entries], np.int32),
        instance=np.array([e.number or next(free) for e in entries], np.int64),
        kind=np.array([e.kind for e in entries], np.uint8),
        attributes=_optional([dict(e.one.attributes) if e.one else None for e in entries]),
        source=_optional([_source(e.one, e.number) for e in entries]),
    )


def _majority(
    numbers: NDArray[np.int64],
    classes: NDArray[Any],
    ids: NDArray[np.int64],
    files: VocFiles,
    meaning: Classes,
    notes: list[str],
) -> list[int]:
    """The class of each object, by most of its pixels; of those without one, by the XML."""
    width = len(meaning.taxonomy)
    out = []
    inside = numbers > 0
    place = np.searchsorted(ids, numbers[inside])
    seen = np.minimum(classes[inside].astype(np.int64), width)
    counts = np.zeros((len(ids), width + 1), np.int64)
    np.add.at(counts, (place, seen), 1)
    listed = files.xml.objects if files.xml is not None else ()
    for n, row in zip(ids.tolist(), counts, strict=True):
        best = int(row[:width].argmax()) if width else 0
        if width and row[best]:
            if other := int(row.sum() - row[best]):
                name = meaning.taxonomy[best].name
                notes.append(f"object {n}: {other} of {int(row.sum())} px are not {name}")
        elif n <= len(listed):
            best = meaning.position(listed[n - 1].name)
            notes.append(f"object {n} is background in the class map, its class is of the XML")
        else:
            raise FormatError(
                f"object {n} of {files.objects.name if files.objects else 'the map'} has no class",
                where=files.classes,
                hint="paint its class into the class map",
            )
        out.append(best)
    return out


def _size_without_maps(files: VocFiles, sample: Sample) -> tuple[int, int]:
    """As the XML says, else the side file; a picture that is there must be of this size."""
    said = [] if files.xml is None else [(files.xml.size, files.xml_path)]
    for size, path in (*said, (files.size, files.size_told)):
        if size is not None and path is not None:
            check_size_of(path, size, sample)
            return size
    if (size := size_of(sample)) is not None:
        return size
    raise FormatError(
        "no size in the XML and no image: the size is not known",
        where=files.xml_path or sample.key,
        hint="give the images with --images ROOT",
    )


def _boxes_only(files: VocFiles, meaning: Classes, sample: Sample) -> Labels:
    """Boxes of an image without maps; its pixels are not labelled but where there are none."""
    size = _size_without_maps(files, sample)
    if files.xml is None:
        rows = _as_rows(Masks.empty(0, size), [])
        return Labels(size, rows=rows, coverage=Coverage(nothing=True))
    listed = files.xml.objects
    entries = [_Entry(RowKind.BOX, meaning.position(o.name), 0.0, None, o) for o in listed]
    rows = _as_rows(Masks.empty(len(listed), size), entries)
    said = {"voc": {"head": files.xml.head, "maps": False}}
    coverage = FULL if files.looked and not listed else Coverage(nothing=True)
    return Labels(size, rows=rows, coverage=coverage, extra=said)


def _source(one: VocObject | None, number: int | None) -> dict[str, Any]:
    """What the files say of a row: its value in the object map, box (x, y, w, h) and the rest."""
    own: dict[str, Any] = {} if number is None else {"object": number}
    if one is None:
        return {"voc": own}
    if one.rest:
        own["rest"] = list(one.rest)
    x0, y0, x1, y1 = one.box
    out: dict[str, Any] = {"bbox": [x0, y0, x1 - x0, y1 - y0]}
    return {**out, "voc": own} if own else out


def _optional(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(value or None for value in values) if any(values) else ()
