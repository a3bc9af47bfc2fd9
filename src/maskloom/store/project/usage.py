"""Which labels say a category now: counts for a dry run, regions for a review.

Snapshots are asked by their columns and legends, without reading a mask; only samples that people
edited are read as documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from maskloom.core.tiles import tiles_to_masks
from maskloom.errors import DataError
from maskloom.store.project import documents, samples
from maskloom.store.project.checkpoints import Place
from maskloom.store.project.layers import Layer
from maskloom.store.project.schema import entry, head, layer, op, part
from maskloom.work.progress import track

if TYPE_CHECKING:
    from maskloom.store.project.project import Project


@dataclass(frozen=True, slots=True)
class Usage:
    """Where a category is said.

    Args:
        samples: layer → ids of the samples that say it.
        objects: layer → how many objects are of it; in a map a class is one object.
    """

    samples: dict[str, list[int]] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)

    @property
    def used(self) -> bool:
        """Whether any label says it."""
        return any(self.objects.values())

    def counts(self) -> dict[str, Any]:
        """Plain JSON: distinct samples and objects, in all and by layer."""
        layers = {
            name: {"samples": len(ids), "objects": self.objects[name]}
            for name, ids in sorted(self.samples.items())
            if ids
        }
        return {
            "samples": len({one for ids in self.samples.values() for one in ids}),
            "objects": sum(self.objects.values()),
            "layers": layers,
        }


@dataclass(frozen=True, slots=True)
class Spot:
    """One region that says a category: an object, or a connected part of a class.

    Args:
        sample: id.
        box: (x0, y0, x1, y1) in px.
        area: pixels.
        object: uid in the document.
    """

    sample: int
    box: tuple[int, int, int, int]
    area: int
    object: str


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
        said = Layer(row.layer_id, row.name, row.form, row.immutable)
        if row.revision is None or row.head > row.revision:
            place = Place(said, samples.find(connection, row.sample_id, where=project.root))
            number = _said(documents.head(project, connection, place).document, present)
        elif row.path is None:
            number = len({*(key for key in row.legend or () if key in wanted)})
        else:
            sums = in_part(row.path)
            number = int(sums[row.first + row.count] - sums[row.first])
        if number:
            found.samples.setdefault(row.name, []).append(row.sample_id)
            found.objects[row.name] = found.objects.get(row.name, 0) + number
    return found


def spots(document: Document, sample: int, key: str) -> Iterator[Spot]:
    """The regions of one category in a document, in order."""
    for uid, held in document.objects.items():
        if held.category != key or not held.tiles:
            continue
        mask = tiles_to_masks([held.tiles], document.size_hw)
        parts = mask.components()[0] if document.form == "map" else mask
        for i, area in enumerate(parts.areas.tolist()):
            x0, y0, x1, y1 = (int(edge) for edge in parts.boxes[i])
            yield Spot(sample, (x0, y0, x1, y1), int(area), uid)


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
            layer.c.name,
            layer.c.form,
            layer.c.immutable,
            entry.c.revision,
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
