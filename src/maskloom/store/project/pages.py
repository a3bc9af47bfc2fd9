"""Pages of samples with where they stand, for lists that are scrolled: milliseconds at any size.

Two steps: first the ids of the page, from indexes alone, then the rest for these few. Samples
come in the order of their import; a sample of which a layer says nothing is "todo" there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Select, and_, func, select

from maskloom.errors import UsageError
from maskloom.store.project import layers
from maskloom.store.project.samples import is_text
from maskloom.store.project.schema import head, sample, split

State = Literal["todo", "doing", "done"]
STATES: tuple[str, ...] = get_args(State)
LARGEST_PAGE = 1000
_LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A sample for lists, with where it stands in one layer.

    Args:
        id: in this project.
        key: relative path without suffix.
        height, width: upright size, or None while it is not known.
        state: `todo`, `doing` or `done`.
        objects: how many objects the layer says.
        revision: counts the states in the layer; 0 while it says nothing.
        splits: names of the splits that the sample is in.
        updated: time of the last change in UTC, or None.
        author: of the last change, or None.
    """

    id: int
    key: str
    height: int | None
    width: int | None
    state: str
    objects: int
    revision: int
    splits: tuple[str, ...]
    updated: str | None
    author: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which samples a list shows.

    Args:
        layer: id of the layer that states are of.
        search: part of the key, in any case.
        state: one state, or None for all.
        split: one split, or None for all.

    Raises:
        UsageError: there is no such state.
    """

    layer: int
    search: str = ""
    state: str | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        if self.state is not None and self.state not in STATES:
            raise UsageError("no such state", seen=self.state, hint=f"known: {', '.join(STATES)}")


def page(
    connection: Connection, wanted: Wanted, *, offset: int = 0, limit: int = 100
) -> tuple[list[SampleRow], int]:
    """Some of the wanted samples, and how many there are in all.

    Args:
        connection: of a transaction.
        wanted: which samples.
        offset: how many to skip, 0 or more.
        limit: at most so many, 1 to 1000.

    Raises:
        UsageError: an offset or limit out of range.
    """
    if not 0 <= offset < _LARGEST or not 1 <= limit <= LARGEST_PAGE:
        raise UsageError(
            f"a page is 1 to {LARGEST_PAGE} samples after an offset of 0 or more",
            seen=f"offset {offset}, limit {limit}",
        )
    if not (is_text(wanted.search) and is_text(wanted.split)):
        return [], 0  # no name holds what no database takes
    chosen = connection.execute(_chosen(wanted).offset(offset).limit(limit)).scalars()
    ids = [int(id_) for id_ in chosen]
    return rows(connection, wanted.layer, ids), count(connection, wanted)


def count(connection: Connection, wanted: Wanted) -> int:
    """How many samples are wanted."""
    bare = not wanted.search and wanted.split is None
    if bare and wanted.state == "todo":
        begun = (head.c.layer_id == wanted.layer, head.c.state.in_(("doing", "done")))
        others = connection.execute(select(func.count()).select_from(head).where(*begun))
        all_ = connection.execute(select(func.count()).select_from(sample))
        return int(all_.scalar_one()) - int(others.scalar_one())
    chosen = _chosen(wanted).order_by(None).subquery()
    return int(connection.execute(select(func.count()).select_from(chosen)).scalar_one())


def counts(connection: Connection, layer: int) -> dict[str, int]:
    """How many samples are in each state."""
    return {state: count(connection, Wanted(layer, state=state)) for state in STATES}


def rows(connection: Connection, layer: int, ids: Sequence[int]) -> list[SampleRow]:
    """Samples of some ids, in that order; ids that are not there are left out."""
    query = (
        select(
            sample.c.id,
            sample.c.key,
            sample.c.height,
            sample.c.width,
            head.c.state,
            head.c.objects,
            head.c.revision,
            head.c.updated,
            head.c.author,
        )
        .outerjoin(head, and_(head.c.layer_id == layer, head.c.sample_id == sample.c.id))
        .where(sample.c.id.in_(ids))
    )
    places = select(split.c.sample_id, split.c.name).where(
        split.c.sample_id.in_(ids), split.c.until.is_(None)
    )
    names: dict[int, list[str]] = {}
    for id_, name in connection.execute(places.order_by(split.c.sample_id, split.c.name)):
        names.setdefault(id_, []).append(name)
    found = {row.id: _row(row, tuple(names.get(row.id, ()))) for row in connection.execute(query)}
    return [found[id_] for id_ in ids if id_ in found]


def row(connection: Connection, layer: str, id_: int) -> SampleRow:
    """One sample that is there."""
    return rows(connection, layers.find(connection, layer).id, [id_])[0]


def _row(row: Any, splits: tuple[str, ...]) -> SampleRow:
    return SampleRow(
        id=row.id,
        key=row.key,
        height=row.height,
        width=row.width,
        state=row.state or "todo",
        objects=row.objects or 0,
        revision=row.revision or 0,
        splits=splits,
        updated=row.updated,
        author=row.author,
    )


def _chosen(wanted: Wanted) -> Select[int]:
    """Ids of the wanted samples, in order."""
    state, layer = wanted.state, wanted.layer
    if wanted.split is not None:
        here = split.c.until.is_(None)
        query = select(split.c.sample_id).where(split.c.name == wanted.split, here)
        id_, order = split.c.sample_id, split.c.position
    elif state in ("doing", "done"):
        query, id_ = select(head.c.sample_id), head.c.sample_id
        order = head.c.sample_id
    else:
        query, id_, order = select(sample.c.id), sample.c.id, sample.c.id
    if state is not None:
        query = _in_state(query, id_, state, layer)
    if wanted.search:
        if id_ is not sample.c.id:
            query = query.join(sample, sample.c.id == id_)
        query = query.where(sample.c.key.icontains(wanted.search, autoescape=True))
    return query.order_by(order)


def _in_state(query: Any, id_: Any, state: str, layer: int) -> Any:
    if state == "todo":
        begun = select(head.c.sample_id).where(
            head.c.layer_id == layer, head.c.sample_id == id_, head.c.state != "todo"
        )
        return query.where(~begun.exists())
    if id_ is not head.c.sample_id:
        query = query.join(head, head.c.sample_id == id_)
    return query.where(head.c.layer_id == layer, head.c.state == state)
