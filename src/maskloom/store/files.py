"""Files that are either whole or absent, and paths that stay under their root.

Every output of maskloom is written beside its target and renamed when complete, so that a
killed process leaves the old file or nothing.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maskloom.errors import DataError, WriteError

PARTIAL = ".partial"

_HINTS = {
    errno.ENOSPC: "free disk space or choose another target",
    errno.EDQUOT: "free disk space within your quota or choose another target",
    errno.EACCES: "choose a target that you may write to",
    errno.EPERM: "choose a target that you may write to",
    errno.EROFS: "the disk is read-only, choose another target",
    errno.ENOTDIR: "a parent of the target is a file, choose another target",
}


def write_error(path: Path, error: OSError) -> WriteError:
    """An OSError on a target as the one message for the user."""
    return WriteError(
        f"cannot write: {error.strerror or error}", where=path,
        hint=_HINTS.get(error.errno or 0, "choose another target"),
    )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError raised inside into a WriteError about `path`."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


def atomic_write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a file by temp file, fsync and rename.

    Raises:
        WriteError: the target cannot be written; whatever was there before is untouched.
    """
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that is renamed to it if the block ends well.

    Raises:
        WriteError: the target cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True) if path.parent.is_dir() else None


@contextmanager
def atomic_folder(path: Path, *, resume: bool = False) -> Iterator[Path]:
    """`PATH.partial`, renamed to `path` if the block ends well.

    Args:
        path: must not exist yet.
        resume: keep and go on with a partial folder of a killed run, and keep it on failure;
            otherwise it is removed both times.

    Raises:
        WriteError: the target exists or cannot be written.
    """
    refuse_existing(path)
    partial = path.with_name(path.name + PARTIAL)
    try:
        if partial.exists() and not resume:
            shutil.rmtree(partial)
        partial.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from error
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        if not resume:
            shutil.rmtree(partial, ignore_errors=True)


def refuse_existing(path: Path) -> None:
    """Raise WriteError if something is at the target."""
    if os.path.lexists(path):
        raise WriteError(
            "the target exists", where=path, hint="remove it or choose another target"
        )


def safe_join(root: Path, relative: str | Path) -> Path:
    """`root / relative`, refused if it leads out of the root.

    Raises:
        DataError: the path is absolute, climbs out with `..`, holds a NUL, or a symbolic link
            on it leads outside.
    """
    text = str(relative)
    if not text or "\0" in text:
        raise DataError("not a file name", where=root, seen=text)
    base = root.resolve()
    joined = base / text.replace("\\", "/")
    if Path(text).is_absolute() or not joined.resolve().is_relative_to(base):
        raise DataError(
            "a path leads out of the data's folder", where=root, seen=text,
            hint="use paths below the folder, or --images ROOT",
        )
    return Path(os.path.normpath(root / text.replace("\\", "/")))


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
