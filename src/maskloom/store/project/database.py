"""The connection to a project's database and its transactions.

SQLite in the project's folder (write-ahead log, every commit synced, one writer at a time by
BEGIN IMMEDIATE), or PostgreSQL by URL (one writer at a time by a lock on the project's row).
What the tables hold is `schema.py`; how errors become messages is `faults.py`; files on disks
that are read-only or shared over a network are `sqlite_file.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection, Engine, create_engine, event, make_url, select, update
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from maskloom.errors import DataError, MissingExtra, UsageError, WriteError
from maskloom.store.project import schema
from maskloom.store.project.faults import translated
from maskloom.store.project.sqlite_file import SqliteFile

if TYPE_CHECKING:
    from sqlalchemy import URL

WAIT_S = 30
_abandoned: list[Engine] = []


class HasDatabase(Protocol):
    """A project, or what stands in for one while it is made."""

    @property
    def database(self) -> Database:
        """Its database."""
        ...


class Database:
    """A pool of connections to one project's database.

    Args:
        source: the embedded file, or the URL of a PostgreSQL database.
        readonly: refuse to write.
    """

    def __init__(self, source: SqliteFile | URL, *, readonly: bool) -> None:
        self.readonly = readonly
        self.source = source
        self.where = (
            str(source.path)
            if isinstance(source, SqliteFile)
            else source.render_as_string(hide_password=True)
        )
        self._engine = self._connectable()
        self._process = os.getpid()

    @property
    def embedded(self) -> bool:
        """Whether it is SQLite in the project's folder."""
        return isinstance(self.source, SqliteFile)

    @property
    def path(self) -> Path | None:
        """The embedded file, if that is what it is."""
        return self.source.path if isinstance(self.source, SqliteFile) else None

    @property
    def engine(self) -> Engine:
        """The pool of this process."""
        if self._process != os.getpid():
            # Closing a parent's connection here would drop its locks: keep it, untouched.
            _abandoned.append(self._engine)
            self._engine, self._process = self._connectable(), os.getpid()
        return self._engine

    def close(self) -> None:
        """Close every connection; SQLite then folds its write-ahead log into the file."""
        with translated(self.where):
            self.engine.dispose()
        if isinstance(self.source, SqliteFile):
            self.source.close()

    def _connectable(self) -> Engine:
        if isinstance(self.source, SqliteFile):
            engine = create_engine("sqlite://", creator=self.source.connect, **_POOL)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        given = self.source.query.get("options", "")
        options = f"{given} -c synchronous_commit=on -c lock_timeout={int(WAIT_S * 1000)}"
        try:
            return create_engine(
                self.source,
                connect_args={"options": options.strip(), "connect_timeout": WAIT_S},
                isolation_level="READ COMMITTED",
                pool_pre_ping=True,
                **_POOL,
            )
        except ModuleNotFoundError as error:
            raise MissingExtra(
                "PostgreSQL needs psycopg, which is not installed",
                where=self.where,
                hint="pip install 'maskloom[postgres]'",
            ) from error


_POOL: dict[str, Any] = {
    "poolclass": QueuePool,
    "pool_size": 8,
    "max_overflow": 32,
    "pool_timeout": WAIT_S,
}


def database_url(text: str) -> URL:
    """The URL of a PostgreSQL database, for psycopg.

    Raises:
        UsageError: it is no such URL. The message leaves the text out, as it may hold a password.
    """
    try:
        url = make_url(text)
        if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
            return url.set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        pass
    raise UsageError(
        "not the URL of a database that maskloom uses",
        where="[database] url",
        seen=text.partition(":")[0],
        hint="write postgresql://USER@HOST/DATABASE, or nothing for the embedded one",
    )


@contextmanager
def read(project: HasDatabase) -> Iterator[Connection]:
    """A transaction that reads one state of the database, whatever others write meanwhile.

    Raises:
        DataError: the database is damaged, absent or out of reach.
    """
    database = project.database
    with translated(database.where), database.engine.connect() as connection:
        if not database.embedded:
            connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        with connection.begin():
            yield connection


@contextmanager
def write(project: HasDatabase) -> Iterator[Connection]:
    """The transaction of the one writer: all of it is kept, synced to disk, or none.

    Raises:
        WriteError: the project is open for reading only, the disk is full or read-only, or
            another writer holds on for longer than half a minute.
        DataError: the database is damaged, absent or out of reach.
    """
    database = project.database
    if database.readonly:
        raise WriteError(
            "the project is open for reading only",
            where=database.where,
            hint="open it for writing, on a disk that can be written",
        )
    with translated(database.where), database.engine.connect() as connection:
        connection.execution_options(maskloom_write=True)
        with connection.begin():
            if not database.embedded:
                connection.execute(select(schema.project.c.seq).with_for_update())
            yield connection


@contextmanager
def write_first(database: Database) -> Iterator[Connection]:
    """The transaction that fills an empty database.

    Raises:
        WriteError: the disk is full or read-only.
        DataError: the database is out of reach.
    """
    with translated(database.where), database.engine.connect() as connection:
        connection.execution_options(maskloom_write=True)
        with connection.begin():
            yield connection


def next_seq(connection: Connection) -> int:
    """Take the project's next sequence number, within a `write` transaction.

    Raises:
        DataError: the database holds no project.
    """
    table = schema.project
    taken = connection.execute(
        update(table).where(table.c.id == 1).values(seq=table.c.seq + 1).returning(table.c.seq)
    ).scalar()
    if taken is None:
        raise DataError("the database holds no project")
    return int(taken)


def now() -> str:
    """The time in UTC, as the database keeps it: `2026-01-31T12:00:00.123Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def database_of(url: str, path: Path, *, readonly: bool = False, create: bool = False) -> Database:
    """The database that settings name: a URL, or the embedded file.

    Raises:
        UsageError: not a URL of PostgreSQL.
        MissingExtra: psycopg is not installed.
        DataError: the file is absent, damaged at sight or on a network disk.
    """
    if url:
        return Database(database_url(url), readonly=readonly)
    return Database(SqliteFile(path, readonly=readonly, create=create), readonly=readonly)


def _begin_sqlite(connection: Connection) -> None:
    """Python's driver would begin too late and only for some statements."""
    write = connection.get_execution_options().get("maskloom_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
