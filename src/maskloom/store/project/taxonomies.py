"""Changes of a project's taxonomy: counted, recorded in one transaction, undone, listed.

What a change does to categories is `core/migrations.py`; labels are never rewritten, their keys
are resolved on reading (`vocabulary.py`). A split leaves the regions that somebody must decide on
as a review. The migration table is the truth, `taxonomy.json` a copy for people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, insert, select

from maskloom.core.migration_json import migration_from_json, migration_to_json
from maskloom.core.migrations import Migration, complete, inverse
from maskloom.core.migrations import migrate as migrated
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import TaxonomyError, UsageError, WriteError
from maskloom.store.files import atomic_write_bytes
from maskloom.store.project import database
from maskloom.store.project.schema import migration as table
from maskloom.store.project.schema import project as project_table
from maskloom.store.project.split_reviews import Search, add_undecided
from maskloom.store.project.usage import Usage, mentioned, usage

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


@dataclass(frozen=True, slots=True)
class Recorded:
    """One line of a taxonomy's history.

    Args:
        seq: number in the project.
        kind: of the migration; `create` is the first taxonomy.
        payload: as JSON.
        author: who did it.
        created: when, in UTC.
        undoable: it has an inverse that was not applied yet.
    """

    seq: int
    kind: str
    payload: Mapping[str, Any]
    author: str
    created: str
    undoable: bool


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
        # What takes long is done before the one writer's turn, and again only if something came.
        planned, found = _plan(project, connection, migration)
        seen = _sequence(connection)
        queued = search.undecided(planned.migration, found)
    if dry_run:
        left = {one.layer: {"id": None, "items": len(one.spots)} for one in queued}
        return replace(planned, reviews=left)
    with database.write(project) as connection:
        if _sequence(connection) != seen:
            planned, found = _plan(project, connection, migration)
            queued = search.undecided(planned.migration, found)
        seq = database.next_seq(connection)
        _record(connection, planned, seq, author)
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
        step = _inverse_of(project, connection, seq)
    return migrate(project, replace(step, undoes=seq), author=author, dry_run=dry_run)


def history(project: Project) -> list[Recorded]:
    """Every change of the taxonomy, the first one first."""
    with database.read(project) as connection:
        return _history(connection)


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
            for r in _history(connection)
        ]
    whole = {**taxonomy.to_json(), "sequence": seq, "history": lines}
    text = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
    if not project.readonly:
        try:
            atomic_write_bytes(file, text.encode())
        except WriteError:
            return


def _plan(project: Project, connection: Connection, migration: Migration) -> tuple[Migrated, Usage]:
    """What would happen, and which labels it concerns."""
    before = project.documents.vocabularies.at(connection).taxonomy
    earlier = _earlier(connection, before)
    step = complete(before, migration, earlier=earlier)
    after = migrated(before, step, earlier=earlier)
    keys = step.keys if step.kind == "remove" and step.keys else (step.key,)
    found = usage(project, connection, keys) if step.kind in _COUNTED else Usage()
    if step.kind == "remove" and (
        found.used or mentioned(connection, keys, since=step.undoes or 0)
    ):
        raise TaxonomyError(
            "labels say this category, so it cannot be removed",
            seen=", ".join(keys),
            hint="retire it or merge it into another",
        )
    # Void pixels are not told apart: nobody can say which category they were of.
    used = found.used or any(c.void for c in before if c.key == step.key)
    undo_by = inverse(before, step, used=used, earlier=earlier)
    return Migrated(None, step, undo_by, after, found.counts()), found


def _record(connection: Connection, planned: Migrated, seq: int, author: str) -> None:
    undo_by = planned.inverse
    connection.execute(
        insert(table).values(
            seq=seq,
            kind=planned.migration.kind,
            payload=migration_to_json(planned.migration),
            inverse=None if undo_by is None else migration_to_json(undo_by),
            taxonomy=planned.taxonomy.to_json(),
            author=author,
            created=database.now(),
        )
    )


def _inverse_of(project: Project, connection: Connection, seq: int) -> Migration:
    row = connection.execute(select(table).where(table.c.seq == seq)).first()
    if row is None:
        known = [str(line.seq) for line in _history(connection) if line.undoable]
        raise UsageError(
            "no change of the taxonomy has this number",
            seen=seq,
            hint=f"changes that can be undone: {', '.join(known[-20:]) or 'none'}",
        )
    if seq in _undone(connection):
        raise UsageError("the change is undone already", seen=seq)
    if row.inverse is None:
        raise TaxonomyError(
            f"nothing can undo this {row.kind}",
            seen=seq,
            hint="labels that it concerns would not be told apart; make new categories instead",
        )
    step = migration_from_json(row.inverse, where=f"migration {seq}")
    if step.kind == "unmerge":
        after = Taxonomy.from_json(row.taxonomy, where=f"migration {seq}")
        _refuse_changed(step, after, project.documents.vocabularies.at(connection).taxonomy)
    return step


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


def _earlier(connection: Connection, now: Taxonomy) -> list[Category]:
    """Every version of every category that is gone."""
    stored = connection.execute(select(table.c.taxonomy).order_by(table.c.seq)).scalars()
    present = set(now.keys)
    versions = {c: None for data in stored for c in Taxonomy.from_json(data)}
    return [c for c in versions if c.key not in present]


def _history(connection: Connection) -> list[Recorded]:
    rows = connection.execute(select(table).order_by(table.c.seq)).all()
    undone = _undone(connection)
    return [
        Recorded(
            row.seq,
            row.kind,
            row.payload,
            row.author,
            row.created,
            undoable=row.inverse is not None and row.seq not in undone,
        )
        for row in rows
    ]


def _undone(connection: Connection) -> set[int]:
    """Numbers of the migrations that are undone; undoing an undo brings them back."""
    rows = connection.execute(select(table.c.seq, table.c.payload).order_by(table.c.seq.desc()))
    undone: set[int] = set()
    for seq, payload in rows:
        if seq not in undone and isinstance(payload.get("undoes"), int):
            undone.add(payload["undoes"])
    return undone


def _sequence(connection: Connection) -> int:
    return int(connection.execute(select(project_table.c.seq)).scalar_one())
