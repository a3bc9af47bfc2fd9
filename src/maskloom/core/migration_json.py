"""Migrations as JSON: what the database keeps and what the page and REST send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from maskloom.core.migrations import Migration, MigrationKind
from maskloom.core.taxonomy_json import categories_from_json, category_to_json
from maskloom.errors import TaxonomyError

_TEXTS = ("key", "name", "into")
_LISTS = ("keys", "names", "uncolored")
_NUMBERS = ("position", "undoes")
_MANY = 65_534


def migration_to_json(migration: Migration) -> dict[str, Any]:
    """Plain JSON form; empty fields are left out."""
    out: dict[str, Any] = {"kind": migration.kind}
    out |= {name: value for name in _TEXTS if (value := getattr(migration, name))}
    out |= {name: list(value) for name in _LISTS if (value := getattr(migration, name))}
    if migration.color is not None:
        out["color"] = list(migration.color)
    if migration.categories:
        out["categories"] = [category_to_json(category) for category in migration.categories]
    whole = {name: getattr(migration, name) for name in _NUMBERS}
    return out | {name: value for name, value in whole.items() if value is not None}


def migration_from_json(data: object, *, where: object = "migration") -> Migration:
    """Read `{"kind": "rename", "key": "car", "name": "Car"}`; nothing else is accepted.

    Raises:
        TaxonomyError: an unknown kind or field, or a value of a wrong type.
    """
    if not isinstance(data, Mapping) or data.get("kind") not in get_args(MigrationKind):
        raise TaxonomyError(
            "not a migration", where=where, seen=data, hint=f"kinds: {', '.join(_kinds())}"
        )
    values: dict[str, Any] = {}
    for name, value in data.items():
        values[name] = _field(name, value, f"{where}: {name}")
    return Migration(**values)


def _field(name: str, value: object, where: str) -> Any:
    if name == "kind" or (name in _TEXTS and isinstance(value, str)):
        return value
    if name in _LISTS and _is_list_of(value, str):
        return tuple(value)  # type: ignore[arg-type]
    if name == "color" and (value is None or _is_color(value)):
        return None if value is None else tuple(value)  # type: ignore[arg-type]
    if name in _NUMBERS and type(value) is int and 0 <= value < 1 << 63:
        return value
    if name == "categories" and isinstance(value, list) and len(value) <= _MANY:
        return categories_from_json({"categories": value}, where)[0]
    raise TaxonomyError("an unknown field or a value of a wrong type", where=where, seen=value)


def _is_list_of(value: object, kind: type) -> bool:
    if not isinstance(value, list) or len(value) > _MANY:
        return False
    return all(type(item) is kind for item in value)


def _is_color(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(type(item) is int and 0 <= item <= 255 for item in value)
    )


def _kinds() -> tuple[str, ...]:
    return get_args(MigrationKind)
