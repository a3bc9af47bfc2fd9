"""What a COCO file must hold, checked value by value before anything is decoded.

pycocotools reads short runs as uninitialised memory and a NaN vertex until memory ends; here
each is one error that names file, annotation, field and value.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from maskloom.core.masks import Masks
from maskloom.errors import FormatError, MaskError
from maskloom.formats.coco.image_ids import ImageId, ImageIds

FAR_PX = 2.0**24
MAX_SIDE = 2**31 - 1
SKIP_HINT = "mend it, or leave such annotations out with --skip-bad"


class BadAnnotation(Exception):
    """One annotation is invalid: field, what is wrong, value seen."""

    def __init__(self, field: str, what: str, seen: object) -> None:
        self.field, self.what, self.seen = field, what, seen
        super().__init__(what)

    def error(self, path: Path, annotation: object) -> FormatError:
        """The error for the user."""
        return FormatError(
            self.what,
            where=f"{path}: annotation {annotation}, {self.field}",
            seen=self.seen,
            hint=SKIP_HINT,
        )


class _Null(str):
    """What a message shows of a field that says null, which is not a field that is missing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "null"


def _seen(entry: Mapping[str, Any], name: str) -> object:
    """The value of a field, as a message shows it."""
    value = entry.get(name)
    return _Null("null") if value is None and name in entry else value


def is_id(value: object) -> bool:
    """A whole number, which a bool is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """A finite number, which a bool is not; whole numbers may be too large for a float."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return good and -sys.float_info.max <= value <= sys.float_info.max  # type: ignore[operator]


def listed(data: Mapping[str, Any], name: str, path: Path, first: int = 0) -> list[dict[str, Any]]:
    """A list of objects at the top of the file, or a piece of it that begins at `first`."""
    items = data.get(name)
    if not isinstance(items, list):
        raise FormatError(
            f'no list "{name}"',
            where=path,
            seen=f"keys {', '.join(list(data)[:10])}",
            hint="this is not a COCO instances file",
        )
    for i, item in enumerate(items, first):
        if not isinstance(item, dict):
            raise FormatError("not an object", where=f"{path}: {name}[{i}]", seen=item)
    return items


def _check_bits(value: int, where: str) -> None:
    if not -(2**63) < value < 2**63:
        raise FormatError(
            "an id of more than 64 bits with sign", where=where, seen=value, hint="number them anew"
        )


def check_image(image: Mapping[str, Any], number: int, path: Path) -> None:
    """One entry of an image.

    Args:
        image: the entry.
        number: its position in the file.
        path: the file.

    Raises:
        FormatError: an id, name or size is missing or wrong.
    """
    place, own = f"{path}: images[{number}]", image.get("id")
    if not is_id(own) and not (isinstance(own, str) and own):
        raise FormatError(
            "an image id is a whole number or a text", where=place, seen=_seen(image, "id")
        )
    place = f"{path}: image {own}"
    if not isinstance(own, str):
        _check_bits(image["id"], place)
    if not isinstance(image.get("file_name"), str) or not image["file_name"]:
        raise FormatError("no file_name", where=place, seen=_seen(image, "file_name"))
    for side in ("height", "width"):
        value = image.get(side)
        if not is_id(value) or not 0 < value <= MAX_SIDE:  # type: ignore[operator]
            raise FormatError(
                f"{side} is a positive whole number" if side in image else f"no {side}",
                where=place,
                seen=_seen(image, side),
                hint="put the picture's size in pixels there",
            )


def refuse_doubled(ids: ImageIds, path: Path) -> None:
    """Ids of images that cannot be told apart.

    Raises:
        FormatError: two are the same, or numbers stand beside texts.
    """
    own = ids.doubled()
    if own is not None:
        raise FormatError(
            "two images share an id",
            where=f"{path}: image {own}",
            seen=own,
            hint="give each an id of its own, in its annotations too",
        )
    if ids.mixed:
        raise FormatError(
            "some image ids are numbers and some are texts",
            where=path,
            hint="write them all in one way: COCO's tools cannot sort both",
        )


def check_categories(
    categories: Sequence[Mapping[str, Any]], path: Path
) -> dict[int, Mapping[str, Any]]:
    """Categories by id, in order.

    Raises:
        FormatError: an id or name is missing, wrong or listed twice.
    """
    found: dict[int, Mapping[str, Any]] = {}
    for i, category in enumerate(categories):
        place = f"{path}: categories[{i}]"
        if not is_id(category.get("id")):
            raise FormatError(
                "a category id is a whole number", where=place, seen=_seen(category, "id")
            )
        _check_bits(category["id"], place)
        if category["id"] in found:
            raise FormatError(
                "two categories share an id",
                where=place,
                seen=category["id"],
                hint="give each an id of its own, in its annotations too",
            )
        if not isinstance(category.get("name"), str) or not category["name"].strip():
            raise FormatError(
                "a category without a name", where=place, seen=_seen(category, "name")
            )
        found[category["id"]] = category
    return found


