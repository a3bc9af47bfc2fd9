"""ADE20K of 2020 and 2021: objects and parts of X.json, each with a mask of its own.

In a mask 255 is visible and 128 hidden by others; X_seg.png says which pixels are labelled.

Source: ADE20K_2021_17_01, README and the example in its repository.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.masks import Masks
from maskloom.errors import DataError, FormatError
from maskloom.formats.ade20k.objects import AdeFiles, AdeObject, lenient_text, read_coded
from maskloom.formats.shared.maps import check_size
from maskloom.formats.tags import tags_of_pairs
from maskloom.store.files import safe_join
from maskloom.store.images import read_map

HIDDEN = 128
_MOST = (1 << 31) - 1
_INTERPRETED = frozenset({"name", "instance_mask", "attributes", "occluded"})


def read_entries(path: Path) -> list[Mapping[str, Any]]:
    """The checked objects of a JSON file, in order; raises as `read_annotation`."""
    return read_annotation(path)[0]


def read_annotation(path: Path) -> tuple[list[Mapping[str, Any]], dict[str, str]]:
    """The checked objects of a JSON file, in order, and the tags of its image: the scene.

    Raises:
        FormatError: it does not parse, or an object lacks its id, name or level.
    """
    try:
        data = json.loads(lenient_text(path), strict=False)
    except (json.JSONDecodeError, RecursionError) as error:
        raise FormatError("not valid JSON", where=path, seen=error, hint="copy it again") from error
    inner = data.get("annotation") if isinstance(data, dict) else None
    listed = inner.get("object") if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(listed, list):
        raise FormatError('no list "object" in "annotation"', where=path)
    ids = set()
    for n, one in enumerate(listed):
        place = f"{path}: object[{n}]"
        if not isinstance(one, dict) or not _is_id(one.get("id")):
            raise FormatError("an object without a whole id", where=place, seen=one)
        if one["id"] in ids:
            raise FormatError("an id is listed twice", where=f"{place}, id", seen=one["id"])
        ids.add(one["id"])
        if not isinstance(one.get("name"), str) or not one["name"].strip():
            raise FormatError("an object without a name", where=f"{place}, name", seen=one)
        parts = one.get("parts")
        if not isinstance(parts, dict) or type(parts.get("part_level")) is not int:
            raise FormatError("no whole part_level", where=f"{place}, parts", seen=parts)
    return listed, tags_of_pairs([("scene", inner.get("scene"))])


def read_objects(
    files: AdeFiles, expected: tuple[int, int] | None, *, parts: bool, strict: bool
) -> tuple[list[AdeObject], NDArray[np.bool_], list[str]]:
    """The objects of an image, the pixels that are labelled, and what was left out.

    Args:
        files: of the image.
        expected: (H, W) of the image, if it is at hand.
        parts: read parts, too.
        strict: refuse objects with a bad mask; else they are left out.

    Raises:
        DataError: a mask is absent or damaged, of another size, or leads out of the folder.
    """
    _, ranks = read_coded(files.maps, expected)
    labelled = ranks > 0
    found: list[AdeObject] = []
    notes: list[str] = []
    for n, one in enumerate(read_entries(files.facts)):
        level = int(one["parts"]["part_level"])
        if level and not parts:
            continue
        try:
            found.append(_object(one, level, files.facts, labelled.shape, n))
        except DataError as error:
            if strict:
                raise
            notes.append(f"left out: {error.message}")
    present = {one.number for one in found}
    found = [_orphaned(one) if one.parent not in present else one for one in found]
    seen = np.zeros(labelled.shape, np.bool_)
    for item in found:
        if item.level == 0:
            item.mask.paint(seen, [1])
    if differ := int(np.count_nonzero(seen != labelled)):
        notes.append(
            f"{differ} px are visible in the masks and not in {files.maps.name}, or reverse"
        )
    return found, labelled, notes


def _object(
    one: Mapping[str, Any], level: int, path: Path, size: tuple[int, ...], n: int
) -> AdeObject:
    place = f"{path}: object[{n}]"
    name = one.get("instance_mask")
    if not isinstance(name, str):
        raise FormatError("an object without a mask", where=f"{place}, instance_mask", seen=name)
    file = safe_join(path.parent, name)
    values = read_map(file)
    if values.ndim != 2:
        raise FormatError("an object's mask has colours", where=file, seen=values.shape)
    check_size(file, values.shape, (size[0], size[1]))
    hidden = Masks.from_dense(values == HIDDEN)
    whole = one["parts"].get("ispartof")
    parent = whole[0] if isinstance(whole, list) and whole else whole
    source = {key: value for key, value in one.items() if key not in _INTERPRETED}
    return AdeObject(
        one["id"] + 1,
        one["name"].strip(),
        level,
        Masks.from_dense((values != 0) & (values != HIDDEN)),
        parent + 1 if _is_id(parent) else -1,
        hidden if hidden.areas[0] else None,
        _attributes(one),
        source,
    )


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MOST


def _attributes(one: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes that are listed are true; whether an object is occluded may be left open."""
    listed = one.get("attributes")
    names = [listed] if isinstance(listed, str) else listed if isinstance(listed, list) else []
    found: dict[str, Any] = {str(name): True for name in names if str(name).strip()}
    said = one.get("occluded")
    return {"occluded": said == "yes", **found} if said in ("yes", "no") else found


def _orphaned(one: AdeObject) -> AdeObject:
    """An object whose whole is not there."""
    return AdeObject(
        one.number, one.name, one.level, one.mask, -1, one.hidden, one.attributes, one.source
    )
