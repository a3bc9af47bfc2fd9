"""One COCO panoptic JSON file parsed and checked; the PNG maps beside it are `coco_panoptic`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskloom.errors import FormatError
from maskloom.formats.coco.check import (
    SKIP_HINT,
    check_categories,
    check_image,
    is_id,
    is_number,
    listed,
    refuse_doubled,
)
from maskloom.formats.coco.file import TOP, CocoFile, json_ends
from maskloom.formats.coco.image_ids import ImageId, ImageIds
from maskloom.formats.shared.folders import read_json
from maskloom.store.files import stays_below

MAX_ID = (1 << 24) - 1


Segments = list[Mapping[str, Any]]
"""Those of an image."""


@dataclass(frozen=True, slots=True)
class PanopticFile:
    """One checked file.

    Args:
        coco: images, categories, head, and as annotations of an image its segments.
        maps: by image id the annotation without its segments: name of the PNG, other fields.
    """

    coco: CocoFile[Segments]
    maps: Mapping[ImageId, Mapping[str, Any]]


def is_panoptic(path: Path) -> bool:
    """Whether the ends of a JSON file read like COCO panoptic."""
    text = json_ends(path)
    return text.startswith("{") and '"segments_info"' in text


def read_panoptic_file(path: Path, split: str | None, *, skip_bad: bool) -> PanopticFile:
    """Parse and check one file.

    Args:
        path: a panoptic JSON file.
        split: the split it holds.
        skip_bad: leave invalid segments out.

    Raises:
        FormatError: not JSON, not COCO panoptic, or an invalid entry, which is named.
    """
    data = read_json(path)
    if not isinstance(data, dict):
        raise FormatError("not a JSON object", where=path, seen=type(data).__name__)
    images = _images(data, path)
    categories = check_categories(listed(data, "categories", path), path)
    for value, category in categories.items():
        _check_category(category, f"{path}: category {value}")
    maps: dict[ImageId, Mapping[str, Any]] = {}
    segments: dict[ImageId, list[Mapping[str, Any]]] = {}
    messages: list[str] = []
    for i, annotation in enumerate(listed(data, "annotations", path)):
        image = _check_annotation(annotation, images, maps, f"{path}: annotations[{i}]")
        where = f"{path}: image {image}"
        segments[image], left_out = checked_segments(
            annotation["segments_info"], categories, where, skip_bad=skip_bad
        )
        maps[image] = {k: v for k, v in annotation.items() if k != "segments_info"}
        messages += left_out
    head = {k: v for k, v in data.items() if k not in TOP}
    used = frozenset(one["category_id"] for own in segments.values() for one in own)
    coco = CocoFile(path, split, images, categories, segments, head, tuple(messages), used)
    return PanopticFile(coco, maps)


def _images(data: Mapping[str, Any], path: Path) -> dict[ImageId, Mapping[str, Any]]:
    """Images by id.

    Raises:
        FormatError: an entry is invalid, or its id is taken.
    """
    ids = ImageIds()
    entries = listed(data, "images", path)
    for i, image in enumerate(entries):
        check_image(image, i, path)
        ids.append(image["id"])
    refuse_doubled(ids, path)
    return {image["id"]: image for image in entries}


def _check_category(category: Mapping[str, Any], where: str) -> None:
    if category.get("isthing", 1) not in (0, 1):
        raise FormatError(
            "isthing is neither 0 (stuff) nor 1 (thing)", where=where, seen=category["isthing"]
        )
    color = category.get("color")
    good = isinstance(color, list) and len(color) == 3
    if color is not None and not (good and all(is_id(v) and 0 <= v <= 255 for v in color)):
        raise FormatError("a colour is not three numbers 0..255", where=where, seen=color)


def _check_annotation(
    annotation: Mapping[str, Any],
    images: Mapping[ImageId, Any],
    maps: Mapping[ImageId, Any],
    where: str,
) -> ImageId:
    """The image id of an annotation.

    Raises:
        FormatError: its image, PNG name or list of segments is missing or wrong.
    """
    image: Any = annotation.get("image_id")
    if not (isinstance(image, str) or is_id(image)) or image not in images:
        raise FormatError("no image has this id", where=f"{where}, image_id", seen=image)
    place = f"{where}, image {image}"
    if image in maps:
        raise FormatError("two annotations of one image", where=place, seen=image)
    name = annotation.get("file_name")
    if not isinstance(name, str) or not stays_below(name):
        raise FormatError(
            "file_name names no PNG below the folder of the maps",
            where=place,
            seen=name,
            hint="write the bare name of the PNG, e.g. 000000000009.png",
        )
    if not isinstance(annotation.get("segments_info"), list):
        seen = annotation.get("segments_info")
        raise FormatError('no list "segments_info"', where=place, seen=seen)
    found: ImageId = image
    return found


def checked_segments(
    entries: Sequence[Any], categories: Mapping[int, Any], where: str, *, skip_bad: bool
) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Valid segments, and messages about the others.

    Args:
        entries: a list `segments_info`.
        categories: by id.
        where: file and image.
        skip_bad: leave invalid ones out.

    Raises:
        FormatError: an invalid one; names it and its field.
    """
    good: dict[int, Mapping[str, Any]] = {}
    messages: list[str] = []
    for i, entry in enumerate(entries):
        fault = _fault(entry, categories, good)
        if fault is None:
            good[entry["id"]] = entry
            continue
        own = entry.get("id") if isinstance(entry, dict) else None
        name = f"segment {own}" if is_id(own) else f"segments_info[{i}]"
        field, what, seen = fault
        place = f"{where}, {name}" + (f", {field}" if field else "")
        error = FormatError(what, where=place, seen=seen, hint=SKIP_HINT)
        if not skip_bad:
            raise error
        messages.append(error.message)
    return list(good.values()), messages


def _fault(
    entry: Any, categories: Mapping[int, Any], seen: Mapping[int, Any]
) -> tuple[str, str, object] | None:
    """What is wrong with a segment: field, what, value; None where nothing is."""
    if not isinstance(entry, dict):
        return "", "a segment is not an object", entry
    own, category = entry.get("id"), entry.get("category_id")
    if not isinstance(own, int) or not is_id(own) or not 0 < own <= MAX_ID:
        return "id", f"a segment id is a whole number 1..{MAX_ID} (R + 256 G + 65536 B)", own
    if own in seen:
        return "id", "two segments of one image share an id", own
    if category is None:
        return "category_id", "the segment has no category_id", None
    if not is_id(category) or category not in categories:
        return "category_id", "no category has this id", category
    if entry.get("iscrowd", 0) not in (0, 1):
        return "iscrowd", "neither 0 nor 1", entry["iscrowd"]
    for name in ("area", "score"):
        if entry.get(name) is not None and not is_number(entry[name]):
            return name, "not a finite number", entry[name]
    box = entry.get("bbox")
    if box is not None and not (
        isinstance(box, list) and len(box) == 4 and all(map(is_number, box))
    ):
        return "bbox", "not four finite numbers x, y, width, height", box
    return None
