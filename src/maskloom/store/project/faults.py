"""What a database says when it fails, as the one message for the user.

The block of a transaction raises SQLAlchemy's errors; `translated` turns those that a user can
do something about, and every other one too, into the tree of `maskloom.errors`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from maskloom.errors import DataError, MaskloomError, WriteError

_COPY = "stop every maskloom that uses the project and put back a copy"

# Primary result codes of SQLite: (what, hint, whether it is the target that refuses).
_SQLITE: dict[int, tuple[str, str, bool]] = {
    sqlite3.SQLITE_FULL: ("no space left on the disk; nothing was saved", "free disk space", True),
    sqlite3.SQLITE_IOERR: (
        "the disk refuses to read or write; nothing was saved",
        "look for a full or failing disk",
        True,
    ),
    sqlite3.SQLITE_READONLY: (
        "the database cannot be written",
        "check the rights on the project's folder and whether its disk is read-only",
        True,
    ),
    sqlite3.SQLITE_BUSY: (
        "another program has been writing for too long; nothing was saved",
        "try again, or stop the other program",
        True,
    ),
    sqlite3.SQLITE_LOCKED: (
        "another program has been writing for too long; nothing was saved",
        "try again, or stop the other program",
        True,
    ),
    sqlite3.SQLITE_CORRUPT: ("the database is damaged", _COPY, False),
    sqlite3.SQLITE_NOTADB: ("the file is not a database", _COPY, False),
    sqlite3.SQLITE_CANTOPEN: (
        "the database cannot be opened",
        "check that it is there and the rights on it",
        False,
    ),
    sqlite3.SQLITE_PERM: ("no right to open the database", "check the rights on it", False),
    sqlite3.SQLITE_AUTH: ("no right to open the database", "check the rights on it", False),
}

# SQLSTATE of PostgreSQL, longest prefix first.
_POSTGRES: tuple[tuple[str, str, str, bool], ...] = (
    ("53100", "no space left on the database server; nothing was saved", "free space there", True),
    ("53", "the database server is out of resources; nothing was saved", "try again later", True),
    ("25006", "the database is read-only", "connect to the primary server", True),
    ("42501", "no right to do this in the database", "ask for rights on its tables", True),
    ("55P03", "another program has been writing for too long; nothing was saved",
     "try again, or stop the other program", True),
    ("57014", "the database server gave up after a time limit; nothing was saved",
     "try again", True),
    ("40", "the database was busy with another change; nothing was saved", "try again", True),
    ("28", "the database server refuses the user or password",
     "check the URL in maskloom.toml", False),
    ("3D", "there is no such database on the server",
     "create it, or check the URL in maskloom.toml", False),
    ("08", "the database server cannot be reached",
     "check that it runs and the URL in maskloom.toml", False),
    ("57P", "the database server is stopping or starting", "try again in a moment", False),
    ("XX", "the database is damaged", "look into the server's log", False),
)  # fmt: skip


@contextmanager
def translated(where: object) -> Iterator[None]:
    """Turn database errors raised inside into one clear error about `where`.

    Raises:
        WriteError: the target refuses: disk full, read-only, locked.
        DataError: the database cannot be reached or used: damaged, none, no rights.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise explained(error, where) from error


def explained(error: Exception, where: object) -> MaskloomError:
    """The user's error for a database error."""
    cause = (error.orig or error) if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        found = _SQLITE.get(code & 0xFF)
    else:
        state = _sqlstate(cause)
        found = next((row[1:] for row in _POSTGRES if state.startswith(row[0])), None)
    if found is None:
        return DataError("the database reports an error", where=where, seen=cause)
    what, hint, refused = found
    return (WriteError if refused else DataError)(what, where=where, seen=cause, hint=hint)


def _sqlstate(cause: object) -> str:
    state = getattr(cause, "sqlstate", None)
    if isinstance(state, str):
        return state
    # psycopg gives no code where it has no connection.
    return "08" if type(cause).__name__ == "OperationalError" else ""
