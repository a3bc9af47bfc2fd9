"""The embedded database as a file: how it is opened, on which disks, and how it is copied.

SQLite keeps commits in a write-ahead log beside the file and shares its index through memory
mapped from a third file. That needs one machine, so network disks are refused for writing; and
a disk that can be written, so on a read-only one the log is read from a copy.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
from pathlib import Path
from urllib.parse import quote

from maskloom.errors import DataError, WriteError
from maskloom.store.files import atomic_file, write_error
from maskloom.store.project.faults import translated

WAIT_S = 30
MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|ncpfs|afs|9p|ceph|glusterfs|lustre|gpfs|beegfs|davfs\d?"
    r"|fuse\.(sshfs|glusterfs|ceph|rclone|s3fs|davfs2?|smbnetfs|beegfs|gcsfuse|mount-s3)"
)
_PRAGMAS = (
    "synchronous=FULL",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "temp_store=MEMORY",
    "journal_size_limit=67108864",
)
_HEADER = 100
_MAGIC = b"SQLite format 3\0"


class SqliteFile:
    """An SQLite database in a project's folder.

    Args:
        path: the file.
        readonly: never write, not even beside the file where that is refused.
        create: make it; otherwise it must be there.
        mounts: the table of mounts, as Linux gives it.

    Raises:
        DataError: the file is absent, empty, cut off, or no database.
        WriteError: it would be written on a network disk.
    """

    def __init__(
        self,
        path: Path,
        *,
        readonly: bool = False,
        create: bool = False,
        mounts: Path = MOUNTS,
    ) -> None:
        self.path = path
        self._readonly = readonly
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        network = _NETWORK.fullmatch(file_system(path, mounts))
        if network and not readonly:
            raise WriteError(
                "an embedded database on a network disk can lose labels",
                where=path,
                seen=network[0],
                hint="put the project on a local disk, or use PostgreSQL by [database] url",
            )
        if not create:
            _look_at(path)
        if not create and not readonly:
            _refuse_unwritable(path)
        self._uri = f"file:{quote(str(path))}?mode={'rwc' if create else 'rw'}"
        if readonly:
            self._uri = self._readable(shared=not network)

    def connect(self) -> sqlite3.Connection:
        """A new connection, for any thread but one at a time.

        Raises:
            sqlite3.Error: it cannot be opened.
        """
        # The pool sees to it that one thread at a time has a connection.
        connection = sqlite3.connect(
            self._uri, uri=True, timeout=WAIT_S, check_same_thread=False, isolation_level=None
        )
        try:
            if not self._readonly:
                mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
                if mode != "wal":
                    raise WriteError(
                        "the disk does not allow a write-ahead log",
                        where=self.path,
                        seen=mode,
                        hint="put the project on a local disk",
                    )
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Remove the copy that reading from a read-only disk needed."""
        if self._copy is not None:
            self._copy.cleanup()
            self._copy = None

    def _readable(self, *, shared: bool) -> str:
        """The URI under which the file can be read without writing where that is refused."""
        plain = f"file:{quote(str(self.path))}?mode=ro"
        if shared and _opens(plain):
            return plain
        log = self.path.with_name(self.path.name + "-wal")
        if not (log.is_file() and log.stat().st_size):
            # Nothing is left in a log and nobody can write: the file is all there is.
            return f"{plain}&immutable=1"
        try:
            self._copy = tempfile.TemporaryDirectory(prefix="maskloom-")
            copy = Path(self._copy.name) / self.path.name
            shutil.copyfile(self.path, copy)
            shutil.copyfile(log, copy.with_name(log.name))
        except OSError as error:
            self.close()
            raise WriteError(
                "reading a project on a read-only disk needs space for a copy of its database",
                where=self.path,
                seen=error,
                hint="free disk space or set TMPDIR",
            ) from error
        return f"file:{quote(str(copy))}?mode=ro"


def copy_database(path: Path, target: Path) -> None:
    """Copy a database, its log included, while others may use it.

    Raises:
        WriteError: the target cannot be written.
        DataError: the database is damaged.
    """
    with atomic_file(target) as temporary, translated(path):
        source = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)
        copy = sqlite3.connect(temporary)
        try:
            source.backup(copy)
        finally:
            copy.close()
            source.close()
        with temporary.open("rb") as file:
            os.fsync(file.fileno())


def file_system(path: Path, mounts: Path = MOUNTS) -> str:
    """The type of the file system that a path is on, where the system tells; else empty.

    Args:
        path: need not exist.
        mounts: the table of mounts, as Linux gives it.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    wanted = Path(os.path.realpath(path))
    best, found = -1, ""
    for line in lines:
        left, mark, right = line.partition(" - ")
        fields = left.split(" ")
        if not mark or len(fields) < 5:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        # Of mounts on one place, the last covers the others.
        if len(point) >= best and wanted.is_relative_to(point):
            best, found = len(point), right.split(" ")[0]
    return found


def _look_at(path: Path) -> None:
    """Refuse what SQLite would take for an empty database, or notice only much later."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise DataError(
            "the project's database cannot be read",
            where=path,
            seen=error.strerror,
            hint="check that it is there and the rights on it",
        ) from error
    hint = "stop every maskloom that uses the project and put back a copy"
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        raise DataError("the file is not a database", where=path, seen=f"{size} bytes", hint=hint)
    page = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    log = path.with_name(path.name + "-wal")
    # While there is a log, the file may be behind its own header.
    if size < pages * (65536 if page == 1 else page) and not log.exists():
        raise DataError(
            "the database is cut off",
            where=path,
            seen=f"{size} bytes of {pages * page}",
            hint=hint,
        )


def _refuse_unwritable(path: Path) -> None:
    """SQLite's own message for a read-only disk says only that it cannot open the file."""
    try:
        with path.open("r+b"):
            writable = os.access(path.parent, os.W_OK)
    except OSError as error:
        raise write_error(path, error) from error
    if not writable:
        raise WriteError(
            "cannot write: no right to make files beside the database",
            where=path,
            hint="check the rights on the project's folder",
        )


def _opens(uri: str) -> bool:
    """Whether SQLite can read a database there; one that is damaged counts as readable."""
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=WAIT_S)
    except sqlite3.OperationalError:
        return False
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        return (error.sqlite_errorcode & 0xFF) not in (
            sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
        )  # fmt: skip
    finally:
        connection.close()
    return True
