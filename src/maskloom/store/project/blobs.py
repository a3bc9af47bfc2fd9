"""Files that are named by what they hold: `blobs/SHA256[:2]/SHA256`.

Written whole and synced, verified when read. What they mean (class maps, confidences, cached
documents) is known where their names are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from maskloom.errors import DataError
from maskloom.store.files import atomic_write_bytes, sync_folder

_NAME = re.compile(r"[0-9a-f]{64}")


def put(folder: Path, data: bytes, note: Callable[[Path], None] | None = None) -> str:
    """Keep bytes and give their name; the same bytes again cost no space.

    Args:
        folder: of the blobs.
        data: what to keep.
        note: is told of a file that is about to be made; not of one that is there.

    Raises:
        WriteError: the file cannot be written.
    """
    path = folder / place(data)
    if not _holds(path, data):
        if note is not None and not path.exists():
            note(path)
        atomic_write_bytes(path, data)
        sync_folder(path.parent)
    return path.name


def place(data: bytes) -> Path:
    """Where bytes are kept, or would be, below the folder of the blobs."""
    name = sha256(data).hexdigest()
    return Path(name[:2], name)


def get(folder: Path, name: str) -> bytes:
    """The bytes of a name.

    Raises:
        DataError: not a name, or the file is absent, cannot be read or is damaged.
    """
    if not _NAME.fullmatch(name):
        raise DataError("not the name of a blob", where=folder, seen=name)
    path = folder / name[:2] / name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            "a file of the project cannot be read",
            where=path,
            seen=error.strerror,
            hint="put back a copy of it",
        ) from error
    if sha256(data).hexdigest() != name:
        raise DataError(
            "a file of the project is damaged",
            where=path,
            seen=f"{len(data)} bytes",
            hint="put back a copy of it",
        )
    return data


def remove(folder: Path, name: str) -> None:
    """Remove bytes that nothing names any more; no error if they are not there.

    Raises:
        OSError: the file cannot be removed.
    """
    if _NAME.fullmatch(name):
        (folder / name[:2] / name).unlink(missing_ok=True)


def _holds(path: Path, data: bytes) -> bool:
    """Whether the file is there and sound; a damaged one is written again."""
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False