def check_annotation(
    annotation: Mapping[str, Any],
    images: Mapping[ImageId, Mapping[str, Any]],
    categories: Mapping[int, Any],
    *,
    need_id: bool,
) -> None:
    """Everything but the runs of a compressed string.

    Raises:
        BadAnnotation: what is wrong, with field and value.
    """
    if (need_id or "id" in annotation) and not is_id(annotation.get("id")):
        raise BadAnnotation("id", "an annotation id is a whole number", _seen(annotation, "id"))
    told = annotation.get("image_id")
    image = images.get(told if isinstance(told, str) else _hashable(told))
    if image is None:
        what = "no image has this id" if "image_id" in annotation else "there is none"
        raise BadAnnotation("image_id", what, _seen(annotation, "image_id"))
    if _hashable(annotation.get("category_id")) not in categories:
        what = "no category has this id" if "category_id" in annotation else "there is none"
        raise BadAnnotation("category_id", what, _seen(annotation, "category_id"))
    if annotation.get("iscrowd", 0) not in (0, 1):
        raise BadAnnotation("iscrowd", "neither 0 nor 1", _seen(annotation, "iscrowd"))
    for name in ("area", "score"):
        if annotation.get(name) is not None and not is_number(annotation[name]):
            raise BadAnnotation(name, "not a finite number", annotation[name])
    box = annotation.get("bbox")
    if box is not None and not (
        isinstance(box, list) and len(box) in (0, 4) and all(map(is_number, box))
    ):
        raise BadAnnotation("bbox", "not four finite numbers x, y, width, height", box)
    _check_segmentation(annotation.get("segmentation"), int(image["height"]), int(image["width"]))


def _hashable(value: object) -> Any:
    return value if is_id(value) else None


def _check_segmentation(segmentation: object, height: int, width: int) -> None:
    if segmentation is None or segmentation == []:
        return
    if isinstance(segmentation, list):
        for ring in segmentation:
            _check_ring(ring)
        return
    if not isinstance(segmentation, dict) or "counts" not in segmentation:
        raise BadAnnotation("segmentation", "neither polygons nor runs", segmentation)
    if segmentation.get("size") != [height, width]:
        raise BadAnnotation(
            "segmentation.size",
            f"the runs are for another size than the image, [{height}, {width}]",
            _seen(segmentation, "size"),
        )
    counts = segmentation["counts"]
    if isinstance(counts, list):
        if not all(is_id(v) and v >= 0 for v in counts):
            bad = next(v for v in counts if not is_id(v) or v < 0)
            raise BadAnnotation("segmentation.counts", "a run is a whole number from 0", bad)
        if sum(counts) != height * width:
            raise BadAnnotation(
                "segmentation.counts",
                f"the runs do not sum to the {height} × {width} = {height * width} pixels",
                sum(counts),
            )
    elif not isinstance(counts, str):
        raise BadAnnotation("segmentation.counts", "neither a string nor a list", counts)


def _check_ring(ring: object) -> None:
    field = "segmentation"
    if not isinstance(ring, list):
        raise BadAnnotation(field, "a polygon is a list of numbers inside a list", ring)
    try:
        total = math.fsum(ring)
        far = max(map(abs, ring), default=0.0)
    except (TypeError, ValueError, OverflowError):
        raise BadAnnotation(field, "a polygon is a list of finite numbers", ring) from None
    if not math.isfinite(total) or math.isnan(far):
        bad = next((v for v in ring if not math.isfinite(v)), total)
        raise BadAnnotation(field, "a vertex is not finite", bad)
    if len(ring) % 2:
        raise BadAnnotation(field, "a polygon has an odd number of coordinates", len(ring))
    if len(ring) < 6:
        raise BadAnnotation(field, "a polygon has fewer than 3 vertices", ring)
    if far > FAR_PX:
        raise BadAnnotation(field, "a vertex lies more than 2**24 px from the image", far)


def garbled_runs(
    annotations: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], BadAnnotation]]:
    """Annotations whose compressed runs do not make the mask that their size says."""
    coded = [
        a
        for a in annotations
        if isinstance(a.get("segmentation"), dict) and isinstance(a["segmentation"]["counts"], str)
    ]
    if not coded:
        return
    try:
        Masks.from_coco([a["segmentation"] for a in coded])
    except MaskError:
        for annotation in coded:
            try:
                Masks.from_coco([annotation["segmentation"]])
            except MaskError as error:
                yield annotation, BadAnnotation("segmentation.counts", error.what, error.seen)
