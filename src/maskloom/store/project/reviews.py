"""Reviews of a project: ranked lists of regions where two layers disagree, and their verdicts.

A review is stored in one transaction and never changed; a verdict comes as an operation on the
sample (`operations.py`) and is noted at its item there. Regions are found by `quality/`; items are
read by `review_items.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, insert, select

from maskloom.core.region import Region
from maskloom.errors import DataError
from maskloom.store.project import database, layers
from maskloom.store.project.address import Address
from maskloom.store.project.review_items import database_text
from maskloom.store.project.review_objects import object_uids
from maskloom.store.project.schema import review, review_item, sample

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

_MOST = 1000


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One review.

    Args:
        id: counts from 1.
        seq: number in the project.
        truth, predicted: what was compared: `LAYER#NUMBER`, or the name of data elsewhere.
        created: when, in UTC.
        items: how many regions it lists.
        open: how many have no verdict yet.
    """

    id: int
    seq: int
    truth: str
    predicted: str
    created: str
    items: int
    open: int


def add_review(
    project: Project, truth: Address, predicted: Address | str, regions: Sequence[Region]
) -> ReviewRow:
    """Store regions as a review, in their order, in one transaction.

    Args:
        project: open for writing.
        truth: the layer of this project that is in question, at the number it was read at.
        predicted: what it was compared with: another layer of it, or what else to call it.
        regions: worst first; their samples are the project's.

    Raises:
        DataError: a sample is not in the project.
        WriteError: the project cannot be written.
    """
    other = predicted if isinstance(predicted, Address) else None
    with database.read(project) as connection:
        ids = _sample_ids(connection, {region.sample for region in regions})
        uids = object_uids(project, connection, (truth, other), regions, ids)
        names = (_place(connection, truth), _place(connection, predicted))
    rows = [
        _row(region, ids[region.sample], uid) for region, uid in zip(regions, uids, strict=True)
    ]
    with database.write(project) as connection:
        return record(connection, database.next_seq(connection), names, rows)


def record(
    connection: Connection, seq: int, sides: tuple[str, str], rows: Sequence[Mapping[str, Any]]
) -> ReviewRow:
    """Write a review down, in the transaction of what it belongs to.

    Args:
        connection: of a transaction that writes.
        seq: number in the project.
        sides: what to call the layer in question and what it was compared with.
        rows: `item_row` of each region, worst first.
    """
    values: dict[str, Any] = {
        "seq": seq,
        "truth": sides[0],
        "predicted": sides[1],
        "created": database.now(),
        "items": len(rows),
    }
    added = insert(review).values(values).returning(review.c.id)
    number = int(connection.execute(added).scalar_one())
    if rows:
        listed = [
            {**row, "id": item_id(number, rank), "review_id": number, "rank": rank}
            for rank, row in enumerate(rows, 1)
        ]
        connection.execute(insert(review_item), listed)
    return ReviewRow(id=number, open=len(rows), **values)


def item_row(
    sample_id: int, box: tuple[int, int, int, int], *, reason: str, **said: object
) -> dict[str, Any]:
    """The columns of one region, apart from its place in a review.

    Args:
        sample_id: of its sample.
        box: (x0, y0, x1, y1) in px.
        reason: for people.
        said: the other columns, by name.
    """
    corners = dict(zip(("x0", "y0", "x1", "y1"), box, strict=True))
    return {"sample_id": sample_id, **corners, "reason": database_text(reason), **said}


def item_id(review_id: int, rank: int) -> str:
    """The id of an item, unique in the project."""
    return f"{review_id}-{rank}"


def reviews(project: Project) -> list[ReviewRow]:
    """Every review, the oldest first."""
    still = (
        select(func.count())
        .where(review_item.c.review_id == review.c.id, review_item.c.verdict.is_(None))
        .scalar_subquery()
    )
    with database.read(project) as connection:
        found = connection.execute(select(review, still.label("open")).order_by(review.c.id))
        return [ReviewRow(**row) for row in found.mappings()]


def _sample_ids(connection: Connection, keys: set[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    wanted = sorted(keys)
    for start in range(0, len(wanted), _MOST):
        query = select(sample.c.key, sample.c.id).where(
            sample.c.key.in_(wanted[start : start + _MOST])
        )
        found.update({key: int(id_) for key, id_ in connection.execute(query)})
    absent = [key for key in wanted if key not in found]
    if absent:
        raise DataError("no such sample in the project", seen=absent[0])
    return found


def _row(region: Region, sample_id: int, uid: str | None) -> dict[str, Any]:
    return item_row(
        sample_id,
        region.box,
        reason=region.reason,
        kind=region.kind,
        category=region.category,
        other=region.other,
        area=region.area,
        score=region.severity,
        object=uid,
    )


def _place(connection: Connection, side: Address | str) -> str:
    """`LAYER#NUMBER` of a layer of the project, under its whole name; else the text."""
    if isinstance(side, str):
        return database_text(side)
    name = layers.full_name(connection, side.layer)
    return name if side.at is None else f"{name}#{side.at}"
