"""A layer of a project as a data set, at a sequence number: entries, and operations on top.

What the layer says is fixed when the data set is made, however people go on; labels are read
when asked for. Samples that nobody edited come straight from the snapshot.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.edits.document_labels import empty_labels
from maskloom.errors import DataError, UsageError
from maskloom.store.project import beside, database, layers, samples, splits
from maskloom.store.project.entries import positions, read_labels
from maskloom.store.project.layers import Layer
from maskloom.store.project.licences import with_licences
from maskloom.store.project.schema import entry, op, part
from maskloom.store.project.schema import project as project_table
from maskloom.store.project.schema import sample as sample_table
from maskloom.store.project.vocabulary import Vocabulary

if TYPE_CHECKING:
    from maskloom.store.project.address import Address
    from maskloom.store.project.project import Project


def dataset(
    project: Project, layer: str, at: int | None = None, *, unlabelled: bool = False
) -> Dataset:
    """What a layer says of all its samples.

    Args:
        project: may be closed afterwards.
        layer: its name.
        at: sequence number of the project; None is now.
        unlabelled: also give samples of which the layer says nothing; their labels have no rows
            and cover nothing.

    Raises:
        UsageError: there is no such layer, or the project is not yet at that number.
        DataError: the project is damaged.
    """
    with database.read(project) as connection:
        at = pinned(connection, at, where=project.root)
        of = layers.find(connection, layer)
        words = project.documents.vocabularies.at(connection, at)
        parts = _parts(connection, of.id, at)
        reader = Reader(project, of, at, words, parts)
        reader.load(connection)
        found = samples.read(connection, project.layout)
        named = splits.read(connection, at)
        if not unlabelled:
            known = reader.keys
            found = tuple(sample for sample in found if sample.key in known)
        said, others = beside.sources(connection, project.root, of.id, at)
        own = [source for source in said if source.seq in reader.imports]
        extra, differing = beside.united(own, words.taxonomy)
        extra, found, unlisted = with_licences(connection, extra, found, own, [*said, *others])
    missing = [sample.key for sample in found if sample.image.path is None]
    return Dataset(
        words.taxonomy,
        found,
        reader.labels_of,
        _ordered(named, [one.splits for one in said], {sample.key for sample in found}),
        name=project.name,
        warnings=(*_absences(missing, len(found)), *differing, *unlisted),
        extra=extra,
    )


def pinned(connection: Connection, at: int | None, *, where: object) -> int:
    """A sequence number that the project has reached; None is the present one.

    Raises:
        UsageError: it is still to come.
    """
    now = int(connection.execute(select(project_table.c.seq)).scalar_one())
    if at is not None and at > now:
        raise UsageError(
            "the project has no such revision yet",
            where=where,
            seen=at,
            hint=f"the newest is {now}",
        )
    return now if at is None else at


def pinned_address(project: Project, address: Address) -> Address:
    """The address as it will always be read: with the layer's whole name and a number.

    Raises:
        UsageError: the name of the layer is short for several.
    """
    with database.read(project) as connection:
        name = layers.full_name(connection, address.layer)
        at = pinned(connection, None, where=project.root) if address.at is None else address.at
    return replace(address, layer=name, at=at)


class Reader:
    """Reads labels of a layer at a sequence number, from any thread.

    Operations are read through a project of its own, opened when the first edited sample is
    asked for, and closed with the reader.
    """

    def __init__(
        self, project: Project, layer: Layer, at: int, words: Vocabulary, parts: Mapping[int, str]
    ) -> None:
        self._layout = project.layout
        self._layer, self._at, self._words, self._parts = layer, at, words, parts
        self._positions = positions(words)
        self._entries: dict[str, Any] = {}
        self._edited: set[str] = set()
        self._lock = threading.Lock()
        self._own: Project | None = None

    @property
    def keys(self) -> set[str]:
        """Samples of which the layer says something."""
        return self._edited | set(self._entries)

    @property
    def imports(self) -> set[int]:
        """Numbers of the imports whose labels the layer still has, edited or not."""
        return {int(row.seq) for row in self._entries.values()}

    def load(self, connection: Connection) -> None:
        """Find out which entry or operation speaks of each sample."""
        of = entry.c.layer_id == self._layer.id
        columns = (entry, sample_table.c.height, sample_table.c.width, sample_table.c.depth)
        spoken = (
            select(sample_table.c.key, *columns)
            .join(sample_table, sample_table.c.id == entry.c.sample_id)
            .where(of, entry.c.seq <= self._at)
            .order_by(entry.c.sample_id, entry.c.revision)
        )
        # The last revision of a sample stays.
        self._entries = {row.key: row for row in connection.execute(spoken).all()}
        last = (
            select(sample_table.c.key, func.max(op.c.revision))
            .join(sample_table, sample_table.c.id == op.c.sample_id)
            .where(op.c.layer_id == self._layer.id, op.c.seq <= self._at)
            .group_by(sample_table.c.key)
        )
        self._edited = {
            key
            for key, revision in connection.execute(last)
            if key not in self._entries or self._entries[key].revision < revision
        }

    def labels_of(self, sample: Sample) -> Labels:
        """What the layer says of a sample.

        Raises:
            DataError: the project is damaged.
        """
        if sample.key in self._edited:
            document = self._project().document(sample.key, self._layer.name, self._at)
            return document.to_labels(self._words.taxonomy, self._layer.name)
        row = self._entries.get(sample.key)
        if row is None:
            return self._nothing(sample)
        size = (row.height, row.width) if row.depth is None else (row.depth, row.height, row.width)
        values = {**row._mapping, "path": self._parts.get(row.part_id)}
        labels = read_labels(self._layout, values, size, self._words, self._positions)
        return labels.replace(layer=self._layer.name)

    def _nothing(self, sample: Sample) -> Labels:
        size = sample.image.size
        if size is None or len(size) != 2:
            raise DataError("the size of the image is not known", where=sample.key, seen=size)
        taxonomy = self._words.taxonomy if self._layer.form == "map" else None
        return empty_labels((size[0], size[1]), taxonomy).replace(layer=self._layer.name)

    def _project(self) -> Project:
        from maskloom.store.project.project import Project

        with self._lock:
            if self._own is None:
                self._own = Project.open(self._layout.root, readonly=True)
                weakref.finalize(self, self._own.close)
            return self._own


def _absences(missing: Sequence[str], n: int) -> tuple[str, ...]:
    return (f"{len(missing)} of {n} images are missing, first {missing[0]!r}",) if missing else ()


def _parts(connection: Connection, layer_id: int, at: int) -> dict[int, str]:
    query = select(part.c.id, part.c.path).where(part.c.layer_id == layer_id, part.c.seq <= at)
    return {int(id_): path for id_, path in connection.execute(query.order_by(part.c.seq))}


def _ordered(
    named: Mapping[str, tuple[str, ...]], told: Sequence[Sequence[str]], keys: set[str]
) -> dict[str, tuple[str, ...]]:
    """Splits of some samples: those that the sources name, in their order, then others.

    One that a source names is there even without a sample, as it was in the source.
    """
    here = {name: tuple(k for k in members if k in keys) for name, members in named.items()}
    first = {name: here.get(name, ()) for names in told for name in names}
    return first | {name: members for name, members in here.items() if members}
