"""From dicts of annotations and results to the columns that are evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.compat.coco.frames import Frames
from maskloom.compat.coco.masks import made_texts
from maskloom.errors import DataError
from maskloom.metrics.coco.columns import Found, ListedTexts, Shapes, Truth

Entry = dict[str, Any]
_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is evaluated: places of image and category ids, and of what the overlap is.

    Args:
        images, categories: id → position.
        kind: "segm", "bbox" or "boundary".
    """

    images: Mapping[Any, int]
    categories: Mapping[Any, int]
    kind: str


def truth_columns(entries: Sequence[Entry], asked: Asked, frames: Frames) -> Truth:
    """Annotations of the truth as columns.

    `ignore` is what `iscrowd` says, as in pycocotools; one without it is no crowd.

    Raises:
        DataError: a field that is missing or of another kind, or an id that two share.
    """
    image, category, entries = _chosen("annotation", entries, asked)
    ids = _whole("annotation", entries, "id")
    if len(np.unique(ids)) < len(ids):
        values, counts = np.unique(ids, return_counts=True)
        raise DataError(
            "two annotations share an id", where="annotations", seen=values[counts > 1][0]
        )
    area = _numbers("annotation", entries, "area")
    crowd = np.array([bool(one.get("iscrowd", 0)) for one in entries], np.bool_)
    shapes = _shapes("annotation", entries, image, asked.kind, frames)
    return Truth(image, category, ids, area, crowd, crowd, shapes)


def annotation_columns(entries: Sequence[Entry], asked: Asked, frames: Frames) -> Found:
    """Detections that are annotations already, with ids and areas of their own."""
    image, category, entries = _chosen("detection", entries, asked)
    ids = _whole("detection", entries, "id")
    score, area = (_numbers("detection", entries, key) for key in ("score", "area"))
    shapes = _shapes("detection", entries, image, asked.kind, frames)
    return Found(image, category, ids, score, area, shapes)


def result_columns(entries: Sequence[Entry], asked: Asked, frames: Frames, *, boxed: bool) -> Found:
    """Results as they came: ids from 1, areas of boxes where the first has one, else of masks.

    Args:
        entries: all results.
        asked: what is evaluated.
        frames: of the images.
        boxed: areas are those of boxes.
    """
    image, category = _places("result", entries, asked)
    ids = np.arange(1, len(entries) + 1)
    chosen = np.flatnonzero((image >= 0) & (category >= 0))
    if len(chosen) < len(entries):
        entries = [entries[i] for i in chosen.tolist()]
        image, category, ids = image[chosen], category[chosen], ids[chosen]
    score = _numbers("result", entries, "score")
    area = np.full(len(entries), np.nan)
    if boxed:
        boxes = _boxes("result", entries)
        area = boxes[:, 2] * boxes[:, 3]
        if asked.kind == "bbox":
            return Found(image, category, ids, score, area, Shapes(boxes=boxes))
        entries = [one if "segmentation" in one else _drawn(one) for one in entries]
    shapes = _shapes("result", entries, image, asked.kind, frames)
    return Found(image, category, ids, score, area, shapes)


def _drawn(one: Entry) -> Entry:
    x, y, width, height = one["bbox"]
    right, bottom = x + width, y + height
    return {**one, "segmentation": [[x, y, x, bottom, right, bottom, right, y]]}


def _chosen(
    what: str, entries: Sequence[Entry], asked: Asked
) -> tuple[NDArray[np.int32], NDArray[np.int32], Sequence[Entry]]:
    """Places of image and category, and the entries that have both."""
    image, category = _places(what, entries, asked)
    chosen = np.flatnonzero((image >= 0) & (category >= 0))
    if len(chosen) == len(entries):
        return image, category, entries
    return image[chosen], category[chosen], [entries[i] for i in chosen.tolist()]


