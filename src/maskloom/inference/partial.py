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

    A call alone keeps other such calls out; shares are many at once. Finished items of another
    model or of other settings are refused, not removed.

    Args:
        folder: the partial target.
        wanted: what the items depend on, the model and its settings.
        shared: other calls may be at work in the folder.

    Raises:
        UsageError: another call is at work in it.
        WriteError: the folder is somebody else's, holds finished items of another model or of
            other settings, or cannot be written.
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
        shares = (folder / SHARES).is_dir()
        if other and (shared or shares or holds_work(folder)):
            _refuse(folder, wanted, shares=shares)
        if other or not (shared or journal.is_file()):
            _empty(folder)
        if shared:
            (folder / SHARES).mkdir(exist_ok=True)
        (folder / "items").mkdir(exist_ok=True)
    atomic_write_bytes(journal, text)
    return folder / "items"


def _refuse(folder: Path, wanted: Mapping[str, Any], *, shares: bool) -> None:
    """Raise WriteError: what lies in the folder is of another model or of other settings."""
    begun = _begun(folder)
    named = [str(one.get("layer", "")) for one in (begun, wanted)]
    models = len(set(named)) > 1
    raise WriteError(
        "unfinished work of another model or of other settings is there",
        where=folder,
        seen=f"{named[0]}, now {named[1]}" if models and named[0] else _differing(begun, wanted),
        hint="give every --shard the same options, or remove the folder"
        if shares
        else "go on with the call that began it, remove the folder, or choose another target",
    )


def _begun(folder: Path) -> dict[str, Any]:
    """What the journal says that unfinished work is of.

    Raises:
        WriteError: it is damaged, so that nobody knows.
    """
    journal = folder / "journal.json"
    try:
        said = json.loads(journal.read_bytes())
    except ValueError as error:
        said, why = None, str(error)
    else:
        why = type(said).__name__
    if not isinstance(said, dict):
        raise WriteError(
            "the journal of unfinished work is damaged: what its items are of is lost",
            where=journal,
            seen=why,
            hint=f"remove {folder} to begin anew, or choose another target",
        )
    return said


def _differing(begun: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """The settings that are not alike, as `name was, now is`."""
    flat = [_flat(json.loads(json.dumps(one, default=str))) for one in (begun, wanted)]
    names = sorted({*flat[0], *flat[1]})
    changed = [n for n in names if flat[0].get(n) != flat[1].get(n)]
    return ", ".join(f"{n} {flat[0].get(n)}, now {flat[1].get(n)}" for n in changed) or None


def _flat(said: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their own names, those of a table in its place."""
    tables = [value if isinstance(value, dict) else {name: value} for name, value in said.items()]
    return {name: value for table in tables for name, value in table.items()}


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
    """Remove a partial target that holds no work."""
    if not holds_work(partial_target):
        discard(partial_target)


def holds_work(partial_target: Path) -> bool:
    """Whether a partial target has an item, or a block of one."""
    items = partial_target / "items"
    return items.is_dir() and any(path.suffix == ".npz" for path in items.rglob("*"))
