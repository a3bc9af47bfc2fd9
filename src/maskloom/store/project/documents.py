"""What a layer says of a sample, made from the last snapshot and the operations since.

The documents used last stay in memory; `checkpoints.py` keeps some on the disk. Both are only
caches, and a change of the taxonomy drops them. Accepting an operation is `operations.py`,
reading a snapshot `entries.py`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from maskloom.edits.document import Document, apply
from maskloom.edits.document_labels import empty_labels
from maskloom.edits.operations import Operation, parse
from maskloom.errors import DataError, MaskloomError, UsageError
from maskloom.store.project import checkpoints, database, layers, samples
from maskloom.store.project.checkpoints import CHECKPOINT_OPS, Held, Place
from maskloom.store.project.entries import read_labels
from maskloom.store.project.schema import entry, op, part
from maskloom.store.project.vocabulary import Vocabularies, Vocabulary

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

_LARGEST = 256 << 20
# A document is weighed again after so many revisions: it grows by little in each.
_WEIGHED = 32


class Documents:
    """The documents of a project that were used last, for any number of threads.

    Args:
        largest: bytes that they take together; the very last one stays, whatever it takes.
    """

    def __init__(self, largest: int = _LARGEST) -> None:
        self.vocabularies = Vocabularies()
        self._largest = largest
        self._held: OrderedDict[tuple[int, int], Held] = OrderedDict()
        self._weights: dict[tuple[int, int], tuple[int, int]] = {}
        self._lock = threading.Lock()

    def find(self, ids: tuple[int, int]) -> Held | None:
        """The last known state of a place, which may be behind."""
        with self._lock:
            held = self._held.get(ids)
            if held is not None:
                self._held.move_to_end(ids)
            return held

    def keep(self, ids: tuple[int, int], held: Held) -> None:
        """Remember a committed state."""
        with self._lock:
            known = self._held.get(ids)
            if known is not None and known.document.revision > held.document.revision:
                return
            self._held[ids] = held
            self._held.move_to_end(ids)
            self._weigh(ids, held.document)
            while len(self._held) > 1 and sum(w for _, w in self._weights.values()) > self._largest:
                del self._weights[self._held.popitem(last=False)[0]]

    def _weigh(self, ids: tuple[int, int], document: Document) -> None:
        revision, _ = self._weights.get(ids, (-_WEIGHED, 0))
        if not revision <= document.revision < revision + _WEIGHED:
            self._weights[ids] = document.revision, document.nbytes


def find_place(project: Project, connection: Connection, sample: int | str, layer: str) -> Place:
    """A sample in a layer, by id or key and by name.

    Raises:
        UsageError: there is no such sample or layer.
    """
    found = samples.find(connection, sample, where=project.root)
    return Place(layers.find(connection, layer), found)


def document(
    project: Project,
    sample: int | str,
    layer: str,
    at: int | None = None,
    *,
    revision: int | None = None,
) -> Document:
    """What a layer says of a sample.

    Args:
        project: open.
        sample: id or key.
        layer: its name.
        at: sequence number of the project, whose taxonomy of then it is told in; None is now.
        revision: instead of a number, a revision of the sample in the layer, in the taxonomy of
            now: that of the newest revision is the document of now.

    Raises:
        UsageError: there is no such sample, layer or revision.
        DataError: stored labels are damaged, or the size of the image is not known.
    """
    if at is not None and revision is not None:
        raise UsageError("a number of the project and a revision at once", hint="give one of them")
    with database.read(project) as connection:
        place = find_place(project, connection, sample, layer)
        if revision is not None:
            seq = _number_of(connection, place, revision)
            words = project.documents.vocabularies.at(connection)
            return _made(project, connection, place, seq, words).document
        if at is None:
            return head(project, connection, place).document
        words = project.documents.vocabularies.at(connection, at)
        return _made(project, connection, place, at, words).document


def head(project: Project, connection: Connection, place: Place) -> Held:
    """The present state; whoever holds a `write` transaction sees it stay so."""
    words = project.documents.vocabularies.at(connection)
    held = _made(project, connection, place, None, words)
    project.documents.keep(place.ids, held)
    return held


def accepted(project: Project, place: Place, held: Held) -> None:
    """Remember a state that was committed, in memory and from time to time as a blob."""
    revision = held.document.revision
    if revision - held.saved >= CHECKPOINT_OPS and checkpoints.save(project, place, held):
        held = replace(held, saved=revision)
    project.documents.keep(place.ids, held)


def read_op(row: Any, size_hw: tuple[int, int]) -> Operation:
    """A stored operation.

    Raises:
        DataError: it is damaged.
    """
    try:
        return parse(row.payload, size_hw)
    except DataError as error:
        raise DataError(
            f"a stored operation is damaged: {error.what}",
            where=f"operation {row.seq}, {error.where}",
            seen=error.seen,
            hint="put back a copy of the database",
        ) from error


def size_of(place: Place) -> tuple[int, int]:
    """(H, W) of a sample.

    Raises:
        DataError: it is not known, or the sample is a volume.
    """
    height, width = place.sample["height"], place.sample["width"]
    if place.sample["depth"] is not None:
        raise DataError(
            "a volume, whose labels are kept, checked and exported but not edited here",
            where=place.sample["key"],
            seen=f"{place.sample['depth']} slices of {height} x {width}",
            hint="export the layer, edit it elsewhere and import it with --replace",
        )
    if height is None or width is None:
        raise DataError(
            "labels can be edited only on images of known size",
            where=place.sample["key"],
            hint="import the data again with its images",
        )
    return int(height), int(width)


def _number_of(connection: Connection, place: Place, revision: int) -> int:
    """The sequence number with which a revision came; 0 of revision 0, which says nothing.

    Raises:
        UsageError: there is no such revision.
    """
    if revision == 0:
        return 0
    for table in (op, entry):
        query = select(table.c.seq).where(
            table.c.layer_id == place.ids[0],
            table.c.sample_id == place.ids[1],
            table.c.revision == revision,
        )
        if (seq := connection.execute(query).scalar()) is not None:
            return int(seq)
    raise UsageError(
        "no such revision", where=f"{place.sample['key']}, {place.layer.name}", seen=revision
    )


def _made(
    project: Project, connection: Connection, place: Place, at: int | None, words: Vocabulary
) -> Held:
    """The state at a sequence number from the nearest one that is known."""
    first = _entry(connection, place, at)
    start = int(first["revision"]) if first is not None else 0
    held = project.documents.find(place.ids) if at is None else None
    if held is None or held.start != start or held.words.seq != words.seq:
        held = _start(project, place, first, words)
        held = checkpoints.load(project, connection, place, held, at) or held
    rows = _ops(connection, place, held.document.revision, at)
    state = held.document
    for row in rows:
        state = _replayed(state, row, words)
    return Held(state, start, held.saved, words)


def _entry(connection: Connection, place: Place, at: int | None) -> Any:
    query = (
        select(entry, part.c.path)
        .outerjoin(part, part.c.id == entry.c.part_id)
        .where(entry.c.layer_id == place.ids[0], entry.c.sample_id == place.ids[1])
    )
    if at is not None:
        query = query.where(entry.c.seq <= at)
    return connection.execute(query.order_by(entry.c.revision.desc()).limit(1)).mappings().first()


def _start(project: Project, place: Place, first: Any, words: Vocabulary) -> Held:
    """The state of a snapshot, or of a layer that says nothing yet."""
    size = size_of(place)
    if first is None:
        labels = empty_labels(size, words.taxonomy if place.layer.form == "map" else None)
        return Held(Document.from_labels(labels, words.taxonomy, 0), 0, 0, words)
    labels = read_labels(project.layout, first, size, words)
    revision = int(first["revision"])
    state = Document.from_labels(labels, words.taxonomy, int(first["seq"]), revision)
    return Held(state, revision, revision, words)


def _ops(connection: Connection, place: Place, after: int, at: int | None) -> list[Any]:
    query = select(op.c.seq, op.c.revision, op.c.payload).where(
        op.c.layer_id == place.ids[0], op.c.sample_id == place.ids[1], op.c.revision > after
    )
    if at is not None:
        query = query.where(op.c.seq <= at)
    return list(connection.execute(query.order_by(op.c.revision)))


def _replayed(state: Document, row: Any, words: Vocabulary) -> Document:
    """The state after a stored operation, which was accepted once and must be again."""
    if row.revision != state.revision + 1:
        raise DataError(
            "operations are missing from the database",
            seen=f"revision {row.revision} after {state.revision}",
            hint="put back a copy of the database",
        )
    try:
        return apply(state, words.translated(read_op(row, state.size_hw), state.form))
    except MaskloomError as error:
        raise DataError(
            f"a stored operation does not fit what is stored: {error.what}",
            where=f"operation {row.seq}, {error.where}",
            seen=error.seen,
            hint="put back a copy of the database and its snapshots",
        ) from error
