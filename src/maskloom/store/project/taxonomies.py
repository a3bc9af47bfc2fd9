"""Changes of a project's taxonomy: planned, counted, made in one transaction, undone.

What a change does to categories is `core/migrations.py`; labels are never rewritten, their keys
are resolved on reading (`vocabulary.py`). A split leaves the regions that somebody must decide on
as a review. The migration table (`taxonomy_log.py`) is the truth, `taxonomy.json` a copy for
people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from maskloom.core.category_names import refuse_alike
from maskloom.core.migration_json import migration_from_json
from maskloom.core.migrations import Migration, complete, inverse
from maskloom.core.migrations import migrate as migrated
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import TaxonomyError, UsageError, WriteError
from maskloom.store.files import atomic_write_bytes
from maskloom.store.project import database, taxonomy_log
from maskloom.store.project.schema import migration as table
from maskloom.store.project.schema import project as project_table
from maskloom.store.project.split_reviews import Search, add_undecided
from maskloom.store.project.taxonomy_log import Change, Recorded
from maskloom.store.project.usage import Usage, covered, meant, named, usage

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

_COUNTED = ("merge", "split", "retire", "remove")


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did, or would do.

    Args:
        seq: its number in the project; None of a dry run.
        migration: with keys, ids and order written out.
        inverse: what undoes it; None if nothing can.
        taxonomy: after it.
        counts: samples and objects whose labels it concerns, in all and by layer.
        reviews: layer → the review that a split left there: its id (None of a dry run) and how
            many regions it lists.
    """

    seq: int | None
    migration: Migration
    inverse: Migration | None
    taxonomy: Taxonomy
    counts: Mapping[str, Any] = field(default_factory=dict)
    reviews: Mapping[str, Any] = field(default_factory=dict)


def migrate(
    project: Project, migration: Migration, *, author: str, dry_run: bool = False
) -> Migrated:
    """Change the taxonomy; see `Project.migrate`.

    Args:
        project: open for writing, unless it is a dry run.
        migration: to apply to the present taxonomy.
        author: who does it.
        dry_run: only say what would happen.

    Raises:
        TaxonomyError: the change cannot be, see `core.migrations.migrate`.
        WriteError: the project cannot be written; nothing was changed.
    """
    search = Search(project)
    with database.read(project) as connection:
        # What takes long is done before the one writer's turn, then only for what came since.
        planned, found = _plan(project, connection, migration)
        queued = search.undecided(planned.migration, found)
    if dry_run:
        left = {one.layer: {"id": None, "items": len(one.spots)} for one in queued}
        return replace(planned, reviews=left)
    with database.write(project) as connection:
        if _sequence(connection) != found.until:
            planned, found = _plan(project, connection, migration, found)
            queued = search.undecided(planned.migration, found)
        change = Change(planned.migration, planned.inverse, planned.taxonomy, author)
        seq = taxonomy_log.record(connection, change)
        made = {
            one.layer: {"id": add_undecided(connection, one, seq), "items": len(one.spots)}
            for one in queued
        }
    mirror(project)
    return replace(planned, seq=seq, reviews=made)


def undo(project: Project, seq: int, *, author: str, dry_run: bool = False) -> Migrated:
    """Undo one migration of the history, by its inverse.

    Raises:
        UsageError: there is no such migration, or it is undone already.
        TaxonomyError: nothing can undo it, or later changes stand in the way.
        WriteError: the project cannot be written; nothing was changed.
    """
    with database.read(project) as connection:
        step = _inverse_of(connection, seq)
    return migrate(project, replace(step, undoes=seq), author=author, dry_run=dry_run)


def history(project: Project) -> list[Recorded]:
    """Every change of the taxonomy, the first one first."""
    with database.read(project) as connection:
        return taxonomy_log.history(connection)


def mirror(project: Project) -> None:
    """Write taxonomy.json again, if it is behind; a disk that refuses loses nothing by it."""
    file = project.layout.taxonomy
    with database.read(project) as connection:
        seq = int(connection.execute(select(func.max(table.c.seq))).scalar() or 0)
        try:
            if json.loads(file.read_bytes())["sequence"] == seq:
                return
        except (OSError, ValueError, KeyError, TypeError):
            pass  # absent or damaged: it is only a copy
        taxonomy = project.documents.vocabularies.at(connection).taxonomy
        lines = [
            {"seq": r.seq, **r.payload, "author": r.author, "created": r.created}
            for r in taxonomy_log.history(connection)
        ]
    whole = {**taxonomy.to_json(), "sequence": seq, "history": lines}
    text = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
    if not project.readonly:
        try:
            atomic_write_bytes(file, text.encode())
        except WriteError:
            return


