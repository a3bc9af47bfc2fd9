"""Documents that are kept as blobs, so that opening a sample does not replay its history.

Only a cache: one that is lost, damaged, or told in other words than the taxonomy has now, is
passed over. Of a sample in a layer the newest two stay. What a document is made from is
`formats/shared/documents.py`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, select

from maskloom.edits.document import Document
from maskloom.edits.operations import canonical
from maskloom.errors import DataError, MaskloomError
from maskloom.store.project import blobs, database
from maskloom.store.project.layers import Layer
from maskloom.store.project.schema import checkpoint, entry, op
from maskloom.store.project.vocabulary import Vocabulary

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

CHECKPOINT_OPS = 64
"""So many operations are replayed at most, but for those of a killed or full machine."""
_VERSION = 1
_NEWEST = 2
# A checkpoint unpacks to at most this much; more is not worth keeping.
_LARGEST = 256 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """One sample in one layer.

    Args:
        layer: id 0 if nothing was ever said in it.
        sample: the database's row.
    """

    layer: Layer
    sample: Mapping[str, Any]

    @property
    def ids(self) -> tuple[int, int]:
        """(layer, sample)."""
        return self.layer.id, int(self.sample["id"])


@dataclass(frozen=True, slots=True)
class Held:
    """A document and what it was made from.

    Args:
        document: the state.
        start: revision of the snapshot that it began with, 0 for none.
        saved: revision up to which history need not be replayed.
        words: the vocabulary that it is told in.
    """

    document: Document
    start: int
    saved: int
    words: Vocabulary


def save(project: Project, place: Place, held: Held) -> bool:
    """Keep a document as it is now, in the place of the last but one.

    Nothing is lost where that fails (a full disk, a text that cannot be written): what the
    document says is committed, and this is no error.

    Returns:
        Whether nothing is left to do: it is kept, or too large to be.
    """
    if _weight(held.document) > _LARGEST:
        return True
    try:
        text = canonical({"facts": _facts(held), "document": held.document.to_json()})
        if len(text) > _LARGEST:
            return True
        name = blobs.put(project.layout.blobs, zlib.compress(text))
        with database.write(project) as connection:
            _replace(connection, place, held.document.revision, name)
            # Before the commit: if that fails, a cache is lost, and no file is left over.
            for gone in _prune(connection, place):
                blobs.remove(project.layout.blobs, gone)
    except (MaskloomError, OSError, ValueError, TypeError, RecursionError, MemoryError):
        return False
    return True


def _weight(document: Document) -> int:
    """Bytes of the pixels as text, the most of a large document."""
    objects = (*document.objects.values(), *document.deleted.values())
    return sum(len(runs) for held in objects for runs in held.tiles.values()) * 4 // 3


def _replace(connection: Connection, place: Place, revision: int, name: str) -> None:
    layer, sample = place.ids
    values = {"layer_id": layer, "sample_id": sample, "revision": revision}
    same = [checkpoint.c[column] == value for column, value in values.items()]
    connection.execute(delete(checkpoint).where(*same))
    connection.execute(insert(checkpoint).values(**values, sha256=name))


def _prune(connection: Connection, place: Place) -> set[str]:
    """Forget all but the newest of a place; the blobs that no row names then."""
    here = (checkpoint.c.layer_id == place.ids[0], checkpoint.c.sample_id == place.ids[1])
    query = select(checkpoint.c.revision, checkpoint.c.sha256).where(*here)
    old = connection.execute(query.order_by(checkpoint.c.revision.desc())).all()[_NEWEST:]
    if not old:
        return set()
    gone = checkpoint.c.revision.in_([row.revision for row in old])
    connection.execute(delete(checkpoint).where(*here, gone))
    names = {row.sha256 for row in old}
    still = [
        select(column).where(column.in_(names))
        for column in (checkpoint.c.sha256, entry.c.blob, entry.c.confidence)
    ]
    return names.difference(*(connection.execute(query).scalars() for query in still))


def load(
    project: Project, connection: Connection, place: Place, start: Held, at: int | None
) -> Held | None:
    """The last document that was kept after a snapshot, in the same words; or None.

    Args:
        project: whose documents.
        connection: of a transaction.
        place: which sample and layer.
        start: the document of the snapshot.
        at: kept at most at this sequence number; None is now.
    """
    layer, sample = place.ids
    query = select(checkpoint.c.sha256).where(
        checkpoint.c.layer_id == layer,
        checkpoint.c.sample_id == sample,
        checkpoint.c.revision > start.start,
    )
    if at is not None:
        until = select(op.c.revision).where(
            op.c.layer_id == layer, op.c.sample_id == sample, op.c.seq <= at
        )
        until = until.order_by(op.c.revision.desc()).limit(1)
        query = query.where(checkpoint.c.revision <= until.scalar_subquery())
    name = connection.execute(query.order_by(checkpoint.c.revision.desc()).limit(1)).scalar()
    if name is None:
        return None
    try:
        kept = _unpacked(blobs.get(project.layout.blobs, name))
        if kept["facts"] != _facts(start):
            return None
        state = Document.from_json(kept["document"], start.document)
    except (DataError, ValueError, KeyError, TypeError, zlib.error):
        return None
    return Held(state, start.start, state.revision, start.words)


def _facts(held: Held) -> dict[str, Any]:
    """What must be the same for a kept document to hold."""
    words = held.words
    return {
        "version": _VERSION,
        "start": held.start,
        # A map names every category; objects only change when categories are merged.
        "words": words.seq if held.document.form == "map" else words.moved_seq,
    }


def _unpacked(data: bytes) -> Any:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(data, _LARGEST)
    if unpacker.unconsumed_tail:
        raise DataError("a kept document is too large")
    return json.loads(text)
