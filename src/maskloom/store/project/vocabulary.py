"""The taxonomy at a sequence number, and what became of categories that were merged away.

Labels keep the keys that they were written with. Reading resolves them; so does the replay of
operations, which makes one state of labels and operations from before and after a merge.
Recording migrations is `taxonomies.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select

from maskloom.core.migration_json import migration_from_json
from maskloom.core.migrations import Migration, resolve
from maskloom.core.taxonomy import Taxonomy
from maskloom.edits.document_labels import NO_CLASS
from maskloom.edits.operations import DOCUMENT, Change, Operation
from maskloom.edits.tiles import xor_tiles
from maskloom.errors import DataError
from maskloom.store.project.schema import migration as table

_KEYS_MOVE = ("merge", "unmerge")
_KEPT = 32


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the labels of a project may say at one moment.

    Args:
        taxonomy: its categories.
        seq: number of the migration that made it.
        moves: merges up to then, in order.
        moved_seq: number of the last of these, 0 for none.
    """

    taxonomy: Taxonomy
    seq: int
    moves: tuple[Migration, ...]
    moved_seq: int

    def resolved(self, keys: Iterable[str]) -> list[str]:
        """The key at this moment of each key, in order."""
        return resolve(keys, self.moves) if self.moves else list(keys)

    def translated(self, op: Operation, form: str) -> Operation:
        """An operation as one of the categories at this moment."""
        if form == "map":
            return replace(op, changes=self._joined(op.changes))
        return replace(op, changes=tuple(map(self._renamed, op.changes))) if self.moves else op

    def _renamed(self, change: Change) -> Change:
        if change.object == DOCUMENT or "category" not in change.set:
            return change
        pair = tuple(None if k is None else self.resolved([k])[0] for k in change.set["category"])
        return replace(change, set={**change.set, "category": (pair[0], pair[1])})

    def _joined(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """Changes of classes that are one now, as one change; it may be one of no pixel."""
        out: dict[str, Change] = {}
        for change in changes:
            uid = self._class(change.object)
            held = out.get(uid, Change(uid))
            out[uid] = Change(uid, {**held.set, **change.set}, xor_tiles(held.tiles, change.tiles))
        return tuple(out.values())

    def _class(self, uid: str) -> str:
        """The class of a map that a uid means; void may have got a category of its own."""
        if uid == NO_CLASS:
            return next((c.key for c in self.taxonomy if c.void), NO_CLASS)
        return self.resolved([uid])[0] if uid != DOCUMENT else DOCUMENT


class Vocabularies:
    """The vocabularies of one project that were used last; what a number means never changes."""

    def __init__(self) -> None:
        self._known: dict[int, Vocabulary] = {}

    def at(self, connection: Connection, at: int | None = None) -> Vocabulary:
        """The vocabulary at a sequence number; None is now.

        Raises:
            DataError: there was no taxonomy yet, or the database is damaged.
        """
        query = select(func.max(table.c.seq))
        seq = connection.execute(query if at is None else query.where(table.c.seq <= at)).scalar()
        if seq is None:
            raise DataError("the project had no taxonomy yet", seen=at, hint="name a later state")
        if seq not in self._known:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[seq] = _read(connection, int(seq))
        return self._known[seq]


def _read(connection: Connection, seq: int) -> Vocabulary:
    where = f"migration {seq}"
    stored = connection.execute(select(table.c.taxonomy).where(table.c.seq == seq)).scalar_one()
    moved = connection.execute(
        select(table.c.seq, table.c.payload)
        .where(table.c.seq <= seq, table.c.kind.in_(_KEYS_MOVE))
        .order_by(table.c.seq)
    ).all()
    return Vocabulary(
        Taxonomy.from_json(stored, where=where),
        seq,
        tuple(migration_from_json(row.payload, where=where) for row in moved),
        int(moved[-1].seq) if moved else 0,
    )
