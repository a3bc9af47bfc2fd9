"""Where a target is written: beside its place, into which it is renamed when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maskloom.errors import MaskloomError, UsageError
from maskloom.formats.base import Format
from maskloom.store.files import (
    PARTIAL,
    atomic_folder,
    claim_partial,
    refuse_existing,
    write_error,
)
from maskloom.store.project.runs import project_address


@contextmanager
def _named(dst: Path, partial: Path) -> Iterator[None]:
    """Errors about a place in the unfinished target name the place in the target."""
    try:
        yield
    except MaskloomError as error:
        if error.where is not None and error.where.startswith(str(partial)):
            error.where = f"{dst}{error.where[len(str(partial)) :]}"
            error.args = (error.message,)
        raise


@contextmanager
def staged(dst: Path, fmt: Format) -> Iterator[Path]:
    """Where to write a target that is renamed to `dst` if the block ends well.

    Raises:
        UsageError: the target is named like a file, and the format is a folder.
        WriteError: the target exists or cannot be written.
    """
    if not fmt.file_suffix and dst.suffix.lower() == ".json":
        raise UsageError(f"{fmt.name} is a folder of files", where=dst, hint="name a folder")
    if not fmt.file_suffix or dst.suffix.lower() != fmt.file_suffix:
        with atomic_folder(dst) as partial, _named(dst, partial):
            yield partial
        return
    refuse_existing(dst)
    # The suffix stays last: it tells writer and reader that the target is one file.
    folder = dst.with_name(f".{dst.name}.{os.getpid()}{PARTIAL}")
    claim_partial(folder)
    try:
        with _named(dst, folder / dst.name):
            yield folder / dst.name
        (folder / dst.name).replace(dst)
    except OSError as error:
        raise write_error(dst, error) from error
    finally:
        if folder.parent.is_dir():
            shutil.rmtree(folder, ignore_errors=True)


def refuse_nested(src: Path, dst: Path) -> None:
    """A target inside its source would become part of it.

    Args:
        src: a folder, a project's address, or anything else, in which nothing can lie.
        dst: the target.

    Raises:
        UsageError: dst lies in src.
    """
    address = project_address(src)
    src = src if address is None else address.root
    if src.is_dir() and dst.resolve().is_relative_to(src.resolve()):
        raise UsageError(
            "the target lies inside the source",
            where=dst,
            seen=str(src),
            hint="choose a target beside it",
        )
