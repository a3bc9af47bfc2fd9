"""Errors as RFC 9457 problem JSON, the one error shape of the REST face."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from maskloom.errors import MaskloomError
from maskloom.faces.explain import explain
from maskloom.faces.statuses import status_of
from maskloom.labelling.errors import TooManyTries

COMPONENT = "#/components/schemas/{model}"
"""Where OpenAPI keeps the schema of a model."""
_LONGEST = 500


class Problem(BaseModel):
    """An error as every route answers it (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="always about:blank: the title says what it is")
    title: str
    status: int
    detail: str = Field(description="one message for people: what, where, seen, what to do")
    where: str | None = Field(None, description="file, id and field, if there is such a place")
    seen: str | None = Field(None, description="the offending value")
    hint: str | None = Field(None, description="what to do next; part of detail, too")


class SafeJSON(JSONResponse):
    """JSON that can hold any name of a file, even one that is no text."""

    def render(self, content: Any) -> bytes:
        """Encode; half a surrogate pair becomes JSON's own escape."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")


def add_errors(app: FastAPI) -> None:
    """Answer every error of the application as a problem."""

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:  # noqa: ARG001
        detail = {"title": "HTTP error", "status": error.status_code, "detail": str(error.detail)}
        return answer({"type": "about:blank", **detail}, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def on_values(request: Request, error: RequestValidationError) -> Response:  # noqa: ARG001
        faults = [
            {"where": ".".join(str(part) for part in one["loc"][1:]), "what": one["msg"]}
            for one in error.errors()
        ]
        text = "; ".join(f"{one['where']}: {one['what']}".lstrip(": ") for one in faults)
        return answer(
            {
                "type": "about:blank",
                "title": "Invalid parameters",
                "status": 422,
                "detail": text,
                "errors": faults,
            }
        )

    async def on_any(request: Request, error: Exception) -> Response:  # noqa: ARG001
        wait = {"Retry-After": str(error.seconds)} if isinstance(error, TooManyTries) else None
        return answer(problem(error), wait)

    for kind in (MaskloomError, OSError, MemoryError, Exception):
        app.add_exception_handler(kind, on_any)


def problem(error: BaseException) -> dict[str, Any]:
    """What an exception becomes: what, where, the value seen and what to do, with a status."""
    known = explain(error)
    if known is None:
        detail = f"internal error, please report it ({type(error).__name__}: {error})"
        return {
            "type": "about:blank",
            "title": "Internal error",
            "status": 500,
            "detail": detail,
        }
    return {
        "type": "about:blank",
        "title": type(known).__name__,
        "status": status_of(known, error),
        "detail": known.message,
        "where": known.where,
        "seen": None if known.seen is None else str(known.seen)[:_LONGEST],
        "hint": known.hint,
    }


def documented_problem(description: str, model: type[Problem] = Problem) -> dict[str, Any]:
    """A problem as OpenAPI describes a response; models in it must be named elsewhere, too."""
    schema = model.model_json_schema(ref_template=COMPONENT)
    schema.pop("$defs", None)
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    }


def answer(body: dict[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem as a response with its own status and media type."""
    return SafeJSON(body, body["status"], headers=headers, media_type="application/problem+json")
