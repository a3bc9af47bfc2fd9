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
from maskloom.formats.coco.annotations import ImageAnnotations
from maskloom.formats.coco.file import CocoFile
from maskloom.formats.coco.image_ids import ImageId
from maskloom.formats.shared.maps import check_size_of

# An enumeration is slow to name a hundred thousand times.
_MASK, _BOX = int(RowKind.MASK), int(RowKind.BOX)


def labels_of_image(
    file: CocoFile[ImageAnnotations],
    image_id: ImageId,
    positions: Mapping[int, int],
    sample: Sample,
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
    check_size_of(file.path, size, sample)
    own = file.annotations.get(image_id)
    if own is None:
        return Labels(size, rows=Rows.make(Masks.empty(0, size), np.zeros(0, np.int32)))
    # The entries were parsed for this call: what becomes a column is taken out of them, and what
    # is left is the source.
    entries = own.entries
    segmentations = [entry.pop("segmentation", None) for entry in entries]
    geometry = _geometry(own, segmentations)
    category = [positions[entry.pop("category_id")] for entry in entries]
    for entry in entries:
        del entry["image_id"]
    rows = Rows.make(
        _masks(own, segmentations, geometry, size, f"{file.path}: image {image_id}"),
        np.array(category, np.int32),
        kind=[
            _BOX if drawn is None and not listed else _MASK
            for drawn, listed in zip(geometry, segmentations, strict=True)
        ],
        # Most entries have neither, and a call for each of a hundred thousand tells.
        score=[_score(entry) if "score" in entry else math.nan for entry in entries],
        crowd=[bool(entry.pop("iscrowd", 0)) for entry in entries],
        attributes=_optional(
            [_attributes(entry) if "attributes" in entry else None for entry in entries]
        ),
        geometry=_optional(geometry),
        source=_optional(entries),
    )
    return Labels(size, rows=rows)


def _score(entry: dict[str, Any]) -> float:
    """The score taken out of an entry; null, which says nothing, stays in it."""
    if entry.get("score") is None:
        return math.nan
    taken: float = entry.pop("score")
    return taken


def _attributes(entry: dict[str, Any]) -> Mapping[str, Any] | None:
    """Attributes taken out of an entry; none, or those of another kind, stay as they are."""
    if not isinstance(entry.get("attributes"), dict) or not entry["attributes"]:
        return None
    taken: Mapping[str, Any] = entry.pop("attributes")
    return taken


def _optional(values: Sequence[Any]) -> tuple[Any, ...]:
    """The column, or nothing where every value is None or empty."""
    return tuple([value or None for value in values]) if any(values) else ()


def _geometry(own: ImageAnnotations, segmentations: Sequence[Any]) -> list[Geometry | None]:
    """What was drawn, of each annotation."""
    found: list[Geometry | None] = []
    rings = [own.points[a:b] for a, b in pairwise(own.rings.tolist())]
    spans = pairwise(own.objects.tolist())
    for listed, (first, last) in zip(segmentations, spans, strict=True):
        if first < last:
            found.append(Geometry(tuple(rings[first:last]), "coco"))
        elif isinstance(listed, list) and listed:
            parts = tuple(np.array(ring, np.float64).reshape(-1, 2) for ring in listed)
            found.append(Geometry(parts, "coco"))
        else:
            found.append(None)
    return found


def _masks(
    own: ImageAnnotations,
    segmentations: Sequence[Any],
    geometry: Sequence[Geometry | None],
    size: tuple[int, int],
    where: str,
) -> Masks:
    """One mask per annotation, in order; a box without a mask is empty."""
    coded = [i for i, one in enumerate(segmentations) if isinstance(one, dict)]
    try:
        if len(coded) == sum(map(bool, segmentations)):
            drawn = _drawn(own, size)
        else:
            polygons = [() if shape is None else shape.parts for shape in geometry]
            drawn = Masks.from_polygons(polygons, size, rule="coco")
        if not coded:
            return drawn
        runs = Masks.from_coco([segmentations[i] for i in coded])
    except MaskError as error:
        raise FormatError(error.what, where=where, seen=error.seen) from error
    order = np.arange(len(drawn))
    order[coded] = len(drawn) + np.arange(len(coded))
    return Masks.concatenate([drawn, runs])[order]


def _drawn(own: ImageAnnotations, size: tuple[int, int]) -> Masks:
    """Masks of polygons, which were checked when the file was indexed."""
    frame = np.array(size, np.int64)
    return Masks(*rings_to_columns(own.points, own.rings, own.objects, frame, "coco"))
