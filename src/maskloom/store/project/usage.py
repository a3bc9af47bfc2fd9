"""Which labels say a category now, and how many.

Snapshots are asked by their columns and legends, without reading a mask; only samples that people
edited are read as documents. The regions of a category are `split_reviews.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, func, select

from maskloom.core.document import Document
from maskloom.errors import DataError
from maskloom.store.project import documents, samples
from maskloom.store.project.checkpoints import Place
from maskloom.store.project.layers import Layer
from maskloom.store.project.schema import entry, head, layer, op, part
from maskloom.work.progress import track

if TYPE_CHECKING:
    from maskloom.store.project.project import Project


@dataclass(frozen=True, slots=True)
class Where:
    """A sample in a layer that says a category.

    Args:
        sample: id.
        seq: number of the last change there.
        snapshot: number of its snapshot if nobody edited it since, else None.
    """

    sample: int
    seq: int
    snapshot: int | None


@dataclass(frozen=True, slots=True)
class Usage:
    """Where a category is said.

    Args:
        places: layer → samples.
        objects: layer → how many objects are of it; in a map a class is one object.
    """

    places: dict[str, list[Where]] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)

    @property
    def used(self) -> bool:
        """Whether any label says it."""
        return any(self.objects.values())

    def counts(self) -> dict[str, Any]:
        """Plain JSON: distinct samples and objects, in all and by layer."""
        layers = {
            name: {"samples": len(places), "objects": self.objects[name]}
            for name, places in sorted(self.places.items())
        }
        return {
            "samples": len({one.sample for places in self.places.values() for one in places}),
            "objects": sum(self.objects.values()),
            "layers": layers,
        }


def usage(project: Project, connection: Connection, keys: Iterable[str]) -> Usage:
    """Where any of some categories is said now, in all layers.

    Args:
        project: open.
        connection: of a transaction.
        keys: present keys.

    Raises:
        DataError: stored labels are damaged.
    """
    words = project.documents.vocabularies.at(connection)
    present = set(keys)
    moved = [step.key for step in words.moves]
    old = {key for key, now in zip(moved, words.resolved(moved), strict=True) if now in present}
    wanted = present | old
    found = Usage()

    @cache
    def in_part(path: str) -> NDArray[np.int64]:
        return _running(_hits(project.root / path, wanted))

    for row in track(_newest(connection), "counting labels", unit="images"):
        edited = row.revision is None or row.head > row.revision
        if edited:
            said = Layer(row.layer_id, row.name, row.form, row.immutable)
            place = Place(said, samples.find(connection, row.sample_id, where=project.root))
            number = _said(documents.head(project, connection, place).document, present)
        elif row.path is None:
            number = len({*(key for key in row.legend or () if key in wanted)})
        else:
            sums = in_part(row.path)
            number = int(sums[row.first + row.count] - sums[row.first])
        if number:
            where = Where(row.sample_id, row.head_seq, None if edited else row.entry_seq)
            found.places.setdefault(row.name, []).append(where)
            found.objects[row.name] = found.objects.get(row.name, 0) + number
    return found


def mentioned(connection: Connection, keys: Iterable[str], since: int) -> bool:
    """Whether an operation after a sequence number names one of some categories."""
    for key in keys:
        text = op.c.payload.contains(f'"{key}"', autoescape=True)
        if connection.execute(select(op.c.seq).where(op.c.seq > since, text).limit(1)).first():
            return True
    return False


def _newest(connection: Connection) -> list[Any]:
    """For every place its layer, its head, and its last entry if there is one."""
    last = (
        select(entry.c.layer_id, entry.c.sample_id, func.max(entry.c.revision).label("revision"))
        .group_by(entry.c.layer_id, entry.c.sample_id)
        .subquery()
    )
    same = (last.c.layer_id == head.c.layer_id, last.c.sample_id == head.c.sample_id)
    query = (
        select(
            head.c.layer_id,
            head.c.sample_id,
            head.c.revision.label("head"),
            head.c.seq.label("head_seq"),
            layer.c.name,
            layer.c.form,
            layer.c.immutable,
            entry.c.revision,
            entry.c.seq.label("entry_seq"),
            entry.c.first,
            entry.c.count,
            entry.c.legend,
            part.c.path,
        )
        .join(layer, layer.c.id == head.c.layer_id)
        .outerjoin(last, and_(*same))
        .outerjoin(
            entry,
            and_(
                entry.c.layer_id == last.c.layer_id,
                entry.c.sample_id == last.c.sample_id,
                entry.c.revision == last.c.revision,
            ),
        )
        .outerjoin(part, part.c.id == entry.c.part_id)
        .order_by(head.c.layer_id, head.c.sample_id)
    )
    return list(connection.execute(query))


def _said(document: Document, keys: set[str]) -> int:
    if document.form == "map":
        return sum(uid in keys and bool(held.tiles) for uid, held in document.objects.items())
    return sum(held.category in keys for held in document.objects.values())


def _hits(path: Path, keys: set[str]) -> NDArray[np.bool_]:
    """Which rows of a snapshot's file are of some categories; no other column is read."""
    try:
        column = pq.read_table(path, columns=["category"])["category"].cast(pa.string())
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            "stored labels are missing or damaged",
            where=path,
            seen=error,
            hint="put the file back from a backup",
        ) from error
    return np.asarray(pc.is_in(column, value_set=pa.array(sorted(keys))), bool)


def _running(hits: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number of hits before each row, and in all."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(hits, dtype=np.int64)])
