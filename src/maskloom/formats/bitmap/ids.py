"""What the numbers of label maps mean: classes, objects, foreground, void and background.

Rules without a taxonomy, in this order: values {0, 255} alone over all files are background
and foreground; otherwise every id is a class (0 too), and 255 (65535 in maps of 16 bit) is void.
With a taxonomy that number is void, too, unless a class has it; any other number must be listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.category_names import unique_keys
from maskloom.core.labels import FULL, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.bitmap.mots import mots_labels, mots_taxonomy
from maskloom.formats.bitmap.names import read_color_table, read_names
from maskloom.formats.bitmap.numbers import flat, scanned, usual_void
from maskloom.formats.bitmap.object_ids import PNG_IDS, TIFF_IDS
from maskloom.formats.shared.maps import Color, colors_to_ids, ids_to_classes
from maskloom.formats.shared.void_classes import void_classes
from maskloom.store.images import read_map

Kind = Literal["class", "instance", "binary", "color", "mots"]
MAX_CLASSES = 65534
VOID_NAMES = frozenset({"void", "unlabelled", "unlabeled", "ignore", "unknown"})


@dataclass(frozen=True, slots=True)
class Coding:
    """How stored values become labels.

    Args:
        kind: what the numbers are.
        taxonomy: of the labels.
        ids: id → position, -1 void, -2 background.
        colors: colour → id, for colour maps.
        void: id → key of its category, of ids that void categories have.
        warnings: what was taken for granted.
        usual_void: the usual number of void is void in maps of its depth, where it is no class.
    """

    kind: Kind
    taxonomy: Taxonomy
    ids: Mapping[int, int]
    colors: Mapping[Color, int]
    warnings: tuple[str, ...] = ()
    usual_void: bool = False
    void: Mapping[int, str] = field(default_factory=dict)


def coding_of(
    options: Any,
    side: Mapping[str, Any],
    files: Sequence[Path],
    *,
    where: Path,
    read: Callable[[Path], NDArray[Any]] = read_map,
) -> Coding:
    """What the maps of a data set mean, by options, side file, or the values that occur.

    Args:
        options: `kind`, `taxonomy`, `colors`, `category` and `void`, as `bitmap` has them.
        side: what `taxonomy.json` says, or nothing.
        files: the maps.
        where: named in errors.
        read: gives the values of a map that count.

    Raises:
        FormatError: colours without a table, or more than 65,534 classes.
    """
    kind: str = options.kind
    if options.colors is not None:
        kind = "color"
    if kind == "auto":
        kind = side.get("kind", "auto")
    if kind == "color":
        return _color(options, where)
    if kind == "instance":
        return _instance(options, side, where)
    if kind == "mots":
        named = read_names(options.taxonomy) if options.taxonomy is not None else {}
        taxonomy = mots_taxonomy(named, where)
        return Coding("mots", taxonomy, taxonomy.ids("bitmap"), {})
    data, source = (
        (side, where)
        if options.taxonomy is None
        else (read_names(options.taxonomy), options.taxonomy)
    )
    if kind == "binary":
        return _binary(options, data, source)
    if data:
        return _classes(Taxonomy.from_json(data, where=source), options.void, data, source)
    numbers = scanned(files, read)
    if kind == "auto" and numbers.all <= {0, 255} and options.void is None:
        return _binary(options, {}, where)
    ids = numbers.classes(options.void, where)
    warnings = (numbers.told(options.void, ids),)
    return replace(_found(ids, void=options.void, where=where), warnings=warnings)


def decode(values: NDArray[Any], coding: Coding, *, where: Path, strict: bool = True) -> Labels:
    """Labels from stored values.

    Args:
        values: of a map.
        coding: what they mean.
        where: the file, for errors.
        strict: refuse values without a meaning; else such pixels are void, and a note counts them.

    Raises:
        FormatError: a value has no meaning.
    """
    size = (int(values.shape[0]), int(values.shape[1]))
    ids = dict(coding.ids)
    if coding.kind == "color":
        unknown = None if strict else len(coding.colors)
        values = colors_to_ids(values, coding.colors, where=where, unknown=unknown)
    if values.ndim == 3:
        values = flat(values, where)
    if coding.kind == "instance":
        return _objects(values, size, coding, where)
    if coding.kind == "mots":
        return mots_labels(values, coding.ids, size, where)
    if coding.usual_void:
        ids.setdefault(usual_void(deep=values.dtype.itemsize > 1), -1)
    extra: dict[str, Any] = {}
    if not strict and (odd := sorted(set(np.unique(values).tolist()) - set(ids))):
        ids |= dict.fromkeys(odd, -1)
        extra["notes"] = (f"{int(np.isin(values, odd).sum())} px of unknown classes are left out",)
    classes = ids_to_classes(values, ids, len(coding.taxonomy), where=where, hint=_hint(coding))
    extra |= void_classes(values, classes, coding.void)
    return Labels(size, class_map=classes, extra=extra)


def _hint(coding: Coding) -> str:
    """What to do about a value without a meaning, where names of classes are no answer."""
    return (
        "say which values are foreground with --set threshold=128"
        if coding.kind == "binary"
        else ""
    )


def _found(ids: Sequence[int], *, void: int | None, where: Path) -> Coding:
    """The ids that occur are the classes."""
    if len(ids) > MAX_CLASSES:
        raise FormatError(
            "more ids than class maps can hold",
            where=where,
            seen=len(ids),
            hint="read object ids with --set kind=instance",
        )
    taxonomy = Taxonomy(tuple(Category(str(i), str(i), "stuff", ids=(("bitmap", i),)) for i in ids))
    table = {value: i for i, value in enumerate(ids)} | ({} if void is None else {void: -1})
    return Coding("class", taxonomy, table, {}, usual_void=void is None)


def _classes(taxonomy: Taxonomy, void: int | None, data: Mapping[str, Any], source: Path) -> Coding:
    ids = taxonomy.ids("bitmap", where=source)
    table = {value: -1 if taxonomy[i].void else i for value, i in ids.items()}
    if isinstance(data.get("void_id"), int):
        table[data["void_id"]] = -1
    if isinstance(data.get("background_id"), int):
        table[data["background_id"]] = -2
    if void is not None:
        table[void] = -1
    own = {v: taxonomy[i].key for v, i in ids.items() if taxonomy[i].void}
    return Coding("class", taxonomy, table, {}, usual_void=True, void=own)


def _binary(options: Any, data: Mapping[str, Any], where: Path) -> Coding:
    if data:
        taxonomy = Taxonomy.from_json(data, where=where)
    else:
        name = options.category or "foreground"
        taxonomy = Taxonomy((Category(unique_keys([name])[0], name, "stuff"),))
    scored = taxonomy.scored
    if len(scored) != 1:
        raise FormatError(
            "binary maps have one category",
            where=where,
            seen=len(scored),
            hint="use --set kind=class",
        )
    ids = {0: -2, 1: scored[0], 255: scored[0]}
    if options.void is not None:
        ids[options.void] = -1
    return Coding("binary", taxonomy, ids, {})


def _color(options: Any, where: Path) -> Coding:
    if options.colors is None:
        raise FormatError(
            "colour maps need a colour table",
            where=where,
            hint="give --set colors=FILE with lines R G B name",
        )
    classes, ground = read_color_table(options.colors)
    colors = {color: i for i, (_, color) in enumerate(classes)}
    kept = [
        i for i, (name, _) in enumerate(classes) if name != ground or name.lower() in VOID_NAMES
    ]
    keys = unique_keys(classes[i][0] for i in kept)
    taxonomy = Taxonomy(
        tuple(
            Category(key, name, "stuff", color, void=name.lower() in VOID_NAMES)
            for key, (name, color) in zip(keys, (classes[i] for i in kept), strict=True)
        )
    )
    ids = dict.fromkeys(range(len(classes)), -2)
    ids |= {i: -1 if taxonomy[place].void else place for place, i in enumerate(kept)}
    own = {i: taxonomy[place].key for place, i in enumerate(kept) if taxonomy[place].void}
    return Coding("color", taxonomy, ids, colors, void=own)


def _instance(options: Any, side: Mapping[str, Any], where: Path) -> Coding:
    if options.taxonomy is not None:
        side = read_names(options.taxonomy)
    if side and options.category is None:
        taxonomy = Taxonomy.from_json(side, where=where)
    else:
        name = options.category or "object"
        taxonomy = Taxonomy((Category(unique_keys([name])[0], name, "thing"),))
    if len(taxonomy.scored) != 1:
        raise FormatError(
            "instance maps have one category",
            where=where,
            seen=len(taxonomy.scored),
            hint="name it with --set category=NAME",
        )
    ids = {} if options.void is None else {options.void: -1}
    return Coding("instance", taxonomy, ids, {})


def _objects(values: NDArray[Any], size: tuple[int, int], coding: Coding, where: Path) -> Labels:
    """Ids 1..n as rows of the one category; an id given as void becomes an area not covered."""
    masks, ids = Masks.from_id_map(values, background=0)
    most = PNG_IDS if where.suffix.lower() == ".png" else TIFF_IDS
    if len(ids) > most or (len(ids) and int(ids[0]) < 0):
        raise FormatError(
            f"object ids lie in 1..{most}", where=where, seen=f"{len(ids)} ids from {ids[0]}"
        )
    coverage = FULL
    void = np.isin(ids, [v for v, p in coding.ids.items() if p == -1])
    if void.any():
        coverage = Coverage(area=masks[void].merge().complement())
        masks, ids = masks[~void], ids[~void]
    category = np.full(len(ids), coding.taxonomy.scored[0], np.int32)
    return Labels(size, rows=Rows.make(masks, category, instance=ids), coverage=coverage)
