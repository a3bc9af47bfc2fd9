"""Routes of the review queue: what a comparison found, the worst first.

A verdict is no route: it is an operation like every other gesture (`operations.py`), which
sets the field `verdict/ITEM` of the document.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from maskloom.faces.labelling.samples import LARGEST, PositionAnswer, Since, position_answer
from maskloom.labelling.desk import Desk
from maskloom.labelling.errors import looking_up
from maskloom.labelling.places import item_place
from maskloom.store.project import taxonomies

ReviewId = Annotated[int, Path(ge=1, le=LARGEST, description="id of the review")]


class ReviewAnswer(BaseModel):
    """One comparison of two layers."""

    model_config = ConfigDict(extra="allow")

    id: int
    truth: str
    predicted: str
    created: str = Field(description="UTC")
    items: int = Field(description="how many it found")
    open: int = Field(description="how many have no verdict yet")


class ReviewsAnswer(BaseModel):
    """All reviews, the newest first."""

    reviews: list[ReviewAnswer]


class ItemAnswer(BaseModel):
    """One region to look at."""

    model_config = ConfigDict(extra="allow")

    id: str
    review_id: int = Field(description="which review it is of")
    rank: int = Field(description="1 is the worst")
    sample_id: int = Field(description="where to look")
    sample: str = Field(description="key of the sample; any text")
    kind: str = Field(description="missing, extra, wrong-class, boundary or split")
    category: str | None
    other: str | None = Field(description="the class of the other side")
    x0: int
    y0: int
    x1: int
    y1: int
    area: int = Field(description="pixels in question")
    score: float = Field(description="0 to 1, how bad")
    reason: str = Field(description="one sentence for people; any text")
    object: str | None = Field(description="uid of the object in question, if there is one")
    verdict: str | None = Field(description="fixed, accepted, kept, void, unsure, or null: open")
    choices: list[str] = Field(description="keys of the classes it may be of (split), else none")
    place: str = Field(description="fragment of the page that shows it")


class ItemsAnswer(BaseModel):
    """A page of a queue."""

    total: int
    items: list[ItemAnswer]
    sequence: int = Field(description="number of the project then; further pages give it as since")
    position: PositionAnswer | None = Field(None, description="where the item in `of` is")


def add_reviews(router: APIRouter, desk: Desk) -> None:
    """Add the routes."""
    project = desk.project

    @router.get("/reviews", operation_id="list_reviews", tags=["reviews"])
    def list_reviews() -> ReviewsAnswer:
        """List the reviews, the newest first."""
        found = sorted(project.reviews(), key=lambda one: one.id, reverse=True)
        return ReviewsAnswer(
            reviews=[ReviewAnswer.model_validate(one, from_attributes=True) for one in found]
        )

    @router.get("/reviews/{review}/items", operation_id="list_items", tags=["reviews"])
    def list_items(
        review: ReviewId,
        *,
        offset: Annotated[int, Query(ge=0, le=LARGEST // 4)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        open: Annotated[bool, Query(description="only those without a verdict")] = False,
        since: Since = None,
        of: Annotated[
            str | None,
            Query(max_length=64, description="id of an item: say where it is in the list"),
        ] = None,
    ) -> ItemsAnswer:
        """List the items of a review, the worst first, one page at a time."""
        # Read first: what changes from here on is in the list of whoever gives it as since.
        sequence = project.sequence()
        wanted: dict[str, Any] = {"open_only": open, "since": since}
        position = None
        with looking_up():
            items, total = project.review_items(review, offset=offset, limit=limit, **wanted)
            if of is not None:
                position = project.item_position(review, of, **wanted)
        return ItemsAnswer(
            total=total,
            items=_answers(desk, items),
            sequence=sequence,
            position=position_answer(position),
        )

    @router.get("/items/{item}", operation_id="get_item", tags=["reviews"])
    def get_item(
        item: Annotated[str, Path(max_length=64, description="id of the item")],
    ) -> ItemAnswer:
        """Give one item, whichever review it is of."""
        with looking_up():
            return _answers(desk, [project.item(item)])[0]


def _answers(desk: Desk, items: Sequence[Any]) -> list[ItemAnswer]:
    """Items as the page needs them; the history is read only where a split is among them."""
    asked = {item.category for item in items if item.kind == "split"}
    choices = _choices(desk, asked) if asked else {}
    told = [name for name in ItemAnswer.model_fields if name not in ("place", "choices")]
    return [
        ItemAnswer(
            **{name: getattr(item, name) for name in told},
            choices=choices.get(item.category, []) if item.kind == "split" else [],
            place=item_place(item.review_id, item.id),
        )
        for item in items
    ]


def _choices(desk: Desk, keys: Collection[str | None]) -> dict[str | None, list[str]]:
    """Category that was split → those of its new categories that are still offered."""
    offered = {one.key for one in desk.project.taxonomy() if not one.retired}
    found: dict[str | None, list[str]] = {}
    for change in taxonomies.history(desk.project):
        key = change.payload.get("key")
        if change.kind == "split" and key in keys:
            new = [one["key"] for one in change.payload.get("categories", [])]
            found[key] = [one for one in new if one in offered]
    return found
