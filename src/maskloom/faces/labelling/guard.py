"""What stands before every request of a label server: host, origin, session, size, headers.

A page on another site must not reach the server by a name that it controls (DNS rebinding), nor
write with the user's cookie; nothing but the page itself and the door is open without a session.
Who holds a session is `labelling/sessions.py`.
"""

from __future__ import annotations

import re
from typing import Any

from fastapi.responses import Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maskloom.faces.problems import answer
from maskloom.labelling.sessions import Sessions
from maskloom.store.project.sessions import Session

API = "/api/"
DOOR = "/api/v1/session"
BODY_LIMIT = (4 << 20) + (64 << 10)
"""An operation of 4 MiB in its envelope."""

_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.IGNORECASE)
_READS = ("GET", "HEAD", "OPTIONS")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """An application behind the checks.

    Args:
        app: what answers requests that pass.
        sessions: who is in.
        cookie: name of the cookie that holds a session's secret.
    """

    def __init__(self, app: ASGIApp, *, sessions: Sessions, cookie: str) -> None:
        self._app = app
        self._sessions = sessions
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, _with_headers(send, api=_is_api(scope)))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        refused = _foreign(scope, headers) or _too_long(headers)
        if refused is None:
            refused = self._without_session(scope, headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, _bounded(receive), send)

    def _without_session(self, scope: Scope, headers: Headers) -> Response | None:
        secret = cookie_parser(headers.get("cookie", "")).get(self._cookie, "")
        session = self._sessions.check(secret) if secret else None
        scope.setdefault("state", {})
        scope["state"] |= {"session": session, "secret": secret}
        entering = scope["path"] == DOOR and scope["method"] == "POST"
        if session is not None or entering or not _is_api(scope):
            return None
        return refuse(401, "Not signed in", "open the link that `maskloom label` prints")


def refuse(status: int, title: str, detail: str) -> Response:
    """A problem that concerns the request and not the project."""
    return answer({"type": "about:blank", "title": title, "status": status, "detail": detail})


def session_of(scope_state: Any) -> Session:
    """The session of a request that passed the guard.

    Raises:
        HTTPException: 401, there is none.
    """
    session = getattr(scope_state, "session", None)
    if not isinstance(session, Session):
        raise HTTPException(401, "not signed in")
    return session


def _is_api(scope: Scope) -> bool:
    return str(scope["path"]).startswith(API)


def _foreign(scope: Scope, headers: Headers) -> Response | None:
    """Refuse what another site may have sent."""
    host = headers.get("host", "")
    if not _HOST.fullmatch(host):
        return refuse(403, "Unknown host", "the server answers to 127.0.0.1 and localhost alone")
    origin = headers.get("origin")
    writes = scope["method"] not in _READS
    # Over a tunnel the port, and the scheme, are the tunnel's: what counts is that they agree.
    if origin is not None and origin.lower() not in {
        f"http://{host}".lower(),
        f"https://{host}".lower(),
    }:
        return refuse(403, "Foreign origin", "requests of other pages are refused")
    if origin is None and writes and "cookie" in headers:
        return refuse(403, "No origin", "a write with a cookie must say its origin")
    if _is_api(scope) and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return refuse(403, "Foreign site", "requests of other pages are refused")
    return None


def _too_long(headers: Headers) -> Response | None:
    said = headers.get("content-length", "0")
    if said.isascii() and said.isdecimal() and int(said) <= BODY_LIMIT:
        return None
    return refuse(413, "Too large", f"a request may have {BODY_LIMIT} bytes")


def _bounded(receive: Receive) -> Receive:
    """Count what comes, for a body may be longer than it says, or say nothing."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > BODY_LIMIT:
            raise HTTPException(413, f"a request may have {BODY_LIMIT} bytes")
        return message

    return counted


def _with_headers(send: Send, *, api: bool) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            if api and "cache-control" not in headers:
                headers["Cache-Control"] = "no-store"
        await send(message)

    return sent
