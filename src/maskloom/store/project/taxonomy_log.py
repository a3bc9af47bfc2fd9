"""The table of a project's taxonomy changes: written, listed, and every category that ever was.

Planning, counting and undoing a change is `taxonomies.py`, adding what an import brings
`adoption.py`, the taxonomy of a moment `vocabulary.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from maskloom.core.migration_json import migration_to_json
from maskloom.core.migrations import Migration
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.store.project import database
from maskloom.store.project.schema import migration as table


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
        undo: when undoing it is let through, in words: "yes", what must hold, or "" for never.
    """

    seq: int
    kind: str
    payload: Mapping[str, Any]
    author: str
    created: str
    undoable: bool
    undo: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the taxonomy that is to be written down.

    Args:
        migration: with keys, ids and order written out.
        inverse: what undoes it; None if nothing can.
        taxonomy: after it.
        author: who does it.
    """

    migration: Migration
    inverse: Migration | None
    taxonomy: Taxonomy
    author: str


def record(connection: Connection, change: Change) -> int:
    """Write a change down, in the transaction of what it belongs to; its number."""
    seq = database.next_seq(connection)
    back = change.inverse
    connection.execute(
        insert(table).values(
            seq=seq,
            kind=change.migration.kind,
            payload=migration_to_json(change.migration),
            inverse=None if back is None else migration_to_json(back),
            taxonomy=change.taxonomy.to_json(),
            author=change.author,
            created=database.now(),
        )
    )
    return seq


def versions(connection: Connection) -> list[Category]:
    """Every version of every category that ever was, the first one first."""
    stored = connection.execute(select(table.c.taxonomy).order_by(table.c.seq)).scalars()
    return list({category: None for data in stored for category in Taxonomy.from_json(data)})


# Whether labels say a category is only counted when it is asked for: that takes long.
_WHILE = {"remove": "while unused", "unmerge": "while nothing is built on it"}


def history(connection: Connection) -> list[Recorded]:
    """Every change, the first one first."""
    rows = connection.execute(select(table).order_by(table.c.seq)).all()
    gone = undone(connection)
    return [
        Recorded(
            row.seq,
            row.kind,
            row.payload,
            row.author,
            row.created,
            undoable=(open_ := row.inverse is not None and row.seq not in gone),
            undo=_WHILE.get(row.inverse["kind"], "yes") if open_ else "",
        )
        for row in rows
    ]


def undone(connection: Connection) -> set[int]:
    """Numbers of the changes that are undone; undoing an undo brings them back."""
    rows = connection.execute(select(table.c.seq, table.c.payload).order_by(table.c.seq.desc()))
    found: set[int] = set()
    for seq, payload in rows:
        if seq not in found and isinstance(payload.get("undoes"), int):
            found.add(payload["undoes"])
    return found
