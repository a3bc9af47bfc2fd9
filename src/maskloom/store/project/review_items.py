"""The items of a review: in pages, the worst first, all of them or what is still open.

A list of what is open shrinks while it is worked through, and pages by offset would skip what
moved up. `since` holds it still: what got its verdict after that number of the project stays.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, or_, select

from maskloom.core.region import DISAGREEMENTS, Region
from maskloom.errors import UsageError
from maskloom.store.project import database
from maskloom.store.project.pages import Position
from maskloom.store.project.samples import LARGEST_ID
from maskloom.store.project.schema import review, review_item, sample

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

_MOST = 1000
_SETTLED = ("kept", "void")


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


def review_items(
    project: Project,
    review_id: int,
    *,
    offset: int = 0,
    limit: int = 100,
    open_only: bool = False,
    since: int | None = None,
) -> tuple[list[ReviewItem], int]:
    """Some items of a review, worst first, and how many there are in all.

    Args:
        project: open.
        review_id: which review.
        offset: how many to skip.
        limit: at most so many, 1 to 1000.
        open_only: leave out, and do not count, what has a verdict.
        since: a sequence number: what got its verdict after it is not left out, so that a list
            that is worked through page by page skips nothing.

    Raises:
        UsageError: there is no such review, or offset or limit is out of range.
    """
    for name, value, low, high in (("offset", offset, 0, LARGEST_ID), ("limit", limit, 1, _MOST)):
        if not low <= value <= high:
            raise UsageError(f"{name} is {low} to {high}", seen=value)
    with database.read(project) as connection:
        _check(connection, project, review_id)
        wanted = _wanted(review_id, open_only, since)
        total = connection.execute(select(func.count()).where(*wanted)).scalar_one()
        query = _items().where(*wanted).order_by(review_item.c.rank).offset(offset).limit(limit)
        return [_item(row) for row in connection.execute(query).mappings()], int(total)


def item_position(
    project: Project,
    review_id: int,
    id_: str,
    *,
    open_only: bool = False,
    since: int | None = None,
) -> Position:
    """Where an item is among the items of its review.

    Args:
        project: open.
        review_id: which review.
        id_: of the item.
        open_only: as in `review_items`.
        since: likewise.

    Raises:
        UsageError: the review has no such item.
    """
    with database.read(project) as connection:
        own = (review_item.c.id == database_text(id_), review_item.c.review_id == review_id)
        rank = connection.execute(select(review_item.c.rank).where(*own)).scalar()
        if rank is None:
            raise UsageError("no such item in the review", where=project.root, seen=id_)
        wanted = _wanted(review_id, open_only, since)
        counted = select(func.count()).where(*wanted, review_item.c.rank < rank)
        listed = connection.execute(select(review_item.c.id).where(*own, *wanted)).first()
        return Position(connection.execute(counted).scalar_one(), listed=listed is not None)


def item(project: Project, id_: str) -> ReviewItem:
    """One item.

    Raises:
        UsageError: there is none.
    """
    with database.read(project) as connection:
        query = _items().where(review_item.c.id == database_text(id_))
        row = connection.execute(query).mappings().first()
    if row is None:
        raise UsageError("no such review item", where=project.root, seen=id_)
    return _item(row)


def _wanted(review_id: int, open_only: bool, since: int | None) -> list[Any]:  # noqa: FBT001
    wanted: list[Any] = [review_item.c.review_id == review_id]
    if open_only:
        still: Any = review_item.c.verdict.is_(None)
        if since is not None:
            still = or_(still, review_item.c.verdict_seq > since)
        wanted.append(still)
    return wanted


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


def database_text(text: str) -> str:
    """What every database keeps."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def settled_regions(project: Project, layer: str) -> list[Region]:
    """What was decided for good about a layer: its labels were kept, or nobody could tell.

    Args:
        project: open.
        layer: name of the layer in question.
    """
    query = (
        select(review_item, sample.c.key.label("sample"), review.c.truth)
        .join(sample, sample.c.id == review_item.c.sample_id)
        .join(review, review.c.id == review_item.c.review_id)
        .where(review_item.c.verdict.in_(_SETTLED), review_item.c.kind.in_(DISAGREEMENTS))
    )
    with database.read(project) as connection:
        found = connection.execute(query).mappings().all()
    return [
        Region(
            row["sample"],
            row["kind"],
            row["category"] or "",
            row["other"],
            (row["x0"], row["y0"], row["x1"], row["y1"]),
            row["area"],
            row["score"],
            row["reason"],
        )
        for row in found
        if row["truth"].rpartition("#")[0] == layer
    ]
