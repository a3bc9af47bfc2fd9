"""What each kind of migration does to the list of categories.

Steps get completed migrations and leave colours to `migrations.py`, where a caller begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from maskloom.core.category_names import folded, refuse_alike
from maskloom.core.new_categories import refuse_bad_name
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import TaxonomyError

if TYPE_CHECKING:
    from maskloom.core.migrations import Migration


def _one(taxonomy: Taxonomy, key: str, change: Callable[[Category], Category]) -> list[Category]:
    position = taxonomy.index(key)
    out = list(taxonomy)
    out[position] = change(out[position])
    return out


def _add(taxonomy: Taxonomy, step: Migration) -> list[Category]:
    out = list(taxonomy)
    at = len(out) if step.position is None else min(step.position, len(out))
    out[at:at] = step.categories
    return out


def _rename(taxonomy: Taxonomy, step: Migration) -> list[Category]:
    refuse_bad_name(step.name)
    if step.undoes is None:  # what an import brought in may get its spelling back
        refuse_alike(taxonomy, step.name, but=step.key)
    return _one(taxonomy, step.key, lambda c: replace(c, name=step.name))


def _recolor(taxonomy: Taxonomy, step: Migration) -> list[Category]:
    return _one(taxonomy, step.key, lambda c: replace(c, color=step.color))


def _reorder(taxonomy: Taxonomy, step: Migration) -> list[Category]:
    return [taxonomy[taxonomy.index(key)] for key in step.keys]


def _retire(taxonomy: Taxonomy, step: Migration) -> list[Category]:
    retired = step.kind == "retire"
    return _one(taxonomy, step.key, lambda c: replace(c, retired=retired))


def _remove(taxonomy: Taxonomy, step: Migration) -> list[Category]:
    gone = {taxonomy.index(key) for key in step.keys or (step.key,)}
    return [c for position, c in enumerate(taxonomy) if position not in gone]


def _merge(taxonomy: Taxonomy, step: Migration) -> list[Category]:
    source, target = (taxonomy[taxonomy.index(key)] for key in (step.key, step.into))
    if source is target:
        raise TaxonomyError("a category cannot be merged into itself", seen=step.key)
    if source.void and not target.void:
        raise TaxonomyError(
            "void pixels are not told apart and cannot become a class",
            where=source.key,
            seen=target.key,
            hint="merge the other way round",
        )
    if target.retired and not source.retired:
        raise TaxonomyError("the target is retired", seen=target.key, hint="restore it first")
    names = (*target.aliases, *_other_names(source, target))
    return [
        replace(_relinked(c, source, target), aliases=names if c is target else c.aliases)
        for c in taxonomy
        if c is not source
    ]


def _relinked(category: Category, source: Category, target: Category) -> Category:
    """Parts and kinds of what was merged away are those of the target."""
    new = None if category is target else target.key
    parent = new if category.parent == source.key else category.parent
    whole = new if category.whole == source.key else category.whole
    return replace(category, parent=parent, whole=whole)


def _other_names(source: Category, target: Category) -> list[str]:
    """What files may call the source, so that they still find it, in its very spelling."""
    known = {target.name, *target.aliases}
    found = [name for name in (source.name, *source.aliases) if name not in known]
    if folded(source.key) not in map(folded, (target.key, *known, *found)):
        found.insert(1 if source.name in found else 0, source.key)
    return found


def _unmerge(taxonomy: Taxonomy, step: Migration) -> list[Category]:
    before = {c.key: c for c in step.categories}
    colors = {c.key: c.color for c in taxonomy}
    out = [replace(before.get(c.key, c), color=colors[c.key]) for c in taxonomy]
    if step.key not in before or step.key in colors:
        raise TaxonomyError("the category was not merged away", seen=step.key)
    out.insert(len(out) if step.position is None else step.position, before[step.key])
    return out


def _split(taxonomy: Taxonomy, step: Migration) -> list[Category]:
    position = taxonomy.index(step.key)
    old = taxonomy[position]
    if old.void:
        raise TaxonomyError("void pixels are not told apart and cannot be split", seen=old.key)
    out = list(taxonomy)
    out[position : position + 1] = [replace(old, retired=True), *step.categories]
    return out


APPLY: dict[str, Callable[[Taxonomy, Migration], list[Category]]] = {
    "add": _add,
    "rename": _rename,
    "recolor": _recolor,
    "reorder": _reorder,
    "merge": _merge,
    "split": _split,
    "retire": _retire,
    "remove": _remove,
    "restore": _retire,
    "unmerge": _unmerge,
}
