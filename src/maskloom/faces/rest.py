"""The verbs over HTTP, derived from their signatures; errors as RFC 9457 problem JSON.

A POST of a long verb answers 202 with a job, of a short one 200 with the envelope that
`--json` writes. Every path must lie under the served root. `faces.serve` starts it; the label
server (`faces.labelling`) adds its routes to `bare_app` and guards them in its own way.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.exceptions import HTTPException

from maskloom.core.outcome import envelope, plain
from maskloom.faces.paths import check_text, inside
from maskloom.faces.problems import add_errors, answer, problem
from maskloom.faces.signature import Parameter, Signature, load_verb
from maskloom.verbs import VERBS
from maskloom.version import __version__
from maskloom.work.jobs import Job, Jobs

PREFIX = "/api/v1"


def create_app(root: Path, token: str, *, verbs: Mapping[str, Signature] | None = None) -> FastAPI:
    """The application.

    Args:
        root: folder that every path of every request must lie under. Relative paths are
            relative to it; text that names data relatively is read from the working
            directory, so a server works in its root.
        token: what `Authorization: Bearer` must carry.
        verbs: name → signature; by default the product's own table.

    Raises:
        ValueError: the token is empty.
        FileNotFoundError: there is no such folder.
    """
    if not token:
        raise ValueError("an empty token would let everybody in")
    app = bare_app(root, verbs=verbs)
    app.middleware("http")(_token_check(token))
    return app


def bare_app(root: Path, *, verbs: Mapping[str, Signature] | None = None) -> FastAPI:
    """The application open to everybody: for one that stands behind a check.

    Args:
        root: as in `create_app`.
        verbs: as in `create_app`.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    root = root.resolve(strict=True)
    signatures = {verb: load_verb(verb) for verb in VERBS} if verbs is None else dict(verbs)
    jobs = Jobs(workers=1)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001
        yield
        jobs.close()

    app = FastAPI(
        title="maskloom",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    router = APIRouter(prefix=PREFIX)
    _add_verbs(router, signatures, root, jobs)
    _add_jobs(router, jobs)

    def schema() -> JSONResponse:
        """Describe every route (OpenAPI)."""
        return JSONResponse(app.openapi())

    router.add_api_route("/openapi.json", schema, methods=["GET"], operation_id="get_openapi")
    app.include_router(router)
    app.add_api_route("/healthz", lambda: {"status": "ok", "maskloom": __version__})
    add_errors(app)
    return app


def verb_to_json(signature: Signature) -> dict[str, Any]:
    """A verb and its parameters as `GET /verbs` lists them."""
    return {
        "name": signature.verb,
        "about": signature.about,
        "long": signature.long,
        "parameters": [
            {
                "name": item.public,
                "type": item.type,
                "required": item.required,
                "default": None if item.required else plain(item.default),
                "choices": list(item.choices),
                "repeated": item.repeated,
                "positional": item.positional,
                "help": item.help,
            }
            for item in signature.parameters
        ],
    }


def job_to_json(job: Job) -> dict[str, Any]:
    """A job as `GET /jobs/ID` shows it; the result is the envelope, once there is one."""
    body, code = job.result if job.state == "done" else (None, None)
    return {
        "id": job.id,
        "verb": job.name,
        "state": job.state,
        "created": job.created.isoformat(),
        "started": job.started.isoformat() if job.started else None,
        "finished": job.finished.isoformat() if job.finished else None,
        "step": job.step,
        "progress": [
            {"label": c.label, "done": c.done, "total": c.total, "unit": c.unit, "note": c.note}
            for c in job.counts
        ],
        "result": body,
        "exit_code": code,
        "error": problem(job.error) if job.error else None,
    }


def _add_verbs(
    router: APIRouter, signatures: Mapping[str, Signature], root: Path, jobs: Jobs
) -> None:
    listing = [verb_to_json(signature) for signature in signatures.values()]
    router.add_api_route("/verbs", lambda: {"verbs": listing}, methods=["GET"])
    for signature in signatures.values():
        router.add_api_route(
            f"/verbs/{signature.verb}",
            _endpoint(signature, root, jobs),
            methods=["POST"],
            status_code=202 if signature.long else 200,
            summary=signature.about,
            operation_id=signature.verb,
        )


def _endpoint(signature: Signature, root: Path, jobs: Jobs) -> Callable[..., Any]:
    def endpoint(body: Any) -> JSONResponse:
        given = {
            item.public: _guarded(root, item, getattr(body, _field(item)))
            for item in signature.parameters
            if _field(item) in body.model_fields_set
        }
        arguments = signature.arguments(given)

        def work() -> tuple[dict[str, Any], int]:
            outcome = signature.function(**arguments)
            whole = envelope(signature.verb, signature.public(arguments), outcome)
            return whole, outcome.exit_code

        if not signature.long:
            return JSONResponse(work()[0])
        job = jobs.submit(signature.verb, work)
        place = {"Location": f"{PREFIX}/jobs/{job.id}"}
        return JSONResponse(job_to_json(job), 202, headers=place)

    # The model exists only now: FastAPI reads it here, not from the source text.
    endpoint.__annotations__ = {"body": _model(signature), "return": JSONResponse}
    return endpoint


def _model(signature: Signature) -> type[BaseModel]:
    fields: dict[str, Any] = {
        _field(item): (
            item.annotation,
            Field(
                default=... if item.required else item.default,
                alias=item.public,
                description=item.help or None,
            ),
        )
        for item in signature.parameters
    }
    name = f"{signature.verb.title()}Parameters"
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _field(item: Parameter) -> str:
    # A public name may shadow pydantic's own (`copy`, `json`); the alias is what counts.
    return f"verb_{item.public}"


def _guarded(root: Path, item: Parameter, value: Any) -> Any:
    if item.repeated and value is not None:
        return tuple(_guarded_one(root, item, one) for one in value)
    return _guarded_one(root, item, value)


def _guarded_one(root: Path, item: Parameter, value: Any) -> Any:
    if isinstance(value, Path):
        return inside(root, value, where=item.public)
    if item.kind is str and isinstance(value, str):
        check_text(root, value, where=item.public)
    return value


def _add_jobs(router: APIRouter, jobs: Jobs) -> None:
    def find(job: Job | None, key: str) -> JSONResponse:
        if job is None:
            raise HTTPException(404, f"there is no job {key!r}")
        return JSONResponse(job_to_json(job))

    def list_jobs() -> JSONResponse:
        return JSONResponse({"jobs": [job_to_json(job) for job in jobs.all()]})

    def get_job(key: str) -> JSONResponse:
        return find(jobs.get(key), key)

    def cancel_job(key: str) -> JSONResponse:
        return find(jobs.cancel(key), key)

    router.add_api_route("/jobs", list_jobs, methods=["GET"])
    router.add_api_route("/jobs/{key}", get_job, methods=["GET"])
    router.add_api_route("/jobs/{key}", cancel_job, methods=["DELETE"])


def _token_check(
    token: str,
) -> Callable[[Request, Callable[[Request], Awaitable[Response]]], Awaitable[Response]]:
    expected = f"Bearer {token}".encode()

    async def check(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        given = request.headers.get("authorization", "").encode()
        if request.url.path.startswith("/api/") and not hmac.compare_digest(given, expected):
            return answer(
                {
                    "type": "about:blank",
                    "title": "Unauthorized",
                    "status": 401,
                    "detail": "the token is missing or wrong: send Authorization: Bearer TOKEN",
                },
                {"WWW-Authenticate": "Bearer"},
            )
        return await go_on(request)

    return check
