"""Errors as RFC 9457 problem JSON, the one error shape of the REST face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from maskloom.errors import LossRefused, MaskloomError, MissingExtra
from maskloom.faces.explain import explain
from maskloom.faces.paths import Outside


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
        return answer(problem(error))

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
    statuses: dict[type, int] = {Outside: 403, LossRefused: 409, MissingExtra: 501}
    status = statuses.get(type(known), 422)
    return {
        "type": "about:blank",
        "title": type(known).__name__,
        "status": status,
        "detail": known.message,
        "where": known.where,
        "seen": None if known.seen is None else str(known.seen),
        "hint": known.hint,
    }


def answer(body: dict[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem as a response with its own status and media type."""
    return JSONResponse(
        body, body["status"], headers=headers, media_type="application/problem+json"
    )
