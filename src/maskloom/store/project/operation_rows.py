"""An accepted operation in the tables: itself, where its sample stands now, and its verdicts.

Whether it is accepted is decided in `operations.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, update

from maskloom.edits.document import Document
from maskloom.edits.operations import DOCUMENT, Operation, to_bytes
from maskloom.store.project.checkpoints import Place
from maskloom.store.project.schema import head, op, review_item

if TYPE_CHECKING:
    from maskloom.store.project.operations import Committed

_VERDICT = "verdict/"


def record(connection: Connection, place: Place, after: Document, done: Committed) -> None:
    """Write down an operation, in the transaction that accepts it.

    Args:
        connection: of that transaction.
        place: with its layer in the database.
        after: the state that it makes.
        done: what is answered.
    """
    layer_id, sample_id = place.ids
    connection.execute(
        insert(op).values(
            seq=done.seq,
            op_id=done.op.id,
            layer_id=layer_id,
            sample_id=sample_id,
            revision=done.revision,
            base=done.op.base,
            author=done.author,
            kind=done.op.kind,
            payload=payload_of(done.op),
            created=done.created,
        )
    )
    _set_head(connection, place, after, done)
    verdicts = {
        name.removeprefix(_VERDICT): new
        for change in done.op.changes
        if change.object == DOCUMENT
        for name, (_, new) in change.set.items()
        if name.startswith(_VERDICT)
    }
    for item, verdict in verdicts.items():
        connection.execute(
            update(review_item)
            .where(review_item.c.id == item, review_item.c.sample_id == sample_id)
            .values(verdict=verdict, verdict_seq=done.seq)
        )


def _set_head(connection: Connection, place: Place, after: Document, done: Committed) -> None:
    """Say where a sample stands now."""
    values = {
        "revision": done.revision,
        "seq": done.seq,
        "state": after.value(DOCUMENT, "state"),
        "objects": sum(bool(held.tiles) or after.form == "rows" for held in after.objects.values()),
        "author": done.author,
        "updated": done.created,
    }
    same = (head.c.layer_id == place.ids[0], head.c.sample_id == place.ids[1])
    if not connection.execute(update(head).where(*same).values(values)).rowcount:
        ids = dict(zip(("layer_id", "sample_id"), place.ids, strict=True))
        connection.execute(insert(head).values(**ids, **values))


def payload_of(sent: Operation) -> str:
    """The text that is kept: what was sent, in the words in which it was sent."""
    return to_bytes(sent).decode()
