"""TARGET.partial of a batch: what its items are of, and who may be at work in it.

journal.json    the model and the settings that the items depend on
items/          one file per finished image, see `items.py`
shares/         what each share said when it was done, see `shares.py`
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from maskloom.errors import UsageError, WriteError
from maskloom.inference.shares import SHARES
from maskloom.store.files import atomic_write_bytes, claim_partial, writing
from maskloom.store.project.lock import writer_lock


@contextmanager
def open_journal(
    folder: Path, wanted: Mapping[str, Any], *, shared: bool = False
) -> Iterator[Path]:
    """The folder of items in a partial target.

    A call alone keeps other such calls out. Shares are many at once; what they have begun is not
    emptied by a call of other settings.

    Args:
        folder: the partial target.
        wanted: what the items depend on, the model and its settings.
        shared: other calls may be at work in the folder: what is of other models is refused
            rather than removed.

    Raises:
        UsageError: another call is at work in it.
        WriteError: the folder is somebody else's, of others' items, or cannot be written.
    """
    claim_partial(folder, keep=True)
    with ExitStack() as stack:
        if not shared:
            stack.enter_context(_alone(folder))
        yield _items(folder, wanted, shared=shared)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(writer_lock(folder, "predicting"))
        except UsageError as error:
            raise UsageError(
                "another call of predict is at work for this target",
                where=folder,
                seen=error.seen,
                hint="wait for it, or stop it: the next call goes on with what it has done",
            ) from error
        yield


def _items(folder: Path, wanted: Mapping[str, Any], *, shared: bool) -> Path:
    journal = folder / "journal.json"
    text = json.dumps(wanted, sort_keys=True, default=str).encode()
    with writing(folder):
        other = journal.is_file() and journal.read_bytes() != text
        if shared and other:
            raise WriteError(
                "the partial target is of another model or of other settings",
                where=folder,
                hint="give every --shard the same options, or remove the folder",
            )
        if other and (folder / SHARES).is_dir():
            raise WriteError(
                "the partial target belongs to --shard calls of another model or other settings",
                where=folder,
                hint="let them end, or remove the folder",
            )
        if other or not (shared or journal.is_file()):
            _empty(folder)
        if shared:
            (folder / SHARES).mkdir(exist_ok=True)
        (folder / "items").mkdir(exist_ok=True)
    atomic_write_bytes(journal, text)
    return folder / "items"


def _empty(folder: Path) -> None:
    """Remove all but what says whose the folder is and who is at work in it."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif not path.name.startswith("."):
            path.unlink()


def discard(partial_target: Path) -> None:
    """Remove a partial target."""
    shutil.rmtree(partial_target, ignore_errors=True)


def discard_if_empty(partial_target: Path) -> None:
    """Remove a partial target that holds no work: no item, and no block of one."""
    items = partial_target / "items"
    if not items.is_dir() or not any(path.suffix == ".npz" for path in items.rglob("*")):
        discard(partial_target)
