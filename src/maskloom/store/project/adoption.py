"""How the categories of a data set become those of a project: matched, or added.

Categories match by key, name or alias. What the project does not have is added by one recorded
migration, which belongs to the import that brings it. All other migrations are `taxonomies.py`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from maskloom.core.category_names import alike, same_category, unique_keys
from maskloom.core.migrations import Migration, inverse, migrate
from maskloom.core.taxonomy import Category, Kind, Taxonomy
from maskloom.errors import TaxonomyError, WriteError
from maskloom.store.project import taxonomy_log
from maskloom.store.project.taxonomy_log import Change
from maskloom.store.project.vocabulary import Vocabularies

_KEY = re.compile(r"[a-z0-9._-]{1,64}")
_SHORT = 48  # leaves room for a number
_SHOWN = 5
_OTHER: Mapping[Kind, Kind] = {"thing": "stuff", "stuff": "thing"}


@dataclass(frozen=True, slots=True)
class Adoption:
    """What an import does to the taxonomy.

    Args:
        keys: the project's key of each category of the source, by its key there, in its order.
        added: what the project does not have yet.
        revision: of the source's taxonomy, which the first one of a project keeps.
        spelt: names of the source with those of the project, where only the spelling differs.
        stays: name and kind of categories of the project that are of the other kind in the source.
    """

    keys: Mapping[str, str]
    added: tuple[Category, ...]
    revision: int
    spelt: tuple[tuple[str, str], ...] = ()
    stays: tuple[tuple[str, Kind], ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Categories that were told apart in the source and are not here, and other spellings."""
        pairs = ", ".join(f"{theirs!r} is {ours!r}" for theirs, ours in self.spelt[:5])
        spelt = (f"as the project spells it: {pairs}",) if pairs else ()
        return (*self._joined(), *spelt, *self._contrary())

    def _contrary(self) -> tuple[str, ...]:
        """Kinds that stay as they are in the project."""
        kinds = {kind: [name for name, own in self.stays if own == kind] for kind in _OTHER}
        return tuple(
            f"{kind} in the project and {_OTHER[kind]} in the data, so it stays {kind}: "
            + ", ".join(map(repr, names[:_SHOWN]))
            + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
            for kind, names in kinds.items()
            if names
        )

    def _joined(self) -> tuple[str, ...]:
        sources: dict[str, list[str]] = {}
        for theirs, ours in self.keys.items():
            sources.setdefault(ours, []).append(theirs)
        return tuple(
            f"{' and '.join(names)} are one category of the project, {key}"
            for key, names in sources.items()
            if len(names) > 1
        )


def plan(connection: Connection, source: Taxonomy) -> Adoption:
    """Match a data set's categories.

    Raises:
        TaxonomyError: one is void there and not here, or the other way round.
    """
    vocabulary = Vocabularies().at(connection)
    ours = vocabulary.taxonomy
    versions = taxonomy_log.versions(connection)
    earlier = {category.key for category in versions}
    keys: dict[str, str] = {}
    new: list[Category] = []
    spelt: list[tuple[str, str]] = []
    stays: list[tuple[str, Kind]] = []
    merged = vocabulary.resolved(source.keys)
    for category, match, target in zip(source, ours.match(source), merged, strict=True):
        found = match
        moved = target != category.key and target in ours.keys
        if match is None and moved and _known(category, versions):
            found = ours.index(target)
        if found is None:
            key = _free_key(category, {*earlier, *ours.keys, *(c.key for c in new)})
            new.append(dataclasses.replace(category, key=key))
        else:
            key = ours[found].key
            _refuse_void(category, ours[found])
            if category.name != ours[found].name and alike((category, ours[found])):
                spelt.append((category.name, ours[found].name))
            if not category.void and category.kind != ours[found].kind:
                stays.append((ours[found].name, ours[found].kind))
        keys[category.key] = key
    added = tuple(_relinked(c, keys) for c in new)
    return Adoption(keys, added, source.revision, tuple(spelt), tuple(stays))


def record(connection: Connection, source: Taxonomy, planned: Adoption, author: str) -> None:
    """Add what is new, in the transaction of the import.

    Raises:
        WriteError: the taxonomy was changed since it was planned, so that labels would name
            other categories.
        TaxonomyError: a name or key that cannot be.
    """
    if plan(connection, source) != planned:
        raise WriteError(
            "the taxonomy was changed during the import; nothing was imported",
            hint="import again",
        )
    if not planned.added:
        return
    before = Vocabularies().at(connection).taxonomy
    step = Migration("add", planned.added[0].key, categories=planned.added)
    undo_by = inverse(before, step)
    after = migrate(before, step)
    if not len(before):
        after = dataclasses.replace(after, revision=planned.revision)
    taxonomy_log.record(connection, Change(step, undo_by, after, author))


def _refuse_void(category: Category, ours: Category) -> None:
    if ours.void != category.void:
        raise TaxonomyError(
            "a category is void in the data and not in the project, or the other way round",
            seen=category.key,
            hint="give it another name with --map OLD=NEW",
        )


def _known(category: Category, versions: Iterable[Category]) -> bool:
    """Whether the project had it once; an invented key alone does not tell."""
    return any(same_category(category, one) for one in versions)


def _free_key(category: Category, taken: Iterable[str]) -> str:
    """The category's own key, if it is one for a project and never was another's."""
    listed = list(dict.fromkeys(taken))
    if _KEY.fullmatch(category.key) and category.key not in listed:
        return category.key
    return unique_keys([category.name[:_SHORT]], taken=listed)[0]


def _relinked(category: Category, keys: Mapping[str, str]) -> Category:
    parent, whole = (link and keys[link] for link in (category.parent, category.whole))
    return dataclasses.replace(category, parent=parent, whole=whole)
