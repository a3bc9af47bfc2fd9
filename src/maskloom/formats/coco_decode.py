"""The annotations of an image of a COCO file to labels: a row for each, in order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from maskloom.core.labels import Geometry, Labels, RowKind, Rows
from maskloom.core.mask_polygons import rings_to_columns
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.errors import FormatError, MaskError
from maskloom.formats.coco_annotations import ImageAnnotations
from maskloom.formats.coco_file import CocoFile
from maskloom.formats.maps import check_size, size_of

_COLUMNS = frozenset({"image_id", "category_id", "segmentation", "iscrowd", "score"})
_INTERPRETED = _COLUMNS | {"attributes"}
# An enumeration is slow to name a hundred thousand times.
_MASK, _BOX = int(RowKind.MASK), int(RowKind.BOX)


def labels_of_image(
    file: CocoFile[ImageAnnotations], image_id: int, positions: Mapping[int, int], sample: Sample
) -> Labels:
    """Labels of one image.

    Args:
        file: an instances file.
        image_id: which image.
        positions: category id → position in the taxonomy.
        sample: the image.

    Raises:
        FormatError: the image has another size than the file says, runs are garbled, or the file
            changed since it was opened.
    """
    image = file.images[image_id]
    size = (int(image["height"]), int(image["width"]))
    check_size(file.path, size, size_of(sample))
    own = file.annotations.get(image_id)
    if own is None:
        return Labels(size, rows=Rows.make(Masks.empty(0, size), np.zeros(0, np.int32)))
    geometry = _geometry(own)
    entries = own.entries
    rows = Rows.make(
        _masks(own, geometry, size, f"{file.path}: image {image_id}"),
        np.array([positions[a["category_id"]] for a in entries], np.int32),
        kind=[
            _MASK if drawn or a.get("segmentation") else _BOX
            for a, drawn in zip(entries, geometry, strict=True)
        ],
        score=[math.nan if a.get("score") is None else a["score"] for a in entries],
        crowd=[bool(a.get("iscrowd", 0)) for a in entries],
        attributes=_optional([_attributes(a) for a in entries]),
        geometry=_optional(geometry),
        source=_optional([_source(a) for a in entries]),
    )
    return Labels(size, rows=rows)


def _attributes(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = entry.get("attributes")
    return found if isinstance(found, dict) else None


def _source(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the file says besides the columns; attributes of another kind are kept as they are."""
    drop = _COLUMNS if _attributes(entry) is None else _INTERPRETED
    return {key: value for key, value in entry.items() if key not in drop}


def _optional(values: Sequence[Any]) -> tuple[Any, ...]:
    """The column, or nothing where every value is None or empty."""
    return tuple([value or None for value in values]) if any(values) else ()


def _geometry(own: ImageAnnotations) -> list[Geometry | None]:
    """What was drawn, of each annotation."""
    found: list[Geometry | None] = []
    rings = [own.points[a:b] for a, b in pairwise(own.rings.tolist())]
    for entry, (first, last) in zip(own.entries, pairwise(own.objects.tolist()), strict=True):
        if first < last:
            found.append(Geometry(tuple(rings[first:last]), "coco"))
            continue
        listed = entry.get("segmentation")
        if not isinstance(listed, list) or not listed:
            found.append(None)
            continue
        parts = tuple(np.array(ring, np.float64).reshape(-1, 2) for ring in listed)
        found.append(Geometry(parts, "coco"))
    return found


def _masks(
    own: ImageAnnotations,
    geometry: Sequence[Geometry | None],
    size: tuple[int, int],
    where: str,
) -> Masks:
    """One mask per annotation, in order; a box without a mask is empty."""
    coded = [i for i, a in enumerate(own.entries) if isinstance(a.get("segmentation"), dict)]
    try:
        if not any(isinstance(a.get("segmentation"), list) for a in own.entries):
            drawn = _drawn(own, size)
        else:
            polygons = [() if shape is None else shape.parts for shape in geometry]
            drawn = Masks.from_polygons(polygons, size, rule="coco")
        if not coded:
            return drawn
        runs = Masks.from_coco([own.entries[i]["segmentation"] for i in coded])
    except MaskError as error:
        raise FormatError(error.what, where=where, seen=error.seen) from error
    order = np.arange(len(drawn))
    order[coded] = len(drawn) + np.arange(len(coded))
    return Masks.concatenate([drawn, runs])[order]


def _drawn(own: ImageAnnotations, size: tuple[int, int]) -> Masks:
    """Masks of polygons, which were checked when the file was indexed."""
    frame = np.array(size, np.int64)
    return Masks(*rings_to_columns(own.points, own.rings, own.objects, frame, "coco"))
