"""Results on a data set before anybody looks at them: as they came, not yet as annotations."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np

from maskloom.compat.coco.masks import boxes_and_areas, outline_of
from maskloom.compat.coco.reading import read_json
from maskloom.core.coco_rle import FAULTS
from maskloom.errors import DataError, MaskError
from maskloom.metrics.coco.results_file import ResultsFile, read_results

Entry = dict[str, Any]
_AT_ONCE = 4096


@dataclass(slots=True, eq=False)
class Results:
    """Results and the data set that they are on.

    Args:
        images, categories, info: of the data set.
        own: dicts of the caller, which become annotations when `dataset` is called, as
            pycocotools changes them, too; None where they are still in a file.
        file: the file's columns, where it is in the usual form.
        path: of the file.
    """

    images: list[Entry]
    categories: list[Entry]
    info: Any
    own: list[Entry] | None
    file: ResultsFile | None = None
    path: Path | None = None

    @property
    def listed(self) -> list[Entry]:
        """The results as dicts."""
        if self.own is None and self.path is not None:
            self.own = cast("list[Entry]", read_json(self.path))
        return self.own or []

    @property
    def boxed(self) -> bool:
        """Whether areas are those of boxes: pycocotools asks the first result."""
        if self.own is None and self.file is not None:
            return self.file.boxes is not None
        box = self.listed[0].get("bbox") if self.listed else None
        return box is not None and len(box) > 0

    def dataset(self) -> dict[str, Any]:
        """The results as a data set of annotations with ids from 1.

        Raises:
            DataError: a result without a box or a mask, or a malformed one.
        """
        if self.boxed:
            for one in self.listed:
                _boxed(one)
        else:
            for first in range(0, len(self.listed), _AT_ONCE):
                _measured(self.listed[first : first + _AT_ONCE], first)
        for number, one in enumerate(self.listed, 1):
            one["id"] = number
            one["iscrowd"] = 0
        return {
            "info": copy.deepcopy(self.info),
            "images": list(self.images),
            "categories": copy.deepcopy(self.categories),
            "annotations": self.listed,
        }


def results_of(source: str | PathLike[str] | Sequence[Entry], dataset: dict[str, Any]) -> Results:
    """Results of a file or of a list of dicts.

    Raises:
        DataError: no list, or results of images that the data set does not have.
    """
    images = dataset.get("images", [])
    head = images, dataset.get("categories", []), dataset.get("info", {})
    known = set(entry_ids("image", images))
    if isinstance(source, str | PathLike):
        path = Path(source)
        file = _columns(path)
        if file is not None:
            asked = np.unique(file.image)
            strange = [one for one in asked.tolist() if one not in known]
            if strange:
                raise _unknown_image(int(np.flatnonzero(file.image == strange[0])[0]), strange[0])
            return Results(*head, None, file, path)
    found = read_json(path) if isinstance(source, str | PathLike) else source
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found[:1]):
        raise DataError(
            "results are a list of objects",
            where=source if isinstance(source, str | PathLike) else "loadRes",
            seen=type(found).__name__,
        )
    try:
        ids = {one["image_id"] for one in found}
    except (KeyError, TypeError):
        raise _first_without(found, "image_id") from None
    if not ids <= known:
        place = next(i for i, one in enumerate(found) if one["image_id"] not in known)
        raise _unknown_image(place, found[place]["image_id"])
    return Results(*head, cast("list[Entry]", found))


def entry_ids(what: str, entries: Sequence[Any]) -> list[Any]:
    """Ids of images or categories.

    Raises:
        DataError: an entry without one.
    """
    try:
        return [one["id"] for one in entries]
    except (KeyError, TypeError):
        place = next(
            i for i, one in enumerate(entries) if not isinstance(one, dict) or "id" not in one
        )
        raise DataError(
            'there is no "id"', where=f"{what} {place}", seen=str(entries[place])[:80]
        ) from None


def _columns(path: Path) -> ResultsFile | None:
    try:
        return read_results(path)
    except OSError as error:
        raise DataError("the file cannot be read", where=path, seen=error.strerror) from None


def _unknown_image(place: int, image: object) -> DataError:
    """A result of an image that is not in the truth."""
    return DataError(
        "the data set has no image of this id",
        where=f"result {place}, image_id",
        seen=image,
        hint="evaluate results on the data set that they were made for",
    )


def _first_without(found: Sequence[Any], key: str) -> DataError:
    for place, one in enumerate(found):
        if not isinstance(one, dict) or key not in one:
            return DataError(
                f'a result has no "{key}"', where=f"result {place}", seen=str(one)[:80]
            )
    return DataError(f'a "{key}" is of no known kind', where="loadRes")


def _boxed(one: Entry) -> None:
    try:
        outline = outline_of(one["bbox"])
        one["area"] = one["bbox"][2] * one["bbox"][3]
    except (KeyError, TypeError, ValueError):
        raise DataError(
            "the first result has a box, this one has none of four numbers",
            where=f"result of image {one.get('image_id')}, bbox",
            seen=one.get("bbox"),
        ) from None
    one.setdefault("segmentation", [outline])


def _measured(entries: Sequence[Entry], first: int) -> None:
    """Area and box of masks, as compressed strings."""
    try:
        sizes = np.array([one["segmentation"]["size"] for one in entries], np.int64).reshape(-1, 2)
        texts = [one["segmentation"]["counts"] for one in entries]
        if not all(isinstance(one, str | bytes) for one in texts):
            raise TypeError
    except (KeyError, TypeError, ValueError):
        raise _no_runs(entries, first) from None
    pixels = sizes[:, 0] * sizes[:, 1]
    boxes, areas, bad, fault = boxes_and_areas(texts, pixels, sizes[:, 0].copy())
    if bad >= 0:
        where = f"result {first + bad}, segmentation.counts"
        raise MaskError(FAULTS[fault], where=where, seen=texts[bad])
    for one, box, area in zip(entries, boxes, areas.astype(np.uint32), strict=True):
        one["area"] = area
        if "bbox" not in one:
            one["bbox"] = box


def _no_runs(entries: Sequence[Entry], first: int) -> DataError:
    for place, one in enumerate(entries, first):
        drawn = one.get("segmentation")
        if not (
            isinstance(drawn, dict)
            and isinstance(drawn.get("counts"), str | bytes)
            and len(drawn.get("size", ())) == 2
        ):
            return DataError(
                "a result has neither a box nor a mask as compressed runs",
                where=f"result {place}, segmentation",
                seen=str(drawn)[:80],
                hint="write masks as pycocotools.mask.encode does",
            )
    return DataError("a size is two whole numbers [H, W]", where="segmentation.size")
