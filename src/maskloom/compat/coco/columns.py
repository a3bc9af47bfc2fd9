"""From dicts of annotations and results to the columns that are evaluated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maskloom.compat.coco.fields import Asked, Entry, Fields, name_of, read_fields
from maskloom.compat.coco.frames import Frames
from maskloom.compat.coco.masks import made_texts, outline_of
from maskloom.errors import DataError
from maskloom.metrics.coco.columns import Found, ListedTexts, Shapes, Truth


def truth_columns(entries: Sequence[Entry], asked: Asked, frames: Frames, *, lvis: bool) -> Truth:
    """Annotations of the truth as columns.

    Args:
        entries: the annotations.
        asked: what is evaluated.
        frames: of the images.
        lvis: crowds are objects as others, and `ignore` is what it says. Else, as in pycocotools,
            `ignore` is what `iscrowd` says; an annotation without it is no crowd.

    Raises:
        DataError: a field that is missing or of another kind, or an id that two share.
    """
    what = "annotation"
    found = read_fields(what, entries, asked, ("id", "area", _shape(asked)))
    ids = found.numbers["id"]
    values, counts = np.unique(ids, return_counts=True)
    if len(values) < len(ids):
        twice = int(values[counts > 1][0])
        raise DataError("two annotations share an id", where="annotations", seen=twice)
    rows = found.rows.tolist()
    crowd, ignore = (
        np.array([bool(entries[i].get(key, 0)) for i in rows], np.bool_)
        for key in ("iscrowd", "ignore")
    )
    if lvis:
        crowd = np.zeros_like(crowd)
    shapes = _shapes(what, entries, found, frames)
    area = found.numbers["area"]
    return Truth(found.image, found.category, ids, area, crowd, ignore if lvis else crowd, shapes)


def annotation_columns(entries: Sequence[Entry], asked: Asked, frames: Frames) -> Found:
    """Detections that are annotations already, with ids and areas of their own."""
    what = "detection"
    found = read_fields(what, entries, asked, ("id", "score", "area", _shape(asked)))
    ids, score, area = (found.numbers[key] for key in ("id", "score", "area"))
    shapes = _shapes(what, entries, found, frames)
    return Found(found.image, found.category, ids, score, area, shapes)


def result_columns(entries: Sequence[Entry], asked: Asked, frames: Frames, *, boxed: bool) -> Found:
    """Results as they came: ids from 1, areas of boxes where the first has one, else of masks.

    Args:
        entries: all results.
        asked: what is evaluated.
        frames: of the images.
        boxed: areas are those of boxes.
    """
    what, keys = "result", ["score", _shape(asked)]
    if boxed and asked.kind != "bbox":
        keys.append("bbox")
        entries = [one if "segmentation" in one else _drawn(one) for one in entries]
    found = read_fields(what, entries, asked, keys)
    area = np.full(len(found.rows), np.nan)
    if found.boxes is not None:
        area = found.boxes[:, 2] * found.boxes[:, 3]
    shapes = _shapes(what, entries, found, frames)
    score = found.numbers["score"]
    return Found(found.image, found.category, found.rows + 1, score, area, shapes)


def _shape(asked: Asked) -> str:
    return "bbox" if asked.kind == "bbox" else "segmentation"


def _drawn(one: Entry) -> Entry:
    """A result with its box as a polygon; one without a box is told of later."""
    try:
        return {**one, "segmentation": [outline_of(one["bbox"])]}
    except (KeyError, TypeError, ValueError):
        return one


def _shapes(what: str, entries: Sequence[Entry], found: Fields, frames: Frames) -> Shapes:
    codes = found.codes
    if not codes.drawn and found.boxes is not None:
        return Shapes(boxes=found.boxes)

    def name(place: int) -> str:
        return name_of(what, entries, int(found.rows[place]))

    rows, sizes = codes.sizes(name)
    frames.meet(found.image[rows], sizes, lambda i: name(int(rows[i])))
    if len(codes.counts) == len(codes.drawn):
        return Shapes(ListedTexts(codes.counts))
    names = [name(i) for i in range(len(codes.drawn))]
    return Shapes(ListedTexts(_all_texts(codes.drawn, found.image, frames, names)))


def _all_texts(
    drawn: Sequence[object], image: NDArray[np.int32], frames: Frames, names: Sequence[str]
) -> list[str | bytes]:
    """Strings as they are, polygons and listed runs as strings, all of one frame at once."""
    texts: list[str | bytes] = [b""] * len(drawn)
    groups: dict[tuple[int, int], list[int]] = {}
    for i, (one, place) in enumerate(zip(drawn, image.tolist(), strict=True)):
        counts = one.get("counts") if isinstance(one, dict) else None
        if isinstance(counts, str | bytes):
            texts[i] = counts
        else:
            groups.setdefault(frames.drawn_in(place, names[i]), []).append(i)
    for size, rows in groups.items():
        made = made_texts([drawn[i] for i in rows], size, [names[i] for i in rows])
        for i, text in zip(rows, made, strict=True):
            texts[i] = text
    return texts
