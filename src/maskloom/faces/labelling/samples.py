"""Routes of the samples: the list, one of them, and what a layer says of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from maskloom.faces.problems import SafeJSON
from maskloom.labelling.desk import Desk
from maskloom.labelling.errors import looking_up
from maskloom.store.project.pages import Position

LARGEST = 2**63 - 1
SampleId = Annotated[int, Path(ge=1, le=LARGEST, description="id of the sample")]
Since = Annotated[
    int | None,
    Query(
        ge=0,
        le=LARGEST,
        description="the sequence that the first page told: what left the list after that number "
        "of the project still counts, so that paging through a list that shrinks skips nothing",
    ),
]
LayerName = Annotated[str, Query(max_length=100, description="name of the layer")]


class SampleAnswer(BaseModel):
    """A sample and where it stands in one layer."""

    id: int
    key: str = Field(description="path of the image without suffix; any text")
    height: int | None = Field(description="upright; null while it is not known")
    width: int | None
    state: Literal["todo", "doing", "done"]
    objects: int = Field(description="how many the layer says")
    revision: int = Field(description="counts the states in the layer; 0 while it says nothing")
    splits: list[str]
    updated: str | None = Field(description="time of the last change, UTC")
    author: str | None = Field(description="of the last change")


class PositionAnswer(BaseModel):
    """Where one thing is in a list."""

    before: int = Field(description="how many come before it, or before where it would be")
    listed: bool = Field(description="whether it is in the list itself")


class SamplesAnswer(BaseModel):
    """A page of a list."""

    total: int = Field(description="how many there are in all")
    samples: list[SampleAnswer]
    sequence: int = Field(description="number of the project then; further pages give it as since")
    position: PositionAnswer | None = Field(None, description="where the sample in `of` is")


class ObjectAnswer(BaseModel):
    """An object of a document, or a class of a map."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(description="uid")
    category: str | None
    z: int = Field(description="higher lies in front")
    tiles: dict[str, str] = Field(description='"column,row" of a 256 px tile → base64 of its runs')
    box: list[int] | None = Field(None, description="x0, y0, x1, y1 in px")
    area: int | None = Field(None, description="pixels")


class DocumentAnswer(BaseModel):
    """All that a layer says of a sample."""

    model_config = ConfigDict(extra="allow")

    revision: int
    form: Literal["rows", "map"]
    size: tuple[int, int] = Field(description="height, width")
    objects: list[ObjectAnswer] = Field(description="what exists")
    deleted: list[ObjectAnswer] = Field(description="what was deleted and can be brought back")
    fields: dict[str, Any] = Field(description="state, and verdicts on review items")


def add_samples(router: APIRouter, desk: Desk) -> None:
    """Add the routes."""
    project = desk.project

    @router.get("/samples", operation_id="list_samples", tags=["samples"])
    def list_samples(
        *,
        layer: LayerName = "main",
        offset: Annotated[int, Query(ge=0, le=LARGEST // 4)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        search: Annotated[str, Query(max_length=200, description="part of the key")] = "",
        state: Literal["todo", "doing", "done"] | None = None,
        split: Annotated[str | None, Query(max_length=200)] = None,
        since: Since = None,
        of: Annotated[
            int | None,
            Query(ge=1, le=LARGEST, description="id of a sample: say where it is in the list"),
        ] = None,
    ) -> SamplesAnswer:
        """List samples in the order of their import, one page at a time."""
        # Read first: what changes from here on is in the list of whoever gives it as since.
        sequence = project.sequence()
        wanted = {"layer": layer, "search": search, "state": state, "split": split, "since": since}
        rows, total = project.page(**wanted, offset=offset, limit=limit)
        position = None if of is None else project.position(of, **wanted)
        return SamplesAnswer(
            total=total,
            samples=[_answer(row) for row in rows],
            sequence=sequence,
            position=position_answer(position),
        )

    @router.get("/samples/{sample}", operation_id="get_sample", tags=["samples"])
    def get_sample(sample: SampleId, layer: LayerName = "main") -> SampleAnswer:
        """Describe one sample and where it stands in a layer."""
        return _answer(desk.sample(sample, layer))

    _add_document(router, desk)


def _add_document(router: APIRouter, desk: Desk) -> None:
    project = desk.project

    @router.get(
        "/samples/{sample}/document",
        operation_id="get_document",
        response_model=DocumentAnswer,
        tags=["samples"],
    )
    def get_document(
        sample: SampleId,
        layer: LayerName = "main",
        at: Annotated[
            int | None, Query(ge=0, le=LARGEST, description="a sequence number; default is now")
        ] = None,
        revision: Annotated[
            int | None,
            Query(
                ge=0,
                le=LARGEST,
                description="instead of at: a revision of the sample in the layer, in the taxonomy "
                "of now; an import that came later changes nothing of it",
            ),
        ] = None,
    ) -> Response:
        """Give all that a layer says of a sample: objects with their pixels, and its state."""
        desk.sample(sample)
        if revision is None or at is not None:
            return SafeJSON(project.document(sample, layer, at, revision=revision).to_json())
        with looking_up():
            return SafeJSON(project.document(sample, layer, revision=revision).to_json())


def _answer(row: Any) -> SampleAnswer:
    return SampleAnswer.model_validate(row, from_attributes=True)


def position_answer(position: Position | None) -> PositionAnswer | None:
    """A position, if it was asked for."""
    if position is None:
        return None
    return PositionAnswer(before=position.before, listed=position.listed)
