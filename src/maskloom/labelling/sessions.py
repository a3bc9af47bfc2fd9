"""The door of a label server: who is in, and how often a wrong token may be tried.

Kept in memory for quick answers and written through to the project (`store.project.sessions`);
of a project that cannot be written, sessions last as long as the server. Cookies and status
codes are the face's.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from maskloom.errors import UsageError
from maskloom.labelling.errors import Locked, TooManyTries
from maskloom.store.project.sessions import (
    Session,
    end_session,
    live_sessions,
    new_token,
    one_time_token,
    open_session,
    token_hash,
)

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

TOKEN_LIFETIME = timedelta(hours=12)
SESSION_LIFETIME = timedelta(days=30)
_TRIES = 10
_SECONDS_PER_TRY = 6.0
_LONGEST_AUTHOR = 64


class Sessions:
    """Everybody who is in. Every method may be called from any thread.

    Args:
        project: where sessions are kept, if it can be written.
        now: the time, UTC.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        project: Project,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._project = project
        self._now = now
        self._lock = threading.Lock()
        self._tries = _Tries(clock)
        self._one_time: dict[str, Session] = {}
        self._live = {} if project.readonly else live_sessions(project, now=now())

    def invite(self, author: str) -> str:
        """A token that lets one browser in, once, for `TOKEN_LIFETIME`.

        Raises:
            UsageError: the author is no name.
            WriteError: the project cannot be written.
        """
        name = author_name(author)
        if not self._project.readonly:
            return one_time_token(self._project, name, TOKEN_LIFETIME, now=self._now())
        token, now = new_token(), self._now()
        with self._lock:
            self._one_time[token_hash(token)] = Session(name, now, now + TOKEN_LIFETIME)
        return token

    def enter(self, token: str) -> tuple[str, Session]:
        """Spend a token.

        Returns:
            The secret to present from now on, and the session.

        Raises:
            Locked: the token was never given, is spent, or is over.
            TooManyTries: no token is looked at now.
            WriteError: the project cannot be written; the token stays good.
        """
        self._tries.check()
        opened = self._spend(token)
        if opened is None:
            self._tries.count()
            raise Locked(
                "this link was used already, is too old, or belongs to another project",
                hint="ask for a new link, or start `maskloom label` again",
            )
        with self._lock:
            self._live[token_hash(opened[0])] = opened[1]
        return opened

    def check(self, secret: str) -> Session | None:
        """The session of a secret; None if there is none or it is over."""
        wanted = token_hash(secret)
        with self._lock:
            found = [(h, s) for h, s in self._live.items() if hmac.compare_digest(h, wanted)]
            if not found:
                return None
            known, session = found[0]
            if session.expires <= self._now():
                del self._live[known]
                return None
            return session

    def leave(self, secret: str) -> None:
        """End a session."""
        with self._lock:
            self._live.pop(token_hash(secret), None)
        if not self._project.readonly:
            end_session(self._project, secret)

    def _spend(self, token: str) -> tuple[str, Session] | None:
        now = self._now()
        if not self._project.readonly:
            return open_session(self._project, token, SESSION_LIFETIME, now=now)
        with self._lock:
            invited = self._one_time.pop(token_hash(token), None)
        if invited is None or invited.expires <= now:
            return None
        return new_token(), Session(invited.author, now, now + SESSION_LIFETIME)


class _Tries:
    """A bucket of wrong tokens that empties by one every few seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._level = 0.0
        self._at = clock()

    def check(self) -> None:
        with self._lock:
            self._drain()
            if self._level > _TRIES - 1:
                raise TooManyTries(int((self._level - _TRIES + 1) * _SECONDS_PER_TRY) + 1)

    def count(self) -> None:
        with self._lock:
            self._drain()
            self._level += 1

    def _drain(self) -> None:
        now = self._clock()
        self._level = max(0.0, self._level - (now - self._at) / _SECONDS_PER_TRY)
        self._at = now


def author_name(name: str) -> str:
    """The name under which somebody's changes are recorded, blanks around it removed.

    Raises:
        UsageError: it is empty, too long, or holds control characters.
    """
    name = name.strip()
    if not name or len(name) > _LONGEST_AUTHOR or not name.isprintable():
        raise UsageError(
            "not a name for an author",
            seen=name,
            hint=f"use 1 to {_LONGEST_AUTHOR} printable characters, with --user",
        )
    return name