def _places(
    what: str, entries: Sequence[Entry], asked: Asked
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    n = len(entries)
    image, category = np.empty(n, np.int32), np.empty(n, np.int32)
    of_image, of_category = asked.images.get, asked.categories.get
    try:
        for first in range(0, n, _AT_ONCE):
            part = entries[first : first + _AT_ONCE]
            last = first + len(part)
            image[first:last] = [of_image(one["image_id"], -1) for one in part]
            category[first:last] = [of_category(one["category_id"], -1) for one in part]
    except (KeyError, TypeError):
        raise _fault(what, entries, ("image_id", "category_id")) from None
    return image, category


def _numbers(what: str, entries: Sequence[Entry], key: str) -> NDArray[np.float64]:
    """A column of finite numbers."""
    try:
        values = np.array([one[key] for one in entries], np.float64).reshape(len(entries))
    except (KeyError, TypeError, ValueError):
        raise _fault(what, entries, (key,)) from None
    finite = np.isfinite(values)
    if not finite.all():
        place = int(np.flatnonzero(~finite)[0])
        raise DataError(
            f"a {key} is a finite number", where=_name(what, entries, place), seen=values[place]
        )
    return values


def _whole(what: str, entries: Sequence[Entry], key: str) -> NDArray[np.int64]:
    try:
        values = np.array([one[key] for one in entries])
    except KeyError:
        raise _fault(what, entries, (key,)) from None
    if len(values) and (values.dtype.kind not in "iu" or values.ndim != 1):
        raise DataError(f"an {key} is a whole number", where=f"{what}s", seen=entries[0][key])
    return values.astype(np.int64)


def _boxes(what: str, entries: Sequence[Entry]) -> NDArray[np.float64]:
    """Boxes (N, 4) x, y, width, height."""
    try:
        flat = np.fromiter(chain.from_iterable(one["bbox"] for one in entries), np.float64)
        if any(len(one["bbox"]) != 4 for one in entries):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise _fault(what, entries, ("bbox",)) from None
    boxes = flat.reshape(-1, 4)
    finite = np.isfinite(boxes).all(axis=1)
    if not finite.all():
        place = int(np.flatnonzero(~finite)[0])
        where = f"{_name(what, entries, place)}, bbox"
        raise DataError("a box is four finite numbers", where=where, seen=boxes[place].tolist())
    return boxes


def _shapes(
    what: str, entries: Sequence[Entry], image: NDArray[np.int32], kind: str, frames: Frames
) -> Shapes:
    if kind == "bbox":
        return Shapes(boxes=_boxes(what, entries))
    try:
        drawn = [one["segmentation"] for one in entries]
    except KeyError:
        raise _fault(what, entries, ("segmentation",)) from None
    coded = np.fromiter((type(one) is dict for one in drawn), np.bool_, len(drawn))
    rows = None if coded.all() else np.flatnonzero(coded)
    runs = drawn if rows is None else [drawn[i] for i in rows.tolist()]

    def name(place: int) -> str:
        return _name(what, entries, place if rows is None else int(rows[place]))

    try:
        texts: list[Any] = [one["counts"] for one in runs]
        sizes = np.fromiter(
            chain.from_iterable([one["size"] for one in runs]), np.int64, 2 * len(runs)
        ).reshape(-1, 2)
    except (KeyError, TypeError, ValueError):
        raise _no_runs(runs, name) from None
    frames.meet(image if rows is None else image[rows], sizes, name)
    if rows is None and set(map(type, texts)) <= {str, bytes}:
        return Shapes(ListedTexts(texts))
    return Shapes(ListedTexts(_all_texts(what, entries, drawn, image, frames)))


def _all_texts(
    what: str,
    entries: Sequence[Entry],
    drawn: Sequence[Any],
    image: NDArray[np.int32],
    frames: Frames,
) -> list[str | bytes]:
    """Strings as they are, polygons and listed runs as strings, all of one frame at once."""
    texts: list[str | bytes] = [b""] * len(drawn)
    groups: dict[tuple[int, int], list[int]] = {}
    for i, (one, place) in enumerate(zip(drawn, image.tolist(), strict=True)):
        counts = one.get("counts") if isinstance(one, dict) else None
        if isinstance(counts, str | bytes):
            texts[i] = counts
        else:
            size = frames.drawn_in(place, lambda i=i: _name(what, entries, i))  # type: ignore[misc]
            groups.setdefault(size, []).append(i)
    for size, rows in groups.items():
        names = [entries[i].get("id", i) for i in rows]
        made = made_texts([drawn[i] for i in rows], size, names)
        for i, text in zip(rows, made, strict=True):
            texts[i] = text
    return texts


def _name(what: str, entries: Sequence[Entry], place: int) -> str:
    one = entries[place]
    return f"{what} {one.get('id', place)} of image {one.get('image_id')}"


def _fault(what: str, entries: Sequence[Any], keys: Sequence[str]) -> DataError:
    """The error about the first entry that lacks a field or has one of another kind."""
    for place, one in enumerate(entries):
        if not isinstance(one, dict):
            return DataError(f"no {what}", where=f"{what} {place}", seen=str(one)[:80])
        for key in keys:
            if key not in one:
                return DataError(
                    f'there is no "{key}"', where=_name(what, entries, place), seen=sorted(one)
                )
            if not _fits(key, one[key]):
                return DataError(
                    f"this is no {key}", where=_name(what, entries, place), seen=str(one[key])[:80]
                )
    return DataError(f"a {' or '.join(keys)} cannot be read", where=f"{what}s")


def _fits(key: str, value: object) -> bool:
    if key == "bbox":
        return isinstance(value, list | tuple | np.ndarray) and len(value) == 4
    if key in ("score", "area"):
        return isinstance(value, int | float | np.number)
    return isinstance(value, int | str | np.integer)


def _no_runs(runs: Sequence[Any], name: Callable[[int], str]) -> DataError:
    for place, one in enumerate(runs):
        size = one.get("size")
        whole = isinstance(size, list | tuple) and len(size) == 2
        if "counts" not in one or not whole or not all(isinstance(n, int) for n in size):
            return DataError(
                'runs have "counts" and a "size" of two whole numbers [H, W]',
                where=f"{name(place)}, segmentation",
                seen=str(one)[:80],
            )
    return DataError("a size is two whole numbers [H, W]", where="segmentation.size")
