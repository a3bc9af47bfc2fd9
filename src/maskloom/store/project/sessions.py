"""Who may use a label server: one-time tokens, and the sessions that they open.

The database holds sha256 sums alone, so a copy of it lets nobody in. A one-time token is spent
in the transaction that opens its session. Sessions outlive the server, so that a page with
unsent work can go on after a restart. When and how often to ask is `labelling/sessions.py`.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from maskloom.store.project import database
from maskloom.store.project.schema import session as table

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who was let in.

    Args:
        author: the name under which changes are recorded.
        created: UTC.
        expires: UTC.
    """

    author: str
    created: datetime
    expires: datetime


def new_token() -> str:
    """256 random bits that can stand in a URL."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def one_time_token(project: Project, author: str, lifetime: timedelta, *, now: datetime) -> str:
    """A token that opens one session; tokens and sessions that are over are forgotten.

    Raises:
        WriteError: the database cannot be written.
    """
    token = new_token()
    with database.write(project) as connection:
        connection.execute(delete(table).where(table.c.expires <= _text(now)))
        connection.execute(
            insert(table).values(
                token_hash=token_hash(token),
                author=author,
                created=_text(now),
                expires=_text(now + lifetime),
                one_time=True,
            )
        )
    return token


def open_session(
    project: Project, token: str, lifetime: timedelta, *, now: datetime
) -> tuple[str, Session] | None:
    """Spend a one-time token.

    Returns:
        The secret of a new session, and the session; None if the token was never given, is
        spent, or is over.

    Raises:
        WriteError: the database cannot be written; the token stays good.
    """
    with database.write(project) as connection:
        spent = delete(table).where(
            table.c.token_hash == token_hash(token), table.c.one_time, table.c.expires > _text(now)
        )
        author = connection.execute(spent.returning(table.c.author)).scalar_one_or_none()
        if author is None:
            return None
        secret, session = new_token(), Session(author, now, now + lifetime)
        connection.execute(
            insert(table).values(
                token_hash=token_hash(secret),
                author=author,
                created=_text(session.created),
                expires=_text(session.expires),
                one_time=False,
            )
        )
    return secret, session


def live_sessions(project: Project, *, now: datetime) -> dict[str, Session]:
    """Every session that is not over, by the hash of its secret."""
    wanted = select(table).where(~table.c.one_time, table.c.expires > _text(now))
    with database.read(project) as connection:
        return {
            row.token_hash: Session(
                row.author, datetime.fromisoformat(row.created), datetime.fromisoformat(row.expires)
            )
            for row in connection.execute(wanted)
        }


def end_session(project: Project, secret: str) -> None:
    """Forget a session."""
    with database.write(project) as connection:
        connection.execute(delete(table).where(table.c.token_hash == token_hash(secret)))


def _text(moment: datetime) -> str:
    # Of one length, so that the order of texts is that of moments.
    return moment.isoformat(timespec="microseconds")
