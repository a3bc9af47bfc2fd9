"""Files that are either whole or absent, and paths that stay under their root.

Every output of maskloom is written beside its target and renamed when complete, so that a
killed process leaves the old file or nothing.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maskloom.errors import DataError, WriteError
from maskloom.store.image_kinds import files_beside

PARTIAL = ".partial"
_MARKER = ".maskloom-partial"

_HINTS = {
    errno.ENOSPC: "free disk space or choose another target",
    errno.EDQUOT: "free disk space within your quota or choose another target",
    errno.EACCES: "choose a target that you may write to",
    errno.EPERM: "choose a target that you may write to",
    errno.EFBIG: "a limit on the size of files is reached (ulimit -f, or the file system's own)",
    errno.EROFS: "the disk is read-only, choose another target",
    errno.ENOTDIR: "a parent of the target is a file, choose another target",
    errno.EEXIST: "a parent of the target is a file, choose another target",
}


def write_error(path: Path, error: OSError) -> WriteError:
    """An OSError on a target as the one message for the user."""
    return WriteError(
        f"cannot write: {error.strerror or error}",
        where=path,
        hint=_HINTS.get(error.errno or 0, "choose another target"),
    )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError raised inside into a WriteError about `path`."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


def make_folder(path: Path) -> None:
    """Make a folder with those above it; each that is new lasts through a power cut.

    Raises:
        OSError: it cannot be made.
    """
    new, above = [], path
    while not above.is_dir() and above != above.parent:
        new.append(above)
        above = above.parent
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(new):
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and new files in a folder last through a power cut, where systems can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows opens no folders; renames last there without
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


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
    # Threads of one process write the same file, too.
    token = f"{os.getpid()}.{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.name}.{token}{PARTIAL}")
    try:
        make_folder(path.parent)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True) if path.parent.is_dir() else None


@contextmanager
def atomic_folder(path: Path, *, resume: bool = False) -> Iterator[Path]:
    """`PATH.partial/whole`, renamed to `path` if the block ends well.

    Args:
        path: must not exist yet.
        resume: keep and go on with a partial folder of a killed run, and keep it on failure;
            otherwise it is removed both times.

    Raises:
        WriteError: the target exists or cannot be written, or PATH.partial is not maskloom's.
    """
    refuse_existing(path)
    partial = path.with_name(path.name + PARTIAL)
    claim_partial(partial, keep=resume)
    whole = partial / "whole"
    done = False
    try:
        whole.mkdir(exist_ok=True)
        yield whole
        whole.replace(path)
        done = True
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        if done or not resume:
            shutil.rmtree(partial, ignore_errors=True)


def claim_partial(path: Path, *, keep: bool = False) -> None:
    """Make a folder of our own for unfinished output, marked so that a later run knows it.

    The marker lies beside what will be renamed, so it never gets into a target. A folder that
    has no marker and is not empty is somebody else's and stays untouched.

    Args:
        path: the folder, by convention TARGET.partial.
        keep: leave what a killed run of ours left in it; otherwise it is emptied.

    Raises:
        WriteError: it is not maskloom's, or cannot be written.
    """
    marker = path / _MARKER
    try:
        if os.path.lexists(path):
            plain = path.is_dir() and not path.is_symlink()
            # In this order: another call may be making the folder, and its marker comes first.
            if not plain or (any(path.iterdir()) and not marker.is_file()):
                raise WriteError(
                    "the partial folder exists and is not maskloom's",
                    where=path,
                    hint="remove it or choose another target",
                )
            if not keep:
                shutil.rmtree(path)
        make_folder(path)
        marker.touch()
    except OSError as error:
        raise write_error(path, error) from error


def place_file(source: Path, target: Path, how: str) -> None:
    """Put a file at `target`: a hard link where `how` is link and the file system can, else a copy.

    The files that an image is read with (`files_beside`) come with it.

    Raises:
        WriteError: the target cannot be written.
    """
    _place(source, target, how)
    for part, place in zip(files_beside(source), places_beside(source, target), strict=True):
        _place(part, place, how)


def places_beside(source: Path, target: Path) -> list[Path]:
    """Where copies of `files_beside(source)` go, when the copy of `source` is `target`."""
    above = source.with_suffix("")
    return [target.with_suffix("") / part.relative_to(above) for part in files_beside(source)]


def _place(source: Path, target: Path, how: str) -> None:
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if how == "link":
            try:
                os.link(source.resolve(), target)
            except OSError:
                shutil.copyfile(source, target)
        else:
            shutil.copyfile(source, target)


def refuse_existing(path: Path) -> None:
    """Raise WriteError if something is at the target."""
    if os.path.lexists(path):
        _sweep(path.with_name(path.name + PARTIAL))
        raise WriteError("the target exists", where=path, hint="remove it or choose another target")


def _sweep(partial: Path) -> None:
    """Remove what a call left that was killed after its output was whole and before it had gone."""
    if (partial / _MARKER).is_file() and not os.path.lexists(partial / "whole"):
        shutil.rmtree(partial, ignore_errors=True)


def is_file(path: Path) -> bool:
    """Whether a file is there; a name too long for the disk is no file's."""
    return os.path.isfile(path)  # noqa: PTH113


def exists(path: Path) -> bool:
    """Whether a file or folder is there, likewise."""
    return os.path.exists(path)  # noqa: PTH110


def stays_below(name: str) -> bool:
    """Whether a file name, as text, leads to a place below the folder that it is joined to.

    Links on the way are the owner's and not asked about; `safe_join` refuses those, too.
    """
    parts = name.replace("\\", "/").split("/")
    drive = len(parts[0]) == 2 and parts[0][1] == ":"
    return bool(name) and "\0" not in name and parts[0] != "" and not drive and ".." not in parts


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
            "a path leads out of the data's folder",
            where=root,
            seen=text,
            hint="use paths below the folder, or --images ROOT",
        )
    return Path(os.path.normpath(root / text.replace("\\", "/")))


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
