"""Routes of the changes: one gesture is one operation, answered when it is safely stored.

An operation that was answered is on disk. One that was not may be sent again, with the same id,
as often as needed: it is stored once. Nothing is ever overwritten by who came last.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from maskloom.edits import operations
from maskloom.errors import Conflict, DataError
from maskloom.faces.labelling.guard import session_of
from maskloom.faces.labelling.samples import LARGEST, LayerName
from maskloom.faces.problems import (
    COMPONENT,
    Problem,
    SafeJSON,
    answer,
    documented_problem,
    problem,
)
from maskloom.labelling.desk import Desk
from maskloom.labelling.history import first_portion, history
from maskloom.labelling.places import operation_box


class OperationBody(BaseModel):
    """One gesture: every change says old and new, pixels are XORed."""

    v: int = Field(description="version of this form: 1")
    id: str = Field(description="32 hexadecimal digits, made by the client")
    layer: str
    base: int = Field(description="the revision that its author saw")
    kind: str = Field(description="one word for the history, such as brush")
    changes: list[dict[str, Any]] = Field(
        description='{"object": uid, "set": {field: [old, new]}, "tiles": {"column,row": base64}}'
    )


class CommitBody(BaseModel):
    """An operation on a sample."""

    model_config = ConfigDict(extra="forbid")

    sample: int
    op: OperationBody


class CommittedAnswer(BaseModel):
    """Where an operation came in the history."""

    seq: int = Field(description="number in the project")
    revision: int = Field(description="of the sample in the layer, after it")
    repeated: bool = Field(description="whether it was there already")


class HistoryEntry(BaseModel):
    """A stored operation."""

    seq: int
    revision: int
    author: str
    created: str = Field(description="UTC")
    op: OperationBody
    box: tuple[int, int, int, int] | None = Field(
        description="the part of the image that it is about: x0, y0, x1, y1 in px"
    )


class HistoryAnswer(BaseModel):
    """What happened after a revision."""

    revision: int = Field(description="of the document once these operations are applied")
    more: bool = Field(description="whether others follow: ask again after that revision")
    replaced: bool = Field(description="whether to load the document again: an import came between")
    ops: list[HistoryEntry] = Field(description="in order, one revision each")


class ConflictProblem(Problem):
    """Somebody changed the same thing first; nothing of the operation was stored."""

    revision: int = Field(description="of the sample in the layer now")
    missing: list[HistoryEntry] = Field(description="what its author had not seen, from the first")
    more: bool = Field(description="whether there is more of it than is told here")


# The body is read as bytes, so OpenAPI has to be told of it; the operation's own schema is
# among the components through the answers that hold one.
_COMMIT = CommitBody.model_json_schema(ref_template=COMPONENT)
_COMMIT.pop("$defs")


def add_operations(router: APIRouter, desk: Desk) -> None:
    """Add the routes."""

    @router.get(
        "/ops", operation_id="list_operations", response_model=HistoryAnswer, tags=["changes"]
    )
    def list_operations(
        sample: Annotated[int, Query(ge=1, le=LARGEST)],
        layer: LayerName = "main",
        after: Annotated[int, Query(ge=0, le=LARGEST // 2, description="a revision")] = 0,
    ) -> Response:
        """List what happened to a sample in a layer after a revision."""
        head = desk.sample(sample, layer).revision
        found = history(desk.project, sample, layer, after=after, head=head)
        body = {
            "revision": found.revision,
            "more": found.more,
            "replaced": found.replaced,
            "ops": _entries(found.operations),
        }
        return SafeJSON(body)

    @router.post(
        "/ops",
        operation_id="commit",
        response_model=CommittedAnswer,
        responses={
            409: documented_problem("Somebody was first; nothing was stored", ConflictProblem),
            503: documented_problem("The database is busy or out of reach; nothing was stored"),
            507: documented_problem("The disk is full; nothing was stored"),
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _COMMIT}},
            }
        },
        tags=["changes"],
    )
    async def commit(request: Request) -> Response:
        """Store one operation; the answer comes when it is on disk.

        An operation made for an older revision is stored if nothing that it touches changed
        since; else the answer is 409 with what its author has missed.
        """
        body = await request.body()
        author = session_of(request.state).author
        return await run_in_threadpool(_commit, desk, body, author)


def _commit(desk: Desk, body: bytes, author: str) -> Response:
    desk.writable()
    sample, raw = _unwrapped(body)
    row = desk.sample(sample)
    if row.height is None or row.width is None:
        raise DataError("the size of the image is not known", where=row.key)
    op = operations.parse(raw, (row.height, row.width))
    try:
        done = desk.project.commit(sample, op, author=author)
    except Conflict as error:
        told = first_portion(error.missing)
        more = {"missing": _entries(told), "more": len(told) < len(error.missing)}
        head = desk.sample(sample, op.layer).revision
        if error.missing and error.missing[0].revision == op.base + 1:
            # All that came since; the present revision may be of one that came after these.
            head = error.missing[-1].revision
        return answer({**problem(error), "revision": head, **more})
    return SafeJSON({"seq": done.seq, "revision": done.revision, "repeated": done.repeated})


def _unwrapped(body: bytes) -> tuple[int, object]:
    """The sample and the operation, which is checked later."""
    try:
        data = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DataError("not JSON", where="the request", seen=error) from None
    if not isinstance(data, dict) or set(data) != {"sample", "op"}:
        raise DataError('not {"sample": ID, "op": {...}}', where="the request", seen=data)
    sample = data["sample"]
    if type(sample) is not int or not 0 < sample <= LARGEST:
        raise DataError("not the id of a sample", where="sample", seen=sample)
    return sample, data["op"]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _entries(committed: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "seq": one.seq,
            "revision": one.revision,
            "author": one.author,
            "created": one.created,
            "op": operations.to_json(one.op),
            "box": operation_box(one.op),
        }
        for one in committed
    ]
