"""Reviews of a project: ranked lists of regions where two layers disagree, and their verdicts.

A review is stored in one transaction and never changed; a verdict comes as an operation on the
sample (`operations.py`) and is noted at its item there. Regions are found by `quality/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, insert, select

from maskloom.core.region import Region
from maskloom.errors import DataError, UsageError
from maskloom.store.project import database
from maskloom.store.project.address import Address
from maskloom.store.project.review_objects import object_uids
from maskloom.store.project.samples import LARGEST_ID
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


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One region of a review.

    Args:
        id: unique in the project.
        review_id: which review.
        rank: 1 is the worst.
        sample_id, sample: id and key of the sample.
        kind, category, other, area, score, reason: as in `Region`; score is the severity.
        x0, y0, x1, y1: its box in px.
        object: uid of the object concerned, in the predicted layer where it is extra, else in
            the layer in question; None where there is none.
        verdict: what somebody decided, or None.
    """

    id: str
    review_id: int
    rank: int
    sample_id: int
    sample: str
    kind: str
    category: str | None
    other: str | None
    x0: int
    y0: int
    x1: int
    y1: int
    area: int
    score: float
    reason: str
    object: str | None
    verdict: str | None


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
    names = (_place(truth), _place(predicted))
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
    return {"sample_id": sample_id, **corners, "reason": _text(reason), **said}


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


def review_items(
    project: Project,
    review_id: int,
    *,
    offset: int = 0,
    limit: int = 100,
    open_only: bool = False,
) -> tuple[list[ReviewItem], int]:
    """Some items of a review, worst first, and how many there are in all.

    Args:
        project: open.
        review_id: which review.
        offset: how many to skip.
        limit: at most so many, 1 to 1000.
        open_only: leave out, and do not count, what has a verdict.

    Raises:
        UsageError: there is no such review, or offset or limit is out of range.
    """
    for name, value, low, high in (("offset", offset, 0, LARGEST_ID), ("limit", limit, 1, _MOST)):
        if not low <= value <= high:
            raise UsageError(f"{name} is {low} to {high}", seen=value)
    with database.read(project) as connection:
        _check(connection, project, review_id)
        wanted = [review_item.c.review_id == review_id]
        if open_only:
            wanted.append(review_item.c.verdict.is_(None))
        total = connection.execute(select(func.count()).where(*wanted)).scalar_one()
        query = _items().where(*wanted).order_by(review_item.c.rank).offset(offset).limit(limit)
        return [_item(row) for row in connection.execute(query).mappings()], int(total)


def item(project: Project, id_: str) -> ReviewItem:
    """One item.

    Raises:
        UsageError: there is none.
    """
    with database.read(project) as connection:
        query = _items().where(review_item.c.id == _text(id_))
        row = connection.execute(query).mappings().first()
    if row is None:
        raise UsageError("no such review item", where=project.root, seen=id_)
    return _item(row)


def _items() -> Any:
    columns = [c for c in review_item.c if c.name != "verdict_seq"]
    joined = review_item.join(sample, sample.c.id == review_item.c.sample_id)
    return select(*columns, sample.c.key.label("sample")).select_from(joined)


def _item(row: Any) -> ReviewItem:
    return ReviewItem(**{field.name: row[field.name] for field in fields(ReviewItem)})


def _check(connection: Connection, project: Project, review_id: int) -> None:
    query = select(review.c.id).where(review.c.id == review_id)
    known = 0 < review_id <= LARGEST_ID and connection.execute(query).first()
    if not known:
        raise UsageError("no such review", where=project.root, seen=review_id)


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


def _place(side: Address | str) -> str:
    """`LAYER#NUMBER` of a layer of the project, else the text."""
    if isinstance(side, str):
        return _text(side)
    return side.layer if side.at is None else f"{side.layer}#{side.at}"


def _text(text: str) -> str:
    """What every database keeps."""
    return text.encode(errors="replace").decode().replace("\0", "?")
