"""One label server and one import at a time: locks on files in the project's folder.

The system drops a lock when its process ends, however it ends, so nothing has to be cleaned up
after a kill. Short transactions are ordered by the database and need none of this.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from maskloom.errors import UsageError
from maskloom.store.files import writing

SERVER_LOCK = ".server.lock"
WRITER_LOCK = ".writer.lock"


class ServerLock:
    """Held by the process that serves the project's page.

    Args:
        file: open and locked.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def serve_at(self, port: int) -> None:
        """Tell others where the page is."""
        _tell(self._file, {"pid": os.getpid(), "port": port})


@contextmanager
def server_lock(root: Path, port: int = 0) -> Iterator[ServerLock]:
    """Be the one label server of a project.

    Raises:
        UsageError: another process is; the message says which and where.
        WriteError: the project's folder cannot be written.
    """
    with _locked(root / SERVER_LOCK) as (file, other):
        if file is None:
            where = f"http://127.0.0.1:{other['port']}" if other.get("port") else "its page"
            raise UsageError(
                "the project is open in another label server",
                where=root,
                seen=f"process {other.get('pid', 'unknown')}, {where}",
                hint=f"use {where}, or stop that server",
            )
        lock = ServerLock(file)
        lock.serve_at(port)
        yield lock


@contextmanager
def writer_lock(root: Path, what: str = "import") -> Iterator[None]:
    """Be the one that adds files to a project.

    Args:
        root: the project's folder.
        what: is done, for the message to others.

    Raises:
        UsageError: another process is adding files.
        WriteError: the project's folder cannot be written.
    """
    with _locked(root / WRITER_LOCK) as (file, other):
        if file is None:
            raise UsageError(
                "another program is adding files to the project",
                where=root,
                seen=f"process {other.get('pid', 'unknown')}, {other.get('what', 'unknown')}",
                hint="try again when it is done",
            )
        _tell(file, {"pid": os.getpid(), "what": what})
        yield


@contextmanager
def _locked(path: Path) -> Iterator[tuple[IO[bytes] | None, dict[str, Any]]]:
    """(the locked file, {}), or (None, what its holder said)."""
    with writing(path):
        file = open(path, "a+b", buffering=0, opener=_opened)  # noqa: SIM115
    with file:
        with writing(path):
            # Whoever had it may have removed the file: then the lock is of nothing.
            got = _try(file) and _is_at(file, path)
        yield (file, {}) if got else (None, _told(file))


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _opened(path: str, flags: int) -> int:
    # Never through a link: what a foreign project's link points at would be overwritten.
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o644)


def _told(file: IO[bytes]) -> dict[str, Any]:
    file.seek(0)
    try:
        found = json.loads(file.read(4096))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _tell(file: IO[bytes], what: dict[str, Any]) -> None:
    with writing(Path(file.name)):
        file.truncate(0)
        file.write(json.dumps(what).encode())


if sys.platform == "win32":
    import msvcrt

    def _try(file: IO[bytes]) -> bool:
        """Lock a byte far behind the text, which others may read meanwhile."""
        file.seek(1 << 20)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try(file: IO[bytes]) -> bool:
        """Take the lock, if nobody has it."""
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
