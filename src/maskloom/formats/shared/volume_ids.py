"""What the numbers of label volumes mean: classes or objects, void and background; and back.

Names come from `taxonomy.json`, a `dataset.json` of the Decathlon, a label table inside the file,
or else the ids that occur are the classes. 0 is background unless a taxonomy names it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.category_names import unique_keys
from maskloom.core.labels import Labels, Rows
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.volumes import volume_rows
from maskloom.errors import FormatError
from maskloom.formats.shared.folders import read_json
from maskloom.formats.shared.maps import ids_to_classes
from maskloom.store.volume_header import Volume
from maskloom.work.progress import track

SIDE_KINDS = {"volume-class": "class", "volume-instance": "instance"}
MAX_CLASSES = 65534
_LIKE_AN_IMAGE = 1000
_LARGEST_ID = (1 << 31) - 1
_SLOPE = 2.0**-22  # twice the spacing of 32-bit fractions, of slope and of intercept
BACKGROUND_NAMES = frozenset({"background", "clear label", "unlabeled background"})
IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class VolumeCoding:
    """How stored values become labels.

    Args:
        kind: what the numbers are.
        taxonomy: of the labels.
        ids: id → position, -1 void, -2 background.
        warnings: what was taken for granted.
    """

    kind: Literal["class", "instance"]
    taxonomy: Taxonomy
    ids: Mapping[int, int]
    warnings: tuple[str, ...] = ()


def coding_of(
    options: Any,
    side: Mapping[str, Any],
    names: Mapping[int, str],
    volumes: Iterable[Callable[[], NDArray[Any]]],
    *,
    fmt: str,
    where: Path,
) -> VolumeCoding:
    """What the numbers of a data set mean.

    Args:
        options: `kind`, `taxonomy`, `category` and `void`.
        side: a taxonomy.json, or empty.
        names: id → name of another file, or empty.
        volumes: read the label volumes, if the ids that occur must be looked for.
        fmt: whose ids those are.
        where: what to name in errors.

    Raises:
        FormatError: more ids than classes, or numbers like those of an image.
        TaxonomyError: a taxonomy that is none.
    """
    kind = options.kind if options.kind != "auto" else SIDE_KINDS.get(side.get("kind", ""), "class")
    data = side if options.taxonomy is None else read_json(options.taxonomy)
    source = where if options.taxonomy is None else options.taxonomy
    if kind == "instance":
        return _instances(options, data, source)
    if data:
        return _listed(Taxonomy.from_json(data, where=source), options.void, data, fmt)
    if names:
        return named_coding(names, fmt, void=options.void)
    values = _scan(volumes)
    if options.void is not None:
        values.discard(options.void)
    ids = sorted(values - {0})
    if ids and (ids[0] < 0 or len(ids) > _LIKE_AN_IMAGE):
        raise FormatError(
            "numbers like those of an image, not of labels",
            where=where,
            seen=f"{len(ids)} from {ids[0]} to {ids[-1]}",
            hint="name labels and images: --set from.masks=FOLDER --set from.images=FOLDER "
            "--set from.suffix=_seg; objects by from.kind=instance; classes by from.taxonomy=FILE",
        )
    found = named_coding({i: str(i) for i in ids}, fmt, void=options.void)
    text = f"no taxonomy: the numbers {_few(ids)} are taken for classes, 0 for background"
    return replace(found, warnings=(text,) if ids else ())


def named_coding(names: Mapping[int, str], fmt: str, *, void: int | None = None) -> VolumeCoding:
    """Classes by id and name; one that is called background or ignore is none."""
    ids: dict[int, int] = {}
    kept = []
    for value, name in sorted(names.items()):
        if value == 0 and name.strip().lower() in BACKGROUND_NAMES:
            continue
        kept.append((value, name))
    keys = unique_keys(name for _, name in kept)
    categories: list[Category] = []
    for key, (value, name) in zip(keys, kept, strict=True):
        hidden = name.strip().lower() == IGNORE or value == void
        ids[value] = -1 if hidden else len(categories)
        categories.append(Category(key, name, "stuff", void=hidden, ids=((fmt, value),)))
    ids.setdefault(0, -2)
    if void is not None:
        ids[void] = -1
    return VolumeCoding("class", Taxonomy(tuple(categories)), ids)


def decathlon_names(data: object, where: Path) -> dict[int, str]:
    """Id → name of the `labels` of a dataset.json, `{"1": "liver"}` or `{"liver": 1}`.

    Raises:
        FormatError: an id is no whole number, or is listed twice.
    """
    labels = data.get("labels") if isinstance(data, Mapping) else None
    if not isinstance(labels, Mapping):
        return {}
    found: dict[int, str] = {}
    for one, two in labels.items():
        value, name = (two, one) if isinstance(two, int) else (one, two)
        try:
            number = int(value)
        except (TypeError, ValueError) as error:
            raise FormatError(
                "an id that is no whole number", where=f"{where}: labels", seen=value
            ) from error
        if number in found:
            raise FormatError("an id is listed twice", where=f"{where}: labels", seen=number)
        found[number] = str(name)
    return found


def label_numbers(volume: Volume, where: Path) -> NDArray[Any]:
    """The labels of a volume as integers; see `whole_numbers`.

    A slope is stored in 32 bit, so that 10 times 0.1 is 1.00000001: what is a whole number in that
    precision is that number.
    """
    values = volume.array
    if volume.header.scale != (1.0, 0.0) and values.dtype.kind == "f":
        near = np.rint(values)
        values = np.where(np.abs(values - near) <= _SLOPE * np.abs(near), near, values)
    return whole_numbers(values, where)


def whole_numbers(values: NDArray[Any], where: Path) -> NDArray[Any]:
    """Labels as integers; fractions are refused, never cut off.

    Raises:
        FormatError: a value that is not whole, not finite, or beyond 2³¹; tells where.
    """
    if values.ndim != 3:
        raise FormatError(
            "several values per voxel",
            where=where,
            seen=values.shape[3],
            hint="store one number per voxel",
        )
    if values.dtype.kind != "f" and values.dtype.itemsize <= 4:
        return values
    found = np.empty(values.shape, np.int32)
    for z, plane in enumerate(values):
        bad = ~(np.abs(plane) <= _LARGEST_ID)
        if plane.dtype.kind == "f":
            bad |= plane != np.rint(plane)
        if bad.any():
            y, x = np.argwhere(bad)[0].tolist()
            raise FormatError(
                f"a label that is no whole number up to 2³¹ at x={x}, y={y}, z={z}",
                where=where,
                seen=plane[y, x],
                hint="these may be probabilities or an image; threshold or round them first",
            )
        found[z] = plane
    return found


def decode(values: NDArray[Any], coding: VolumeCoding, *, where: Path) -> Labels:
    """Labels from whole numbers (D, H, W).

    Raises:
        FormatError: an id that the taxonomy does not have.
    """
    if coding.kind == "class":
        classes = ids_to_classes(values, coding.ids, len(coding.taxonomy), where=where)
        return Labels(values.shape, class_map=classes)
    masks, ids, planes = volume_rows(values)
    keep = np.flatnonzero(ids != 0)
    if len(keep) and int(ids[keep].min()) < 0:
        raise FormatError("object ids are 1 and more", where=where, seen=int(ids[keep].min()))
    category = np.full(len(keep), coding.taxonomy.scored[0], np.int32)
    rows = Rows.make(masks[keep], category, instance=ids[keep], plane=planes[keep])
    return Labels(values.shape, rows=rows)


def numbers_of(taxonomy: Taxonomy, fmt: str) -> tuple[dict[int, int], int, int]:
    """Position → id, the id of void, the id of background.

    Ids are the format's own where they have any, else those from where the labels came, else
    1, 2, ... Background is 0 unless a class of the format's own has it.
    """
    ids = {i: _own_id(taxonomy[i], fmt) for i in taxonomy.scored}
    taken = list(ids.values())
    own_zero = any((fmt, 0) in taxonomy[i].ids for i in ids)
    fits = all(v is not None and 0 <= v < _LARGEST_ID for v in taken)
    if not fits or len(set(taken)) < len(taken) or (0 in taken and not own_zero):
        ids = {position: n for n, position in enumerate(taxonomy.scored, start=1)}
    numbers = {position: int(value) for position, value in ids.items() if value is not None}
    used = set(numbers.values())
    void = next((v for c in taxonomy if c.void and (v := _own_id(c, fmt)) is not None), None)
    if void is None or void in used or void <= 0:
        void = next(v for v in itertools.count(255) if v not in used)
    background = next(v for v in itertools.count() if v not in used and v != void)
    return numbers, void, background


def _own_id(category: Category, fmt: str) -> int | None:
    own = dict(category.ids)
    return own.get(fmt, next(iter(own.values()), None))


def _scan(volumes: Iterable[Callable[[], NDArray[Any]]]) -> set[int]:
    values: set[int] = set()
    for read in track(list(volumes), "looking at ids", unit="volumes"):
        for plane in read():
            values.update(_values(plane))
    return values


def _values(plane: NDArray[Any]) -> list[int]:
    """The numbers that occur; most planes of most volumes hold one."""
    low, high = int(plane.min()), int(plane.max())
    return [low] if low == high else [int(v) for v in np.unique(plane).tolist()]


def _listed(
    taxonomy: Taxonomy, void: int | None, data: Mapping[str, Any], fmt: str
) -> VolumeCoding:
    ids = {
        value: -1 if taxonomy[position].void else position
        for value, position in taxonomy.ids(fmt).items()
    }
    if isinstance(data.get("void_id"), int):
        ids[data["void_id"]] = -1
    if isinstance(data.get("background_id"), int):
        ids[data["background_id"]] = -2
    ids.setdefault(0, -2)
    if void is not None:
        ids[void] = -1
    return VolumeCoding("class", taxonomy, ids)


def _instances(options: Any, data: Mapping[str, Any], where: Path) -> VolumeCoding:
    if data and options.category is None:
        taxonomy = Taxonomy.from_json(data, where=where)
    else:
        name = options.category or "object"
        taxonomy = Taxonomy((Category(unique_keys([name])[0], name, "thing"),))
    if len(taxonomy.scored) != 1:
        raise FormatError(
            "volumes of object ids have one category",
            where=where,
            seen=len(taxonomy.scored),
            hint="name it with --set category=NAME",
        )
    return VolumeCoding("instance", taxonomy, {})


def _few(ids: list[int]) -> str:
    shown = ", ".join(map(str, ids[:8]))
    return f"{shown}, ... ({len(ids)})" if len(ids) > 8 else shown
