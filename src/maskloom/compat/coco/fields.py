"""Fields of many dicts as columns, read some thousand dicts at a time, and what is wrong with them.

A dict that was just looked at is still near; one pass over all of them for each field costs more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.compat.coco.codes import Codes
from maskloom.compat.coco.places import Places
from maskloom.errors import DataError

Entry = dict[str, Any]
_AT_ONCE = 1024
_KINDS = {"id": np.int64, "score": np.float64, "area": np.float64}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is evaluated: images, categories, and of what the overlap is.

    Args:
        images, categories: positions of their ids.
        kind: "segm", "bbox" or "boundary".
    """

    images: Places
    categories: Places
    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """Columns of the N entries whose image and category are asked for.

    Args:
        rows: (N,) their places among all.
        image, category: (N,) positions.
        numbers: "id", "score" and "area", those that were asked for.
        boxes: (N, 4), if asked for.
        codes: run-length codes, if segmentations were asked for.
    """

    rows: NDArray[np.int64]
    image: NDArray[np.int32]
    category: NDArray[np.int32]
    numbers: dict[str, NDArray[Any]]
    boxes: NDArray[np.float64] | None
    codes: Codes


def read_fields(what: str, entries: Sequence[Entry], asked: Asked, keys: Sequence[str]) -> Fields:
    """Columns of dicts.

    Args:
        what: they are, for errors.
        entries: the dicts.
        asked: images and categories.
        keys: fields beside "image_id" and "category_id".

    Raises:
        DataError: the first entry that lacks a field, or has one of another kind.
    """
    n, whole = len(entries), ("image_id", "category_id", *keys)
    places = np.empty((2, n), np.int32)
    numbers = {key: np.empty(n, _KINDS[key]) for key in keys if key in _KINDS}
    boxes = np.empty((n, 4)) if "bbox" in keys else None
    codes = Codes()
    try:
        for first in range(0, n, _AT_ONCE):
            part = entries[first : first + _AT_ONCE]
            at = slice(first, first + len(part))
            # Lists only: a tuple for each dict would set the garbage collector to work on all.
            own = {key: [one[key] for one in part] for key in whole}
            places[0, at] = asked.images.of(own["image_id"])
            places[1, at] = asked.categories.of(own["category_id"])
            for key, column in numbers.items():
                column[at] = _numbers(own[key], column.dtype)
            if boxes is not None:
                boxes[at] = _boxes(own["bbox"])
            codes.add(own.get("segmentation", ()))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _fault(what, entries, whole) from None
    rows = np.flatnonzero((places >= 0).all(axis=0))
    if len(rows) < n:
        numbers = {key: column[rows] for key, column in numbers.items()}
        boxes = None if boxes is None else boxes[rows]
        codes = codes.take(rows)
        places = places[:, rows]
    found = Fields(rows, places[0], places[1], numbers, boxes, codes)
    _check_finite(what, entries, found)
    return found


def name_of(what: str, entries: Sequence[Entry], place: int) -> str:
    """How an entry is named in errors."""
    one = entries[place]
    return f"{what} {one.get('id', place)} of image {one.get('image_id')}"


def _numbers(values: Sequence[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    allowed = (int, np.integer) if dtype.kind == "i" else (int, float, np.number)
    if any(not issubclass(kind, allowed) or kind is bool for kind in set(map(type, values))):
        raise TypeError
    return np.fromiter(values, dtype, len(values))


def _boxes(values: Sequence[Any]) -> NDArray[np.float64]:
    if not set(map(len, values)) <= {4}:
        raise ValueError
    flat = np.fromiter(chain.from_iterable(values), np.float64, 4 * len(values))
    return flat.reshape(-1, 4)


def _check_finite(what: str, entries: Sequence[Entry], found: Fields) -> None:
    columns = {key: column for key, column in found.numbers.items() if column.dtype.kind == "f"}
    if found.boxes is not None:
        columns["bbox"] = found.boxes
    for key, column in columns.items():
        finite = np.isfinite(column) if column.ndim == 1 else np.isfinite(column).all(axis=1)
        if not finite.all():
            place = int(np.flatnonzero(~finite)[0])
            raise DataError(
                f"{key} holds what is no finite number",
                where=name_of(what, entries, int(found.rows[place])),
                seen=column[place],
            )


def _fault(what: str, entries: Sequence[Any], keys: Sequence[str]) -> DataError:
    """The error about the first entry that lacks a field or has one of another kind."""
    for place, one in enumerate(entries):
        if not isinstance(one, dict):
            return DataError(f"this is no {what}", where=f"{what} {place}", seen=str(one)[:80])
        where = name_of(what, entries, place)
        for key in keys:
            if key not in one:
                return DataError(f'there is no "{key}"', where=where, seen=", ".join(sorted(one)))
            if not _fits(key, one[key]):
                return DataError(f"this is no {key}", where=where, seen=str(one[key])[:80])
    return DataError(f"a {' or '.join(keys)} cannot be read", where=f"{what}s")


def _fits(key: str, value: Any) -> bool:
    if key == "bbox":
        whole = isinstance(value, list | tuple | np.ndarray) and len(value) == 4
        return whole and all(_fits("score", one) for one in value)
    if key in ("score", "area"):
        return isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if key == "id":
        return isinstance(value, int | np.integer) and abs(int(value)) < 2**63
    return key == "segmentation" or isinstance(value, int | str | np.integer)
