"""Accepts people's gestures, one transaction each, and tells what was accepted.

An operation made for the present revision is applied; one made for an earlier revision is, too,
if it touches nothing that was changed since; else it is a conflict, told with the operations
that its author has not seen. An undo must find what it takes back as it was left. What was
accepted is on the disk when `commit` returns, and a second try with the same id gives the first
answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, func, select

from maskloom.edits.document import Document, apply
from maskloom.edits.operations import Operation, commutes, meet, parse, to_bytes, touched
from maskloom.errors import Conflict, DataError, UsageError
from maskloom.store.project import database, documents, layers
from maskloom.store.project.checkpoints import Held, Place
from maskloom.store.project.operation_rows import payload_of, record
from maskloom.store.project.schema import op
from maskloom.store.project.undoing import in_effect_since, takes_back

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

_LONGEST_AUTHOR = 100
# Of what an author has not seen: beyond it, comparing costs more than loading the sample again.
_MOST_MISSING = 2_000
_LARGEST_MISSING = 32 << 20
_PORTION = 32


@dataclass(frozen=True, slots=True)
class Committed:
    """An operation that was accepted.

    Args:
        seq: number in the project.
        revision: of the sample in the layer, after it.
        op: as it was accepted.
        author: who did it.
        created: when, in UTC.
        repeated: it had been accepted before; this is the first answer again.
    """

    seq: int
    revision: int
    op: Operation
    author: str
    created: str
    repeated: bool = False


def commit(project: Project, sample: int | str, op: Operation, *, author: str) -> Committed:
    """Accept an operation; see `Project.commit`."""
    _check_author(author)
    with database.read(project) as connection:
        # Labels are read before the one writer's turn begins, which then only catches up.
        place = documents.find_place(project, connection, sample, op.layer)
        op = _checked(op, place)
        documents.head(project, connection, place)
    with database.write(project) as connection:
        place = documents.find_place(project, connection, sample, op.layer)
        if (before := _accepted(connection, place, op)) is not None:
            return before
        if place.layer.immutable:
            raise UsageError(
                "the layer holds machine labels, which stay as they are",
                seen=op.layer,
                hint="edit a layer of people, such as main",
            )
        held = documents.head(project, connection, place)
        after = _applied(connection, place, held, op, author)
        place = _with_layer(connection, place)
        done = Committed(database.next_seq(connection), after.revision, op, author, database.now())
        record(connection, place, after, done)
    documents.accepted(project, place, replace(held, document=after))
    return done


def log(
    project: Project, sample: int | str, layer: str, *, after: int = 0, until: int | None = None
) -> list[Committed]:
    """The operations after a revision, up to another; see `Project.operations`."""
    with database.read(project) as connection:
        place = documents.find_place(project, connection, sample, layer)
        return list(_since(connection, place, after, until))


def _check_author(author: str) -> None:
    if not author or len(author) > _LONGEST_AUTHOR or not author.isprintable():
        raise UsageError(
            "not a name for an author",
            seen=author,
            hint=f"use 1 to {_LONGEST_AUTHOR} printable characters",
        )


def _checked(op: Operation, place: Place) -> Operation:
    """The operation as it will be read again; what cannot be read must never be stored.

    Raises:
        DataError: naming the field that is wrong.
    """
    try:
        payload = to_bytes(op)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError("not plain JSON", where="operation", seen=error) from error
    return parse(payload, documents.size_of(place))


def _accepted(connection: Connection, place: Place, sent: Operation) -> Committed | None:
    """The first answer, if the operation was accepted before.

    Raises:
        DataError: its id stands for another operation.
    """
    row = connection.execute(select(op).where(op.c.op_id == sent.id)).first()
    if row is None:
        return None
    if (row.layer_id, row.sample_id) != place.ids or row.payload != payload_of(sent):
        raise DataError(
            "the id of the operation stands for another one",
            where="id",
            seen=sent.id,
            hint="give every operation an id of its own",
        )
    return Committed(row.seq, row.revision, sent, row.author, row.created, repeated=True)


def _applied(
    connection: Connection, place: Place, held: Held, sent: Operation, author: str
) -> Document:
    """The state after an operation, which is read in the words of now, as every replay does.

    Raises:
        Conflict: it cannot follow what its author has not seen, or takes back what others built
            on.
        DataError: it was made for no state that ever was, or its outcome is not sound.
    """
    now = held.document
    if sent.base > now.revision:
        raise DataError(
            "an operation for a revision that is still to come",
            where="base",
            seen=f"{sent.base}, the newest is {now.revision}",
            hint="load the sample again",
        )
    meant = held.words.translated(sent, now.form)
    _check_categories(held, meant)
    missing = _missing(connection, place, held, sent)
    said = (held.words.translated(one.op, now.form) for one in missing)
    if sent.base < held.start or not commutes(meant, said, now.form):
        raise Conflict(
            "someone else changed the same objects or pixels first; this change was not saved",
            where=f"{place.sample['key']}, {sent.layer}",
            seen=f"made for revision {sent.base}, now {now.revision}",
            hint="look at the newest revision and decide which to keep",
            missing=missing,
        )
    if takes_back(sent) and (
        built := _meeting(
            held, meant, _after_what_it_takes_back(connection, place, held, sent, author)
        )
    ):
        raise Conflict(
            f"the {sent.kind} would undo what was changed since; nothing was saved",
            where=f"{place.sample['key']}, {sent.layer}",
            seen=f"revision {built[0].revision} of {built[0].author}",
            hint="look at the newest revision and decide which to keep",
            missing=built,
        )
    return apply(now, meant)


def _meeting(held: Held, meant: Operation, others: Iterable[Committed]) -> list[Committed]:
    """Those of other operations that touch what an operation touches."""
    form = held.document.form
    own = touched(meant, form)
    return [one for one in others if meet(own, touched(held.words.translated(one.op, form), form))]


def _after_what_it_takes_back(
    connection: Connection, place: Place, held: Held, sent: Operation, author: str
) -> list[Committed]:
    """What is in effect since the gesture that an undo takes back, if that is near enough."""
    query = (
        _history(place, held.start)
        .order_by(op.c.revision.desc())
        .limit(_MOST_MISSING)
        .execution_options(yield_per=_PORTION)
    )
    with connection.execute(query) as rows:
        return in_effect_since(_within_reach(rows, documents.size_of(place)), sent, author)


def _within_reach(rows: Iterable[Any], size: tuple[int, int]) -> Iterable[Committed]:
    left = _LARGEST_MISSING
    for row in rows:
        left -= len(row.payload)
        if left < 0:
            return
        yield _told(row, size)


def _missing(connection: Connection, place: Place, held: Held, sent: Operation) -> list[Committed]:
    """What was accepted since the revision that an operation was made for.

    Raises:
        Conflict: so much that its author had better load the sample again.
    """
    if sent.base == held.document.revision:
        return []
    size = select(func.count(), func.coalesce(func.sum(func.length(op.c.payload)), 0)).where(
        op.c.layer_id == place.ids[0], op.c.sample_id == place.ids[1], op.c.revision > sent.base
    )
    n, length = connection.execute(size).one()
    if n > _MOST_MISSING or length > _LARGEST_MISSING:
        raise Conflict(
            "too much was changed since; this change was not saved",
            where=f"{place.sample['key']}, {sent.layer}",
            seen=f"made for revision {sent.base}, now {held.document.revision}",
            hint="load the sample again",
        )
    return list(_since(connection, place, sent.base))


def _check_categories(held: Held, meant: Operation) -> None:
    """Nothing is newly called by a key that is no category now."""
    known = held.words.taxonomy
    for change in meant.changes:
        if "category" in change.set and (key := change.set["category"][1]) is not None:
            known.index(key)


def _since(
    connection: Connection, place: Place, after: int, until: int | None = None
) -> Iterable[Committed]:
    query = _history(place, after)
    if until is not None:
        query = query.where(op.c.revision <= until)
    size = documents.size_of(place)
    for row in connection.execute(query.order_by(op.c.revision)):
        yield _told(row, size)


def _history(place: Place, after: int) -> Select[Any]:
    return select(op).where(
        op.c.layer_id == place.ids[0], op.c.sample_id == place.ids[1], op.c.revision > after
    )


def _told(row: Any, size: tuple[int, int]) -> Committed:
    return Committed(row.seq, row.revision, documents.read_op(row, size), row.author, row.created)


def _with_layer(connection: Connection, place: Place) -> Place:
    """The place with its layer in the database, which the first operation makes."""
    if place.layer.id:
        return place
    return Place(layers.make(connection, place.layer.name), place.sample)
