"""What is done of a long piece of work, one checked line each; a killed process loses none.

Lines are JSON with a checksum, appended and synced after the output they speak of has been
renamed into place. A line that was cut, or damaged later, counts as not written: its work is
done again. Several processes may append to one journal.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskloom.errors import DataError, WriteError


class Journal:
    """A journal in a file.

    Args:
        path: of the file; made where there is none.
        of: what the work is of, as plain JSON: a plan, a model, settings. It is the first line,
            and a journal of other work is not gone on with.
    """

    def __init__(self, path: Path, of: Mapping[str, Any]) -> None:
        self.path = path
        self.of = json.loads(json.dumps(of, sort_keys=True, default=str))
        self.damaged = 0
        self._done: dict[str, dict[str, Any]] = {}

    def open(self) -> bool:
        """Read what is there, or begin.

        Returns:
            Whether the journal is of this work; if not, the file is begun anew, and what it
            spoke of is to be removed.

        Raises:
            WriteError: the file cannot be written.
        """
        first, entries, self.damaged = _read(self.path)
        if first == {"of": self.of}:
            self._done = {str(e["id"]): e for e in entries if "id" in e}
            return True
        self._done, self.damaged = {}, 0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
            temporary.write_bytes(_line({"of": self.of}))
            temporary.replace(self.path)
        except OSError as error:
            raise _cannot(self.path, error) from error
        return False

    def __contains__(self, key: object) -> bool:
        return key in self._done

    def __getitem__(self, key: str) -> Mapping[str, Any]:
        return self._done[key]

    def __len__(self) -> int:
        return len(self._done)

    def add(self, key: str, **facts: Any) -> None:
        """Say that a piece is done; lasts through a power cut when this returns.

        Raises:
            WriteError: the disk is full or the file is gone.
        """
        entry = json.loads(json.dumps({"id": key, **facts}))
        try:
            # One write of one line: appends of several processes do not mix. The newline before
            # it ends a line that a killed process has cut.
            with self.path.open("ab", buffering=0) as file:
                file.write(b"\n" + _line(entry))
                os.fsync(file.fileno())
        except OSError as error:
            raise _cannot(self.path, error) from error
        self._done[key] = entry

    def reread(self) -> None:
        """See what other processes have added.

        Raises:
            DataError: the journal is of other work now.
        """
        first, entries, self.damaged = _read(self.path)
        if first != {"of": self.of}:
            raise DataError(
                "another call has begun the same target with other settings",
                where=self.path,
                hint="wait for it, or choose another target",
            )
        self._done = {str(e["id"]): e for e in entries if "id" in e}


def _line(entry: Mapping[str, Any]) -> bytes:
    text = json.dumps(entry, sort_keys=True, ensure_ascii=False).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _read(path: Path) -> tuple[dict[str, Any] | None, list[dict[str, Any]], int]:
    """(first line, the others, how many lines were damaged)."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return None, [], 0
    except OSError as error:
        raise _cannot(path, error) from error
    parsed = [_parsed(line) for line in lines if line]
    good = [entry for entry in parsed if entry is not None]
    if not parsed or parsed[0] is None:  # nobody knows what the rest is of
        return None, [], 0
    return good[0], good[1:], len(parsed) - len(good)


def _parsed(line: bytes) -> dict[str, Any] | None:
    check, _, text = line.partition(b" ")
    try:
        if int(check, 16) != zlib.crc32(text):
            return None
        entry = json.loads(text)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _cannot(path: Path, error: OSError) -> WriteError:
    return WriteError(
        f"the journal cannot be used: {error.strerror or error}",
        where=path,
        hint="free disk space, or choose another target",
    )
