"""Documents that are kept as blobs, so that opening a sample does not replay its history.

Only a cache: one that is lost, damaged, or told in other words than the taxonomy has now, is
passed over. What a document is made from is `documents.py`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, select

from maskloom.core.document import Document
from maskloom.core.operations import canonical
from maskloom.errors import DataError, MaskloomError
from maskloom.store.project import blobs, database
from maskloom.store.project.layers import Layer
from maskloom.store.project.schema import checkpoint, op
from maskloom.store.project.vocabulary import Vocabulary

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

CHECKPOINT_OPS = 64
"""So many operations are replayed at most, but for those of a killed or full machine."""
_VERSION = 1
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
    """Keep a document as it is now; whether that was possible.

    A full disk loses nothing by it, so that is no error.
    """
    data = zlib.compress(canonical({"facts": _facts(held), "document": held.document.to_json()}))
    layer, sample = place.ids
    revision = held.document.revision
    same = (checkpoint.c.layer_id == layer, checkpoint.c.sample_id == sample,
            checkpoint.c.revision == revision)  # fmt: skip
    try:
        name = blobs.put(project.layout.blobs, data)
        with database.write(project) as connection:
            connection.execute(delete(checkpoint).where(*same))
            connection.execute(
                insert(checkpoint).values(
                    layer_id=layer, sample_id=sample, revision=revision, sha256=name
                )
            )
    except MaskloomError:
        return False
    return True


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
