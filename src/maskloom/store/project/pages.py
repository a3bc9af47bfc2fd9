"""Pages of samples with where they stand, for lists that are scrolled: milliseconds at any size.

Two steps: first the ids of the page, from indexes alone, then the rest for these few. Samples
come in the order of their import; a sample of which a layer says nothing is "todo" there.

A list of one state shrinks while it is worked through, and pages by offset would skip what moved
up. `since` holds it still: what changed after that number of the project stays in the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from sqlalchemy import Connection, Select, and_, func, or_, select

from maskloom.errors import UsageError
from maskloom.store.project import database, layers
from maskloom.store.project.address import DEFAULT_LAYER
from maskloom.store.project.samples import is_text
from maskloom.store.project.schema import head, sample, split

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

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
        since: a sequence number: what changed after it stays in the list of its state, whatever
            state it has now; None: every sample is where it is now.

    Raises:
        UsageError: there is no such state.
    """

    layer: int
    search: str = ""
    state: str | None = None
    split: str | None = None
    since: int | None = None

    def __post_init__(self) -> None:
        if self.state is not None and self.state not in STATES:
            raise UsageError("no such state", seen=self.state, hint=f"known: {', '.join(STATES)}")


@dataclass(frozen=True, slots=True)
class Position:
    """Where one thing is in a list.

    Args:
        before: how many come before it, or before where it would be.
        listed: whether it is in the list itself.
    """

    before: int
    listed: bool


def listed(
    project: Project,
    *,
    layer: str = DEFAULT_LAYER,
    offset: int = 0,
    limit: int = 100,
    **filters: Any,
) -> tuple[list[SampleRow], int]:
    """Some samples with where they stand in a layer, and how many there are in all.

    Args:
        project: open.
        layer: its name.
        offset: how many to skip, 0 or more.
        limit: at most so many, 1 to 1000.
        filters: search, state, split and since, as in `Wanted`.

    Raises:
        UsageError: no such layer or state, or an offset or limit out of range.
    """
    with database.read(project) as connection:
        wanted = Wanted(layers.find(connection, layer).id, **filters)
        return page(connection, wanted, offset=offset, limit=limit)


def position(project: Project, id_: int, *, layer: str = DEFAULT_LAYER, **filters: Any) -> Position:
    """Where a sample is in such a list; 0 in a split that it is not in.

    Raises:
        UsageError: no such layer or state.
    """
    with database.read(project) as connection:
        wanted = Wanted(layers.find(connection, layer).id, **filters)
        return _position(connection, wanted, id_)


def page(
    connection: Connection, wanted: Wanted, *, offset: int = 0, limit: int = 100
) -> tuple[list[SampleRow], int]:
    """The same in a transaction."""
    if not 0 <= offset < _LARGEST or not 1 <= limit <= LARGEST_PAGE:
        raise UsageError(
            f"a page is 1 to {LARGEST_PAGE} samples after an offset of 0 or more",
            seen=f"offset {offset}, limit {limit}",
        )
    if not _possible(wanted):
        return [], 0
    chosen = connection.execute(_chosen(wanted).offset(offset).limit(limit)).scalars()
    ids = [int(id_) for id_ in chosen]
    return rows(connection, wanted.layer, ids), count(connection, wanted)


def count(connection: Connection, wanted: Wanted, before: int | None = None) -> int:
    """How many samples are wanted; with `before`, of those whose place in the order is lower."""
    bare = not wanted.search and wanted.split is None
    if bare and wanted.state == "todo":
        begun = select(func.count()).where(head.c.layer_id == wanted.layer, *_begun(wanted))
        if wanted.since is None:  # the same in words that the index of states knows
            begun = begun.where(head.c.state.in_(("doing", "done")))
        all_ = select(func.count()).select_from(sample)
        if before is not None:
            begun, all_ = begun.where(head.c.sample_id < before), all_.where(sample.c.id < before)
        return _number(connection, all_) - _number(connection, begun)
    chosen, order = _filtered(wanted)
    if before is not None:
        chosen = chosen.where(order < before)
    return _number(connection, select(func.count()).select_from(chosen.subquery()))


def _number(connection: Connection, query: Select[int]) -> int:
    return int(connection.execute(query).scalar_one())


def _possible(wanted: Wanted) -> bool:
    """No name holds what no database takes."""
    return is_text(wanted.search) and is_text(wanted.split)


def _position(connection: Connection, wanted: Wanted, id_: int) -> Position:
    if not _possible(wanted):
        return Position(0, listed=False)
    place: int | None = id_
    if wanted.split is not None:
        places = select(split.c.position).where(
            split.c.name == wanted.split, split.c.sample_id == id_, split.c.until.is_(None)
        )
        place = connection.execute(places).scalar()
    if place is None:
        return Position(0, listed=False)
    chosen, order = _filtered(wanted)
    found = connection.execute(chosen.where(order == place)).first()
    return Position(count(connection, wanted, place), listed=found is not None)


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
    query, order = _filtered(wanted)
    ordered: Select[int] = query.order_by(order)
    return ordered


def _filtered(wanted: Wanted) -> tuple[Any, Any]:
    """Ids of the wanted samples, and the column of their order."""
    state = wanted.state
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
        query = _in_state(query, id_, state, wanted)
    if wanted.search:
        if id_ is not sample.c.id:
            query = query.join(sample, sample.c.id == id_)
        query = query.where(sample.c.key.icontains(wanted.search, autoescape=True))
    return query, order


def _in_state(query: Any, id_: Any, state: str, wanted: Wanted) -> Any:
    here = head.c.layer_id == wanted.layer
    if state == "todo":
        begun = select(head.c.sample_id).where(here, head.c.sample_id == id_, *_begun(wanted))
        return query.where(~begun.exists())
    if id_ is not head.c.sample_id:
        query = query.join(head, head.c.sample_id == id_)
    as_wanted: Any = head.c.state == state
    if wanted.since is not None:
        as_wanted = or_(as_wanted, head.c.seq > wanted.since)
    return query.where(here, as_wanted)


def _begun(wanted: Wanted) -> list[Any]:
    """What a head says of a sample that is not listed as to do."""
    since = [] if wanted.since is None else [head.c.seq <= wanted.since]
    return [head.c.state != "todo", *since]
