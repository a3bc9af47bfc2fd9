"""PNG maps of COCO panoptic: colours to segment ids, and ids to rows by the JSON's segments.

Source: panopticapi `rgb2id`, and the checks of `pq_compute` (ids in one of PNG and JSON only).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import FULL, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.errors import FormatError
from maskloom.formats.coco.image_ids import ImageId
from maskloom.formats.coco_panoptic.file import PanopticFile
from maskloom.store.images import image_size, read_map
from maskloom.store.png_colors import color_numbers

INTERPRETED = frozenset({"category_id", "iscrowd", "score", "attributes"})


def read_ids(png: Path, size: tuple[int, int], where: str) -> NDArray[np.uint32]:
    """Segment ids of a PNG map.

    Args:
        png: the file.
        size: (H, W) that the JSON says.
        where: JSON file and image, for errors.

    Returns:
        (H, W) ids.

    Raises:
        ImageError: the file is damaged.
        FormatError: it is not there, not a colour PNG of 8 bit, or of another size.
    """
    if not png.is_file():
        raise FormatError(
            "the PNG map is not there",
            where=where,
            seen=str(png),
            hint="add it, or name the folder of the maps with --set from.masks=FOLDER",
        )
    numbers = color_numbers(png)
    if numbers is not None and numbers.shape == size:
        return numbers
    stored = image_size(png)
    if stored != size:
        raise FormatError(
            f"the map is {stored[1]} × {stored[0]} px, the JSON says {size[1]} × {size[0]} px",
            where=f"{where}, {png.name}",
            hint="pair it with its own image",
        )
    values = read_map(png)
    if values.ndim != 3 or values.dtype != np.uint8:
        raise FormatError(
            "not a colour PNG of 8 bit, in which id = R + 256 G + 65536 B",
            where=png,
            seen=f"{values.dtype} {values.shape}",
        )
    wide = values.astype(np.uint32)
    return (wide[..., 0] | wide[..., 1] << 8 | wide[..., 2] << 16).astype(np.uint32)


def labels_of_map(
    ids: NDArray[np.uint32],
    file: PanopticFile,
    image_id: ImageId,
    positions: Mapping[int, int],
    *,
    png: Path,
    strict: bool,
) -> Labels:
    """The rows of one image, with what the map leaves open outside their coverage.

    Args:
        ids: (H, W) of segment ids.
        file: whose segments they are.
        image_id: which image.
        positions: category id → position in the taxonomy.
        png: where the ids come from.
        strict: refuse ids that stand in one of PNG and JSON only; else they are left out, and
            their pixels are unlabelled.

    Raises:
        FormatError: PNG and JSON do not list the same ids.
    """
    size = (int(ids.shape[0]), int(ids.shape[1]))
    masks, found = Masks.from_id_map(ids, background=0)
    places = {int(value): i for i, value in enumerate(found.tolist())}
    own = [a for a in file.coco.annotations[image_id] if strict or a["id"] in places]
    where = f"{file.coco.path}: image {image_id}"
    if strict:
        _refuse_unmatched(own, places, ids, where, png)
    order = np.array([places[a["id"]] for a in own], np.int64)
    masks = masks[order]
    kept = ids != 0 if len(own) == len(places) else np.isin(ids, [a["id"] for a in own])
    notes = _notes(own, masks)
    said = {"coco-panoptic": {k: v for k, v in file.maps[image_id].items() if k != "image_id"}}
    return Labels(
        size,
        rows=_rows(own, masks, positions),
        coverage=FULL if kept.all() else Coverage(area=Masks.from_dense(kept)),
        extra={**said, "notes": notes} if notes else said,
    )


def _refuse_unmatched(
    own: list[Mapping[str, Any]],
    places: Mapping[int, int],
    ids: NDArray[np.uint32],
    where: str,
    png: Path,
) -> None:
    """Ids in the PNG that the JSON does not list, and the reverse."""
    listed = {a["id"] for a in own}
    for value in places:
        if value not in listed:
            y, x = (int(v) for v in np.argwhere(ids == value)[0])
            raise FormatError(
                f"segments_info lacks a segment of {int(np.count_nonzero(ids == value))} px in "
                f"{png.name}, first at x={x}, y={y}",
                where=where,
                seen=value,
                hint="add it, set its pixels to 0, or read them as unlabelled with --skip-bad",
            )
    for value in sorted(listed):
        if value not in places:
            raise FormatError(
                f"the segment has no pixel in {png.name}",
                where=f"{where}, segment {value}",
                hint="remove it, or leave such segments out with --skip-bad",
            )


def _notes(own: list[Mapping[str, Any]], masks: Masks) -> tuple[str, ...]:
    """Areas and boxes that the pixels do not have."""
    out = []
    for a, area, box in zip(own, masks.areas.tolist(), masks.boxes.tolist(), strict=True):
        seen = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
        if a.get("area") is not None and a["area"] != area:
            out.append(f"segment {a['id']}: area {a['area']}, its pixels are {area}")
        if a.get("bbox") is not None and a["bbox"] != seen:
            out.append(f"segment {a['id']}: bbox {a['bbox']}, that of its pixels is {seen}")
    return tuple(out)


def _rows(own: list[Mapping[str, Any]], masks: Masks, positions: Mapping[int, int]) -> Rows:
    attributes = tuple(
        a["attributes"] if isinstance(a.get("attributes"), dict) else None for a in own
    )
    return Rows.make(
        masks,
        np.array([positions[a["category_id"]] for a in own], np.int32),
        instance=np.array([a["id"] for a in own], np.int64),
        score=np.array(
            [math.nan if a.get("score") is None else a["score"] for a in own], np.float64
        ),
        crowd=np.array([bool(a.get("iscrowd", 0)) for a in own], np.bool_),
        attributes=attributes if any(attributes) else (),
        source=tuple({k: v for k, v in a.items() if k not in INTERPRETED} for a in own),
    )
