"""Changes of a taxonomy as data: applied, inverted and resolved without touching a label.

Pure functions over `Taxonomy`. Labels name categories by key, so no migration rewrites them: a
key that was merged away is resolved on reading. Recording migrations, counting what they affect
and undoing them is `store/project/taxonomies.py`; their JSON form is `migration_json.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from maskloom.core.migration_steps import APPLY
from maskloom.core.new_categories import new_categories, refuse_reused
from maskloom.core.taxonomy import Category, Taxonomy, color_by_position
from maskloom.errors import TaxonomyError

MigrationKind = Literal[
    "add", "rename", "recolor", "reorder", "merge", "split", "retire",
    "remove", "restore", "unmerge",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Migration:
    """One change of a taxonomy.

    Args:
        kind: add, rename, recolor, reorder, merge, split or retire; their inverses remove (of an
            added category that no label uses), restore (of a retired one) and unmerge (of a
            merged one that no label used).
        key: the category that changes; of `add` the new one's, made from the name if empty.
        name: the new name (add, rename).
        color: RGB (add, recolor); None is the one by position.
        into: the category that `key` becomes (merge).
        keys: the new order (reorder), those not listed follow in their present order; or all that
            go (remove).
        names: names of the new categories (split).
        categories: whole definitions: what is added, split off, or as before (unmerge).
        position: where a category is inserted; None is the end.
        uncolored: keys whose colour was fixed by the change that this one undoes.
        undoes: number of that change in the project; None of a change of its own.
    """

    kind: MigrationKind
    key: str = ""
    name: str = ""
    color: tuple[int, int, int] | None = None
    into: str = ""
    keys: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    position: int | None = None
    uncolored: tuple[str, ...] = ()
    undoes: int | None = None


def migrate(
    taxonomy: Taxonomy, migration: Migration, *, earlier: Iterable[Category] = ()
) -> Taxonomy:
    """The taxonomy after one change.

    A colour by position would change with the position, so categories that move keep the colour
    that they had.

    Args:
        taxonomy: stays as it is.
        migration: what to change.
        earlier: categories that were removed or merged before; their keys and ids stay taken.

    Raises:
        TaxonomyError: an unknown, reused or clashing key or name, or nothing would change.
    """
    step = complete(taxonomy, migration, earlier=earlier)
    changed = Taxonomy(tuple(APPLY[step.kind](taxonomy, step)), taxonomy.revision)
    out = _with_steady_colors(taxonomy, changed, step)
    if out == taxonomy:
        raise TaxonomyError(f"this {step.kind} changes nothing", seen=step.key or step.keys)
    return out


def complete(
    taxonomy: Taxonomy,
    migration: Migration,
    *,
    earlier: Iterable[Category] = (),
    moves: Iterable[Migration] = (),
) -> Migration:
    """The migration with keys, ids and order written out, so that it means the same for ever.

    Args:
        taxonomy: before the migration.
        migration: as somebody asks for it.
        earlier: as for `migrate`.
        moves: merges and their inverses up to now; a key that they lead elsewhere stays taken.

    Raises:
        TaxonomyError: a name or key that cannot be, or that was used before.
    """
    if migration.kind == "reorder":
        return replace(migration, keys=_full_order(taxonomy, migration.keys))
    if migration.kind not in ("add", "split"):
        return migration
    old = tuple(earlier)
    if not migration.categories:
        migration = replace(migration, categories=new_categories(taxonomy, migration, old))
    refuse_reused(migration.categories, old, _merged(moves))
    return replace(migration, key=migration.key or migration.categories[0].key)


def inverse(
    taxonomy: Taxonomy,
    migration: Migration,
    *,
    used: bool = True,
    earlier: Iterable[Category] = (),
) -> Migration | None:
    """What undoes a migration, byte for byte; None where that is impossible.

    Args:
        taxonomy: before the migration.
        migration: that is or was applied to it.
        used: whether labels say the category that is merged away.
        earlier: as for `migrate`.
    """
    old = tuple(earlier)
    step = complete(taxonomy, migration, earlier=old)
    after = migrate(taxonomy, step, earlier=old)
    back = _inverse(taxonomy, step, after, used=used)
    if back is None or step.kind == "recolor":
        return back
    before = {c.key: c for c in taxonomy}
    pinned = (c.key for c in after if c.color and c.key in before and not before[c.key].color)
    return replace(back, uncolored=tuple(pinned))


def resolve(keys: Iterable[str], migrations: Iterable[Migration]) -> list[str]:
    """The present key of each old key, in order.

    Args:
        keys: as labels say them.
        migrations: all that were recorded up to the moment of reading, in order.
    """
    became = _merged(migrations)
    return [_followed(key, became) for key in keys]


def _merged(migrations: Iterable[Migration]) -> dict[str, str]:
    """The target of each key that is merged away."""
    became: dict[str, str] = {}
    for migration in migrations:
        if migration.kind == "merge":
            became[migration.key] = migration.into
        elif migration.kind == "unmerge":
            became.pop(migration.key, None)
    return became


def _followed(key: str, became: dict[str, str]) -> str:
    for _ in range(len(became)):
        if key not in became:
            break
        key = became[key]
    return key


def _inverse(
    taxonomy: Taxonomy, step: Migration, after: Taxonomy, *, used: bool
) -> Migration | None:
    position = taxonomy.index(step.key) if step.key in taxonomy.keys else None
    own = None if position is None else taxonomy[position]
    if step.kind == "reorder":
        return Migration("reorder", keys=taxonomy.keys)
    if step.kind == "add":
        return Migration("remove", step.key, keys=tuple(c.key for c in step.categories))
    if step.kind == "remove":
        return _added_again(taxonomy, step)
    if step.kind == "unmerge":
        return Migration("merge", step.key, into=step.into)
    if own is None or step.kind == "split" or (step.kind == "merge" and used):
        return None
    if step.kind == "merge":
        present = {c.key: c for c in after}
        changed = (c for c in taxonomy if c.key == own.key or _differs(c, present[c.key]))
        return Migration(
            "unmerge", own.key, into=step.into, categories=tuple(changed), position=position
        )
    return {
        "rename": Migration("rename", own.key, own.name),
        "recolor": Migration("recolor", own.key, color=own.color),
        "retire": Migration("restore", own.key),
        "restore": Migration("retire", own.key),
    }[step.kind]


def _added_again(taxonomy: Taxonomy, step: Migration) -> Migration | None:
    """The inverse of `remove`, where what goes stands together."""
    places = sorted(taxonomy.index(key) for key in step.keys or (step.key,))
    if places != list(range(places[0], places[0] + len(places))):
        return None
    gone = tuple(taxonomy[place] for place in places)
    return Migration("add", gone[0].key, categories=gone, position=places[0])


def _differs(old: Category, new: Category) -> bool:
    """Apart from a colour that was fixed, which `uncolored` undoes."""
    return replace(old, color=None) != replace(new, color=None)


def _full_order(taxonomy: Taxonomy, first: tuple[str, ...]) -> tuple[str, ...]:
    for key in first:
        taxonomy.index(key)
    if len(set(first)) < len(first):
        raise TaxonomyError("a category is listed twice in the new order", seen=", ".join(first))
    return (*first, *(key for key in taxonomy.keys if key not in first))


def _with_steady_colors(old: Taxonomy, new: Taxonomy, step: Migration) -> Taxonomy:
    """Categories that moved show the colour that they showed; an undone move takes that back."""
    shown = dict(zip(old.keys, old.colors(), strict=True))
    bare = {c.key for c in old if c.color is None and not c.void}
    out = []
    for position, category in enumerate(new):
        color, by_position = category.color, color_by_position(position)
        if category.key in step.uncolored and color == by_position:
            color = None
        elif color is None and category.key in bare and shown[category.key] != by_position:
            color = shown[category.key]
        out.append(replace(category, color=color))
    return Taxonomy(tuple(out), new.revision)
