"""Calls that divide a batch among them: which shares are done, and who puts them together.

Each call leaves a file TARGET.partial/shares/I-of-N.json when its images are labelled. The one
that finds all of them there assembles the target; of two that do, one holds the lock. A lock
goes with its process, so that a killed call leaves nothing to clear away.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from maskloom.core.outcome import counted
from maskloom.errors import DataError, UsageError, WriteError
from maskloom.store.files import atomic_write_bytes
from maskloom.store.project.lock import writer_lock
from maskloom.work.shards import Share

SHARES = "shares"
"""Folder in a partial target, there from the first share on."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A bad image of a share.

    Args:
        why: in a sentence.
        item: name of the item that it has not become; another content has another name.
    """

    why: str
    item: str


def finish_share(partial: Path, share: Share, failed: Mapping[str, Failure]) -> tuple[int, ...]:
    """Say that a share is done.

    Args:
        partial: the partial target.
        share: of this call.
        failed: its bad images by key.

    Returns:
        numbers of the shares that are not done yet.

    Raises:
        WriteError: the folder cannot be written.
    """
    said = {key: [one.why, one.item] for key, one in failed.items()}
    atomic_write_bytes(_file(partial, share), json.dumps(said).encode())
    numbers = range(1, share.of + 1)
    return tuple(n for n in numbers if not _file(partial, Share(n, share.of)).is_file())


def failed_in_shares(partial: Path, of: int) -> dict[str, Failure]:
    """The bad images of all shares by key.

    Raises:
        DataError: a share's file is damaged.
    """
    failed: dict[str, Failure] = {}
    for number in range(1, of + 1):
        file = _file(partial, Share(number, of))
        try:
            found = json.loads(file.read_bytes())
            failed |= {key: Failure(str(why), str(item)) for key, (why, item) in found.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise DataError(
                "the record of a share is damaged",
                where=file,
                seen=error,
                hint=f"remove it and run --shard {number}/{of} again",
            ) from error
    return failed


@contextmanager
def assembling(partial: Path, target: Path | None = None) -> Iterator[bool]:
    """Whether this call is the one that assembles; if not, another does or has done.

    Args:
        partial: the partial target.
        target: what is assembled, where that is a file or folder.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(writer_lock(partial, "assembling"))
            mine = (target is None or not target.exists()) and (partial / "items").is_dir()
        except UsageError:
            mine = False
        except WriteError:
            # A folder that is gone has been assembled a moment ago.
            if partial.is_dir():
                raise
            mine = False
        yield mine


def said_of_share(share: Share, images: int, waiting: tuple[int, ...], parts: int = 0) -> str:
    """One line for people: what is done, and what is still to come.

    Args:
        share: of this call.
        images: that it labelled.
        waiting: numbers of the other shares that are not done.
        parts: large images of which it made its tiles.
    """
    done = f"shard {share} is done, {counted(images, 'image')}"
    if parts:
        done += f", its tiles of {counted(parts, 'large image')} among them"
    if not waiting:
        return f"{done}; another call puts the shards together"
    rest = ", ".join(f"{number}/{share.of}" for number in waiting[:8])
    more = f" and {len(waiting) - 8} more" if len(waiting) > 8 else ""
    return f"{done}; still to come: --shard {rest}{more}; the last one writes the target"


def _file(partial: Path, share: Share) -> Path:
    return partial / SHARES / f"{share.number}-of-{share.of}.json"
