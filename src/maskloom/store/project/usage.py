"""Which labels say a category now, and how many.

Snapshots are asked by their columns and legends, without reading a mask; only samples that people
edited are read as documents. A label that was deleted or replaced says nothing now, but may come
back: the category is still named. The regions of a category are `split_reviews.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable
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

from maskloom.errors import DataError
from maskloom.store.project import documents, samples
from maskloom.store.project.checkpoints import Place
from maskloom.store.project.layers import Layer
from maskloom.store.project.schema import entry, head, layer, op, part
from maskloom.store.project.schema import project as project_table
from maskloom.store.project.vocabulary import Vocabulary
from maskloom.work.progress import track

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

Sums = Callable[[str], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Where:
    """A sample in a layer that says a category.

    Args:
        sample: id.
        seq: number of the last change there.
        snapshot: number of its snapshot if nobody edited it since, else None.
        objects: how many objects there are of it; in a map a class is one object.
    """

    sample: int
    seq: int
    snapshot: int | None
    objects: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Where a category is said.

    Args:
        keys: of the category, and what was merged into it.
        until: number in the project up to which this was counted.
        named: whether anything stored names it, also what was replaced or deleted since.
        places: layer → samples that say it now.
    """

    keys: frozenset[str] = frozenset()
    until: int = 0
    named: bool = False
    places: dict[str, list[Where]] = field(default_factory=dict)

    def counts(self) -> dict[str, Any]:
        """Plain JSON: distinct samples and objects, in all and by layer."""
        layers = {
            name: {"samples": len(places), "objects": sum(one.objects for one in places)}
            for name, places in sorted(self.places.items())
        }
        return {
            "samples": len({one.sample for places in self.places.values() for one in places}),
            "objects": sum(layer["objects"] for layer in layers.values()),
            "layers": layers,
        }


def usage(
    project: Project, connection: Connection, keys: Iterable[str], known: Usage | None = None
) -> Usage:
    """Where any of some categories is said now, in all layers.

    Args:
        project: open.
        connection: of a transaction.
        keys: present keys.
        known: an earlier answer; only what was changed since is counted again, where it is of
            the same keys.

    Raises:
        DataError: stored labels are damaged.
    """
    present = frozenset(keys)
    wanted = meant(project.documents.vocabularies.at(connection), present)
    if known is None or known.keys != wanted:
        known = Usage(wanted)
    until = int(connection.execute(select(project_table.c.seq)).scalar_one())
    sums = _sums(project, wanted)
    places = {name: {one.sample: one for one in held} for name, held in known.places.items()}
    for row in track(_newest(connection, known.until), "counting labels", unit="images"):
        edited = row.revision is None or row.head > row.revision
        if edited:
            number = _in_document(project, connection, row, present)
        elif row.path is None:
            number = len({*(key for key in row.legend or () if key in wanted)})
        else:
            before = sums(row.path)
            number = int(before[row.first + row.count] - before[row.first])
        held = places.setdefault(row.name, {})
        held.pop(row.sample_id, None)
        if number:
            snapshot = None if edited else row.entry_seq
            held[row.sample_id] = Where(row.sample_id, row.head_seq, snapshot, number)
    found = {name: list(held.values()) for name, held in places.items() if held}
    was = known.named or bool(found) or _named(connection, wanted, known.until, sums)
    return Usage(wanted, until, was, found)


def meant(words: Vocabulary, keys: Iterable[str]) -> frozenset[str]:
    """Some present keys, and all that were merged into them."""
    present = frozenset(keys)
    moved = [step.key for step in words.moves]
    pairs = zip(moved, words.resolved(moved), strict=True)
    return present | {key for key, now in pairs if now in present}


def named(project: Project, connection: Connection, keys: frozenset[str], since: int) -> bool:
    """Whether anything that was stored after a sequence number names some keys.

    Raises:
        DataError: stored labels are damaged.
    """
    return _named(connection, keys, since, _sums(project, keys))


def covered(connection: Connection, keys: Container[str]) -> bool:
    """Whether a snapshot says of some keys that it looked for them."""
    said = connection.execute(select(entry.c.coverage).where(entry.c.coverage.is_not(None)))
    return any(key in keys for one in said.scalars() for key in one.get("categories", ()))


def _named(connection: Connection, keys: frozenset[str], since: int, sums: Sums) -> bool:
    """Labels are made of snapshots and operations: what neither names, no state can say."""
    paths = connection.execute(select(part.c.path).where(part.c.seq > since)).scalars().all()
    if any(sums(path)[-1] for path in paths):
        return True
    legends = select(entry.c.legend).where(entry.c.seq > since, entry.c.legend.is_not(None))
    if any(not keys.isdisjoint(legend) for legend in connection.execute(legends).scalars()):
        return True
    for key in keys:
        # The text of a key may be another value's: only what contains it is read.
        text = op.c.payload.contains(json.dumps(key, ensure_ascii=False), autoescape=True)
        payloads = connection.execute(
            select(op.c.payload).where(op.c.seq > since, text), execution_options={"yield_per": 100}
        )
        with payloads:
            if any(_says(payload, key) for payload in payloads.scalars()):
                return True
    return False


def _says(payload: str, key: str) -> bool:
    """Whether an operation names a category, of an object or as the class of a map."""
    return any(
        change["object"] == key or key in change.get("set", {}).get("category", ())
        for change in json.loads(payload)["changes"]
    )


def _in_document(project: Project, connection: Connection, row: Any, keys: frozenset[str]) -> int:
    said = Layer(row.layer_id, row.name, row.form, row.immutable)
    place = Place(said, samples.find(connection, row.sample_id, where=project.root))
    document = documents.head(project, connection, place).document
    if document.form == "map":
        return sum(uid in keys and bool(held.tiles) for uid, held in document.objects.items())
    return sum(held.category in keys for held in document.objects.values())


def _newest(connection: Connection, since: int) -> list[Any]:
    """For every place changed since its layer, its head, and its last entry if there is one."""
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
        .where(head.c.seq > since)
        .order_by(head.c.layer_id, head.c.sample_id)
    )
    return list(connection.execute(query))


def _sums(project: Project, keys: frozenset[str]) -> Sums:
    """For a snapshot's file, how many rows before each, and in all, are of some categories."""

    @cache
    def sums(path: str) -> NDArray[np.int64]:
        hits = _hits(project.root / path, keys)
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(hits, dtype=np.int64)])

    return sums


def _hits(path: Path, keys: frozenset[str]) -> NDArray[np.bool_]:
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
