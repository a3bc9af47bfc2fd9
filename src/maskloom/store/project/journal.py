"""Which files an import is about to write, so that the next one can remove them if it was killed.

Every name is written down before its file is made. An import that ends well clears the list; one
that finds a list first removes what no row of the database names. Files that were there before
are never on it. Held together with `lock.writer_lock`.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sqlalchemy import Connection, select

from maskloom.errors import MaskloomError
from maskloom.store.files import PARTIAL, writing
from maskloom.store.project import database
from maskloom.store.project.schema import checkpoint, entry, part, sample

if TYPE_CHECKING:
    from maskloom.store.project.project import Project

JOURNAL = ".import.journal"


class Journal:
    """The list of one import; a context manager that sweeps before and, after an error, again."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._path = project.root / JOURNAL

    def note(self, path: Path) -> None:
        """A file below the project's folder is about to be made.

        Raises:
            WriteError: the list cannot be written.
        """
        with writing(self._path):
            line = json.dumps(path.relative_to(self._project.root).as_posix()) + "\n"
            self._file.write(line.encode())
            self._file.flush()

    def __enter__(self) -> Self:
        sweep(self._project)
        with writing(self._path):
            self._file = self._path.open("wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if error is None:
            self._path.unlink(missing_ok=True)
            return
        # Where the database cannot be asked, the next import does it.
        with suppress(MaskloomError):
            sweep(self._project)


def sweep(project: Project) -> int:
    """Remove what an unfinished import left; the caller holds the writer's lock.

    Returns:
        How many files were removed.
    """
    path = project.root / JOURNAL
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return 0
    noted = [name for line in lines if (name := _parsed(line))]
    with database.read(project) as connection:
        named = _named(connection) if noted else set()
    removed = 0
    for name in dict.fromkeys(noted):
        if name not in named:
            removed += _remove(project.root, project.root / name)
    path.unlink(missing_ok=True)
    return removed


def _parsed(line: bytes) -> str:
    """The name on a line; nothing of a line that was cut off or leads elsewhere."""
    try:
        name = json.loads(line)
    except ValueError:
        return ""
    sound = isinstance(name, str) and not Path(name).is_absolute() and ".." not in Path(name).parts
    return name if sound else ""


def _named(connection: Connection) -> set[str]:
    """Every file of the project that the database knows of."""
    blobs = [
        select(column).where(column.is_not(None)).distinct()
        for column in (entry.c.blob, entry.c.confidence, checkpoint.c.sha256)
    ]
    names = {name for query in blobs for name in connection.execute(query).scalars()}
    files = {f"blobs/{name[:2]}/{name}" for name in names}
    for column in (part.c.path, sample.c.uri):
        files.update(connection.execute(select(column).where(column.is_not(None))).scalars())
    return files


def _remove(root: Path, path: Path) -> int:
    """Remove a file and what was to become it, and folders that are empty then."""
    if not path.resolve().is_relative_to(root.resolve()):
        return 0
    found = [path, *path.parent.glob(f".{_literal(path.name)}.*{PARTIAL}")]
    found.append(path.with_name(f".{path.name}{PARTIAL}"))
    removed = 0
    for one in found:
        try:
            one.unlink()
            removed += 1
        except OSError:
            continue
    for folder in path.parents:
        if folder == root or not folder.is_relative_to(root):
            break
        try:
            os.rmdir(folder)  # noqa: PTH106
        except OSError:
            break
    return removed


def _literal(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
