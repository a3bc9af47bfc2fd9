"""Categories to JSON and back: the form of `--taxonomy FILE`, model.json and taxonomy.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from maskloom.core.category_names import unique_keys
from maskloom.core.taxonomy import ANY_FORMAT, Attribute, Category
from maskloom.errors import TaxonomyError


def categories_from_json(data: object, where: object) -> tuple[tuple[Category, ...], int]:
    """(categories, revision) of `{"categories": [...], "void": ..., "revision": ...}`.

    Raises:
        TaxonomyError: the object is not of this form.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("categories"), list):
        raise TaxonomyError(
            'no list "categories"',
            where=where,
            seen=type(data).__name__,
            hint='write {"categories": [{"id": 0, "name": "sky"}, ...], "void": 11}',
        )
    entries = data["categories"]
    names = []
    for i, entry in enumerate(entries):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            raise TaxonomyError(
                "a category without a name", where=f"{where}: categories[{i}]", seen=entry
            )
        names.append(entry["name"])
    own = [str(entry["key"]) if entry.get("key") else None for entry in entries]
    open_names = [name for name, key in zip(names, own, strict=True) if key is None]
    invented = iter(unique_keys(open_names, taken=[key for key in own if key is not None]))
    keys = [next(invented) if key is None else key for key in own]
    categories = [_category(k, e, where) for k, e in zip(keys, entries, strict=True)]
    void = data.get("void")
    void_ids = void if isinstance(void, list) else [] if void is None else [void]
    revision = data.get("revision", 0)
    if type(revision) is not int:
        raise TaxonomyError('"revision" is not a whole number', where=where, seen=revision)
    return tuple(_mark_void(categories, void_ids, where)), revision


def category_to_json(category: Category) -> dict[str, Any]:
    """Plain JSON form of one category; empty fields are left out."""
    out: dict[str, Any] = {"key": category.key, "name": category.name, "kind": category.kind}
    if category.color is not None:
        out["color"] = list(category.color)
    for name in ("void", "aliases", "parent", "whole", "retired"):
        if value := getattr(category, name):
            out[name] = list(value) if isinstance(value, tuple) else value
    if category.attributes:
        out["attributes"] = [
            {"name": a.name, "type": a.type, "choices": list(a.choices)}
            for a in category.attributes
        ]
    if category.ids:
        out["ids"] = dict(category.ids)
    return out


def _category(key: str, entry: Mapping[str, Any], where: object) -> Category:
    ids = dict(entry.get("ids", {}))
    if "id" in entry:
        ids[ANY_FORMAT] = entry["id"]
    kind = entry.get("kind", "thing" if entry.get("isthing", 1) else "stuff")
    color = entry.get("color")
    if kind not in ("thing", "stuff") or not all(type(v) is int for v in ids.values()):
        raise TaxonomyError(
            "a category with a wrong kind or id",
            where=f"{where}: {key}",
            seen=entry,
            hint='"kind" is thing or stuff, an id a whole number',
        )
    if color is not None and (
        len(color) != 3 or not all(type(v) is int and 0 <= v <= 255 for v in color)
    ):
        raise TaxonomyError(
            "a colour is not three numbers 0..255", where=f"{where}: {key}", seen=color
        )
    return Category(
        key=key,
        name=entry["name"],
        kind=kind,
        color=None if color is None else (color[0], color[1], color[2]),
        void=bool(entry.get("void", False)),
        aliases=tuple(entry.get("aliases", ())),
        parent=entry.get("parent"),
        whole=entry.get("whole"),
        attributes=tuple(
            Attribute(a["name"], a.get("type", "text"), tuple(a.get("choices", ())))
            for a in entry.get("attributes", ())
        ),
        ids=tuple(sorted(ids.items())),
        retired=bool(entry.get("retired", False)),
    )


def _mark_void(categories: list[Category], void_ids: list[Any], where: object) -> list[Category]:
    for value in void_ids:
        if type(value) is not int:
            raise TaxonomyError('"void" is not an id or a list of ids', where=where, seen=value)
        for position, category in enumerate(categories):
            if category.id_in(ANY_FORMAT) == value:
                categories[position] = replace(category, void=True)
                break
        else:
            taken = {c.key for c in categories}
            key = "void" if "void" not in taken else f"void-{value}"
            categories.append(Category(key, key, "stuff", void=True, ids=((ANY_FORMAT, value),)))
    return categories
