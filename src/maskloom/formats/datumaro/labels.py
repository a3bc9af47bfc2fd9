"""The categories of Datumaro JSON as a taxonomy and back: labels, parents, colours.

Label groups, attributes and the skeletons of points are kept. Files of one data set may
number their labels each in its own way; names join them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.datumaro.shapes import UNLABELLED
from maskloom.formats.shared.documents import taxonomy_of_names


def names_of(categories: Mapping[str, Any], path: Path) -> list[str]:
    """Names of the labels in order of their numbers; of two of one name the parent's is in front.

    Raises:
        FormatError: no list of labels, or a label without a name.
    """
    names: list[str] = []
    for i, label in enumerate(_labels(categories, path)):
        name, parent = label.get("name"), label.get("parent") or ""
        where = f"{path}: label {i}"
        if not isinstance(name, str) or not name.strip():
            raise FormatError("a label without a name", where=where, seen=name)
        if name in names and parent:
            name = f"{parent}/{name}"
        if name in names:
            raise FormatError("two labels share a name", where=where, seen=name)
        names.append(name)
    return names


def _labels(categories: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    label = categories.get("label") or {}
    listed = label.get("labels", []) if isinstance(label, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise FormatError("categories.label.labels is a list of objects", where=path, seen=listed)
    return listed


def taxonomy_of(files: Sequence[tuple[Path, Mapping[str, Any]]], *, unlabelled: bool) -> Taxonomy:
    """One taxonomy of the categories of all files.

    Args:
        files: paths and their `categories`.
        unlabelled: whether an annotation has no label.

    Raises:
        FormatError: labels that are none, or that are parts of themselves.
    """
    names: list[str] = []
    parents: dict[str, str] = {}
    colors: dict[str, tuple[int, int, int]] = {}
    for path, categories in files:
        own = names_of(categories, path)
        names += own
        for name, label in zip(own, _labels(categories, path), strict=True):
            if label.get("parent"):
                parents.setdefault(name, str(label["parent"]))
        colors = {**_colors(categories, own), **colors}
    taxonomy = taxonomy_of_names([*names, *([UNLABELLED] if unlabelled else [])], fmt="datumaro")
    keys = {name: one.key for one in taxonomy for name in (one.name, *one.aliases)}
    _refuse_cycles(parents, files)
    return replace(
        taxonomy,
        categories=tuple(
            replace(one, parent=keys.get(parents.get(one.name, "")), color=colors.get(one.name))
            for one in taxonomy
        ),
    )


def _colors(categories: Mapping[str, Any], names: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    mask = categories.get("mask")
    listed = mask.get("colormap") if isinstance(mask, dict) else None
    found: dict[str, Any] = {}
    for one in listed if isinstance(listed, list) else ():
        number, *rgb = (one.get(k) if isinstance(one, dict) else None for k in ("label_id", *"rgb"))
        if isinstance(number, int) and 0 <= number < len(names) and all(map(_is_byte, rgb)):
            found[names[number]] = (rgb[0], rgb[1], rgb[2])
    return found


def _is_byte(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255


def _refuse_cycles(
    parents: Mapping[str, str], files: Sequence[tuple[Path, Mapping[str, Any]]]
) -> None:
    for name in parents:
        seen = {name}
        above = parents.get(name)
        while above is not None:
            if above in seen:
                raise FormatError(
                    "a label is its own parent, by way of others", where=files[0][0], seen=name
                )
            seen.add(above)
            above = parents.get(above)


def categories_for(
    taxonomy: Taxonomy, kept: Mapping[str, Any], numbers: Mapping[int, int]
) -> dict[str, Any]:
    """The `categories` of files to be written.

    Args:
        taxonomy: of the data set.
        kept: the source's `categories`.
        numbers: position → label id, of the categories that are labels.
    """
    label = dict(kept.get("label") or {})
    own = {str(one.get("name")): one for one in label.get("labels") or ()}
    names = {one.key: one.name for one in taxonomy}
    labels = []
    for position in numbers:
        category = taxonomy[position]
        told = own.get(category.name, {})
        parent = names.get(category.parent or "", told.get("parent") or "")
        labels.append({"attributes": [], **told, "name": category.name, "parent": parent})
    out = {**kept, "label": {"label_groups": [], "attributes": [], **label, "labels": labels}}
    painted = [(n, taxonomy[p].color) for p, n in numbers.items() if taxonomy[p].color is not None]
    if painted:
        listed = [{"label_id": n, **dict(zip("rgb", rgb or (), strict=True))} for n, rgb in painted]
        out["mask"] = {**(kept.get("mask") or {}), "colormap": listed}
    points = out.get("points")
    if isinstance(points, Mapping) and isinstance(points.get("items"), list):
        ids = {taxonomy[position].name: number for position, number in numbers.items()}
        was = [str(one.get("name")) for one in (kept.get("label") or {}).get("labels") or ()]
        out["points"] = {**points, "items": _renumbered(points["items"], was, ids)}
    return out


def _renumbered(
    items: Sequence[Any], names: Sequence[str], ids: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Skeletons by the numbers that their labels have now; the first of labels that were joined."""
    found: dict[int, dict[str, Any]] = {}
    for one in items:
        number = one.get("label_id") if isinstance(one, Mapping) else None
        if isinstance(number, int) and 0 <= number < len(names) and names[number] in ids:
            new = ids[names[number]]
            found.setdefault(new, {**one, "label_id": new})
    return list(found.values())
