"""Routes of the door: a one-time token becomes a session in a cookie; invitations for others."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from maskloom.faces.labelling.guard import session_of
from maskloom.labelling.desk import Desk
from maskloom.labelling.places import first_place, link
from maskloom.labelling.sessions import SESSION_LIFETIME
from maskloom.store.project.sessions import Session


class Token(BaseModel):
    """What the page takes from the address that it was opened with."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=200, description="as in #token=... of the address")


class Invitation(BaseModel):
    """Whom to invite."""

    model_config = ConfigDict(extra="forbid")

    author: str | None = Field(
        None, max_length=64, description="name for their changes; by default your own"
    )


class SessionAnswer(BaseModel):
    """Who you are here."""

    author: str = Field(description="name under which your changes are recorded")
    readonly: bool = Field(description="whether nothing can be saved")
    expires: str = Field(description="UTC, ISO 8601")
    start: str = Field(description="fragment of the page to begin at, such as #/s/17")


class Link(BaseModel):
    """An address that works once."""

    url: str


def add_session(router: APIRouter, desk: Desk, cookie: str) -> None:
    """Add the routes."""

    def tell(session: Session) -> SessionAnswer:
        return SessionAnswer(
            author=session.author,
            readonly=desk.project.readonly,
            expires=session.expires.isoformat(timespec="seconds"),
            start=first_place(desk.project),
        )

    @router.post("/session", operation_id="open_session", tags=["session"])
    def open_session(token: Token, response: Response) -> SessionAnswer:
        """Spend a one-time token; the answer sets a cookie that lasts 30 days."""
        secret, session = desk.sessions.enter(token.token)
        response.set_cookie(
            cookie,
            secret,
            max_age=int(SESSION_LIFETIME.total_seconds()),
            httponly=True,
            samesite="strict",
        )
        return tell(session)

    @router.get("/session", operation_id="get_session", tags=["session"])
    def get_session(request: Request) -> SessionAnswer:
        """Say who is signed in, and where to begin."""
        return tell(session_of(request.state))

    @router.delete("/session", status_code=204, operation_id="end_session", tags=["session"])
    def end_session(request: Request) -> Response:
        """Sign out."""
        desk.sessions.leave(request.state.secret)
        response = Response(status_code=204)
        response.delete_cookie(cookie, httponly=True, samesite="strict")
        return response

    @router.post("/session/invite", operation_id="invite", tags=["session"])
    def invite(invitation: Invitation, request: Request) -> Link:
        """Make an address that lets one more browser in, once, within twelve hours."""
        author = invitation.author or session_of(request.state).author
        token = desk.sessions.invite(author)
        return Link(url=link(f"http://{request.headers['host']}", token))
