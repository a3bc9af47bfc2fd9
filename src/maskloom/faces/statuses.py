"""Which HTTP status says what about an error that a user can mend.

422 is the request's fault and the same again would fail again; 503 and 507 are the machine's,
and a page keeps its work and tries again. The text of an error is `explain.py`, its JSON form
`problems.py`.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import SQLAlchemyError

from maskloom.errors import Conflict, LossRefused, MaskloomError, MissingExtra
from maskloom.faces.paths import Outside
from maskloom.labelling.errors import Absent, Locked, ReadOnly, TooManyTries

FULL = 507
_BUSY = 503
_KINDS: dict[type[MaskloomError], int] = {
    Locked: 401,
    Outside: 403,
    ReadOnly: 403,
    Absent: 404,
    Conflict: 409,
    LossRefused: 409,
    TooManyTries: 429,
    MissingExtra: 501,
}
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
# What the machine lacks or breaks for now; the request is not to blame.
_MACHINE = {
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.EAGAIN,
    errno.EBUSY,
    errno.ESTALE,
    errno.ETIMEDOUT,
}
_POSTGRES_DISK_FULL = "53100"


def status_of(error: MaskloomError, raised: BaseException) -> int:
    """The status of an error's answer.

    Args:
        error: as the user gets it.
        raised: what was raised, which may be what it explains.
    """
    for kind, status in _KINDS.items():
        if isinstance(error, kind):
            return status
    causes = list(_causes(raised))
    if any(_no_space(cause) for cause in causes):
        return FULL
    if any(_machine_fault(cause) for cause in causes):
        return _BUSY
    return 422


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__


def _machine_fault(cause: BaseException) -> bool:
    if isinstance(cause, OSError):
        return cause.errno in _MACHINE
    return isinstance(cause, MemoryError | SQLAlchemyError | sqlite3.Error)


def _no_space(cause: BaseException) -> bool:
    if isinstance(cause, OSError):
        return cause.errno in _NO_SPACE
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return getattr(cause, "sqlstate", None) == _POSTGRES_DISK_FULL