def _plan(
    project: Project, connection: Connection, migration: Migration, known: Usage | None = None
) -> tuple[Migrated, Usage]:
    """What would happen, and which labels it concerns; `known` is what an earlier plan counted."""
    words = project.documents.vocabularies.at(connection)
    before = words.taxonomy
    earlier = [c for c in taxonomy_log.versions(connection) if c.key not in set(before.keys)]
    step = complete(before, migration, earlier=earlier, moves=words.moves)
    if step.kind == "add" and step.undoes is None:
        for category in step.categories:
            refuse_alike(before, category.name)
    after = migrated(before, step, earlier=earlier)
    if step.kind in _COUNTED:
        keys = step.keys if step.kind == "remove" and step.keys else (step.key,)
        found = usage(project, connection, keys, known)
    else:
        found = Usage(until=_sequence(connection))
    if step.kind == "remove":
        _refuse_named(connection, step, found)
    if step.kind == "unmerge":
        _refuse_built_on(project, connection, step, before)
    # Void pixels are not told apart: nobody can say which category they were of.
    used = found.named or any(c.void for c in before if c.key == step.key)
    undo_by = inverse(before, step, used=used, earlier=earlier)
    return Migrated(None, step, undo_by, after, found.counts()), found


def _refuse_named(connection: Connection, step: Migration, found: Usage) -> None:
    """A category goes only while nothing names it: what does could not be read any more."""
    if found.named or covered(connection, found.keys):
        raise TaxonomyError(
            "labels say this category, or said it once, so it cannot be removed",
            seen=", ".join(step.keys or (step.key,)),
            hint="retire it or merge it into another",
        )


def _refuse_built_on(
    project: Project, connection: Connection, step: Migration, now: Taxonomy
) -> None:
    """Taking a merge back must find the categories as it left them, and no label since then."""
    merge = step.undoes
    if merge is None:
        raise TaxonomyError("a merge is taken back by undoing it, by its number", seen=step.key)
    at = project.documents.vocabularies.at
    _refuse_changed(step, at(connection, merge).taxonomy, now)
    # They were accepted under the merge, and later ones built on them.
    keys = meant(at(connection, merge - 1), [step.key])
    if named(project, connection, keys, since=merge):
        raise TaxonomyError(
            "labels named the category after it was merged away",
            seen=step.key,
            hint="make a new category instead",
        )


def _inverse_of(connection: Connection, seq: int) -> Migration:
    row = connection.execute(select(table).where(table.c.seq == seq)).first()
    if row is None:
        known = [str(line.seq) for line in taxonomy_log.history(connection) if line.undoable]
        raise UsageError(
            "no change of the taxonomy has this number",
            seen=seq,
            hint=f"changes that can be undone: {', '.join(known[-20:]) or 'none'}",
        )
    if seq in taxonomy_log.undone(connection):
        raise UsageError("the change is undone already", seen=seq)
    if row.inverse is None:
        raise TaxonomyError(
            f"nothing can undo this {row.kind}",
            seen=seq,
            hint="labels that it concerns would not be told apart; make new categories instead",
        )
    return migration_from_json(row.inverse, where=f"migration {seq}")


def _refuse_changed(step: Migration, then: Taxonomy, now: Taxonomy) -> None:
    """Taking a merge back gives categories their old definition: nothing later may be lost."""
    for category in step.categories:
        old, new = (_colorless(taxonomy, category.key) for taxonomy in (then, now))
        if old != new:
            raise TaxonomyError(
                "the category was changed after the merge",
                seen=category.key,
                hint="undo the later changes first",
            )


def _colorless(taxonomy: Taxonomy, key: str) -> Category | None:
    return next((replace(c, color=None) for c in taxonomy if c.key == key), None)


def _sequence(connection: Connection) -> int:
    return int(connection.execute(select(project_table.c.seq)).scalar_one())
