"""Where a target is written: beside its place, into which it is renamed when it is whole."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maskloom.errors import MaskloomError, UsageError, WriteError
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
    partial = dst.with_name(dst.name + PARTIAL)
    if not fmt.file_suffix or dst.suffix.lower() != fmt.file_suffix:
        with _placed(dst, partial), atomic_folder(dst) as whole, _named(dst, whole):
            yield whole
        return
    refuse_existing(dst)
    with _placed(dst, partial):
        claim_partial(partial)
    try:
        # Under its own name there: the suffix tells writer and reader that it is one file.
        with _named(dst, partial / dst.name):
            yield partial / dst.name
        (partial / dst.name).replace(dst)
    except OSError as error:
        raise write_error(dst, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _placed(dst: Path, partial: Path) -> Iterator[None]:
    """Where nothing can be made at all, the error names the target that the user gave."""
    try:
        yield
    except WriteError as error:
        failed = error.__cause__
        if error.where != str(partial) or not isinstance(failed, OSError):
            raise
        what = "cannot write: no folder can be made there"
        raise WriteError(
            what if failed.errno == errno.ENOENT else error.what, where=dst, hint=error.hint
        ) from failed


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
