"""Categories for new names: keys that were never used, free ids, a colour that nobody has."""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from maskloom.core.category_names import folded, refuse_alike, unique_keys
from maskloom.core.taxonomy import Category, Kind, Taxonomy, color_by_position
from maskloom.errors import TaxonomyError

if TYPE_CHECKING:
    from maskloom.core.migrations import Migration

_LONGEST_NAME = 200
_KEY = re.compile(r"[a-z0-9._-]{1,64}")
_LARGEST_ID = 253  # of 8-bit maps; above lie the codes of background and void


def new_categories(
    taxonomy: Taxonomy, migration: Migration, earlier: Sequence[Category]
) -> tuple[Category, ...]:
    """What an `add` or a `split` brings in.

    Args:
        taxonomy: before it.
        migration: names, and for `add` perhaps key and colour.
        earlier: categories that are gone; their keys and ids stay taken.

    Raises:
        TaxonomyError: a name that cannot be or that another category has, perhaps spelt
            otherwise, or the category to split is unknown.
    """
    split = migration.kind == "split"
    names = migration.names if split else (migration.name,)
    if split and len(names) < 2:
        raise TaxonomyError("a split makes two categories or more", where=migration.key)
    for name in names:
        refuse_bad_name(name)
        refuse_alike(taxonomy, name)
    if len(set(map(folded, names))) < len(names):
        raise TaxonomyError("two categories share a name", where=migration.key, seen=names)
    taken = [*taxonomy.keys, *(c.key for c in earlier)]
    # 48 leaves room for a number
    keys = unique_keys((name[:48] for name in names), taken=taken)
    if migration.key and not split:
        keys = [migration.key]
    kind: Kind = next((c.kind for c in taxonomy if not c.void), "thing")
    like = taxonomy[taxonomy.index(migration.key)] if split else Category("like", "like", kind)
    out: list[Category] = []
    for key, name in zip(keys, names, strict=True):
        category = replace(like, key=key, name=name, color=None, aliases=(), ids=(), retired=False)
        category = _with_free_ids(category, [*taxonomy, *earlier, *out])
        color = migration.color or _free_color(taxonomy, out, at_end=not split)
        out.append(replace(category, color=color))
    return tuple(out)


def refuse_reused(
    categories: Iterable[Category], earlier: Sequence[Category], merged: Container[str] = ()
) -> None:
    """Names and keys that cannot be, and keys that mean or meant something else.

    Args:
        categories: that are to be new.
        earlier: categories that are gone.
        merged: keys that are read as another one now.

    Raises:
        TaxonomyError: there is one.
    """
    for category in categories:
        refuse_bad_name(category.name)
        if not _KEY.fullmatch(category.key):
            raise TaxonomyError(
                "not a key", seen=category.key, hint="use a-z, 0-9, `-`, `_`, `.`, at most 64"
            )
        if category.key in merged:
            raise TaxonomyError(
                "labels of this key are read as another category, into which it was merged",
                seen=category.key,
                hint="undo the merge, or give the category another key",
            )
        versions = [c for c in earlier if c.key == category.key]
        if versions and category not in versions:
            raise TaxonomyError(
                "the key belonged to another category once; keys are never reused",
                seen=category.key,
            )


def refuse_bad_name(name: str) -> None:
    """Names are one line of text.

    Raises:
        TaxonomyError: it is empty, too long or holds control characters.
    """
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise TaxonomyError(
            "not a name for a category",
            seen=name,
            hint=f"use 1 to {_LONGEST_NAME} printable characters",
        )


def _with_free_ids(category: Category, others: Sequence[Category]) -> Category:
    """An id in every format in which others have one; without it a writer renumbers them all."""
    for fmt in sorted({name for other in others for name, _ in other.ids}):
        taken = {other.id_in(fmt) for other in others}
        classes = [v for o in others if not o.void and (v := o.id_in(fmt)) is not None]
        low = [v for v in classes if v < _LARGEST_ID]
        value = 1 + max(low, default=max(classes, default=-1))
        while value in taken:
            value += 1
        category = category.with_id(fmt, value)
    return category


def _free_color(
    taxonomy: Taxonomy, more: Sequence[Category], *, at_end: bool
) -> tuple[int, int, int] | None:
    """None where the colour by position is free and stays, else the next that nobody shows."""
    shown = {*taxonomy.colors(), *(c.color for c in more)}
    position = len(taxonomy) + len(more)
    if at_end and color_by_position(position) not in shown:
        return None
    free = (color_by_position(i) for i in itertools.count(position))
    return next(color for color in free if color not in shown)
