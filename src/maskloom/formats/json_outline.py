"""Where the entries of a large JSON file stand, found in one pass over its bytes.

Only brackets, commas and colons near the top are looked at, block by block, so that memory does
not grow with the file. What stands between them is parsed by whoever needs it, entry by entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from maskloom.errors import FormatError
from maskloom.formats.json_signs import scan

_BLOCK = 1 << 20
_DEEPEST = 2
_BOM = b"\xef\xbb\xbf"
_HINT = "copy it again"


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """The entries of a list: bytes from `starts` to `ends` of the file, (N,) int64 each."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """One JSON file.

    Args:
        path: the file.
        stamp: its size and time, by which a file that changed is told.
        lists: key → entries, of lists at the top of an object; "" is a file that is a list.
        values: key → parsed value, of everything else at the top.
    """

    path: Path
    stamp: tuple[int, int]
    lists: dict[str, Entries]
    values: dict[str, Any]

    def read(self, start: int, end: int) -> bytes:
        """Bytes of the file.

        Raises:
            FormatError: it changed since it was outlined, or cannot be read.
        """
        return self.read_parts([start], [end])

    def read_parts(self, starts: Sequence[int], ends: Sequence[int]) -> bytes:
        """Bytes of parts of the file, one behind the other.

        Raises:
            FormatError: it changed since it was outlined, or cannot be read.
        """
        parts = []
        try:
            with self.path.open("rb") as file:
                for start, end in zip(starts, ends, strict=True):
                    file.seek(start)
                    parts.append(file.read(end - start))
        except OSError as error:
            raise FormatError(f"cannot read: {error.strerror}", where=self.path) from error
        self.check_unchanged(whole=sum(map(len, parts)) == sum(ends) - sum(starts))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def check_unchanged(self, *, whole: bool = True) -> None:
        """Look whether the file is the one that was outlined; `whole`: all that was read is there.

        Raises:
            FormatError: it changed, or is gone.
        """
        try:
            whole &= _stamp(self.path) == self.stamp
        except OSError as error:
            raise FormatError(f"cannot read: {error.strerror}", where=self.path) from error
        if not whole:
            raise FormatError(
                "the file changed while it was being read", where=self.path, hint="start again"
            )

    def parsed(self, entries: Entries, index: int) -> Any:
        """One entry.

        Raises:
            FormatError: it is not valid JSON.
        """
        return parse(self.read(int(entries.starts[index]), int(entries.ends[index])), self.path)

    def chunks(self, entries: Entries, most: int) -> Iterator[tuple[int, int, bytes]]:
        """(first, last + 1, bytes) of runs of entries of about `most` bytes, at least one entry."""
        first = 0
        while first < len(entries):
            limit = int(entries.starts[first]) + most
            last = max(first + 1, int(np.searchsorted(entries.ends, limit, side="right")))
            yield first, last, self.read(int(entries.starts[first]), int(entries.ends[last - 1]))
            first = last


def parse(text: bytes, path: Path) -> Any:
    """A JSON text; NaN and infinities are let through, for checks that name them.

    Raises:
        FormatError: it is not valid JSON.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    import json

    try:
        return json.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise FormatError("not valid JSON", where=path, seen=error, hint=_HINT) from error


def outline(path: Path) -> Outline:
    """Find the lists at the top of a JSON file, and parse what else stands there.

    Raises:
        FormatError: it cannot be read, or its brackets do not match.
    """
    try:
        stamp = _stamp(path)
        places, signs, skip = _signs(path)
    except OSError as error:
        raise FormatError(f"cannot read: {error.strerror}", where=path) from error
    found = Outline(path, stamp, {}, {})
    if not len(signs):
        found.values[""] = parse(found.read(skip, stamp[0]), path)
        return found
    _refuse_around(found, skip, places)
    if signs[0] == ord("["):
        found.lists[""] = _entries(found, places, signs, 0, len(signs) - 1, depth=1)
        return found
    _members(found, places, signs)
    return found


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _signs(path: Path) -> tuple[NDArray[np.int64], NDArray[np.uint8], int]:
    """Places and kinds of the signs near the top, and where the text begins.

    Raises:
        FormatError: brackets that do not match.
    """
    state = np.zeros(4, np.int64)  # depth, in a string, after a backslash, fault
    places: list[NDArray[np.int64]] = []
    signs: list[NDArray[np.uint8]] = []
    at = 0
    with path.open("rb") as file:
        skip = len(_BOM) if file.read(len(_BOM)) == _BOM else 0
        file.seek(skip)
        at = skip
        while block := file.read(_BLOCK):
            data = np.frombuffer(block, np.uint8)
            where = scan(data, state, _DEEPEST)
            places.append(where + at)
            signs.append(data[where])
            at += len(block)
            if state[3]:
                break
    if state[0] or state[1] or state[3]:
        what = "the file ends within a value" if not state[3] else "brackets do not match"
        raise FormatError(f"not valid JSON: {what}", where=path, seen=f"byte {at}", hint=_HINT)
    empty = [np.zeros(0, np.int64)], [np.zeros(0, np.uint8)]
    return np.concatenate(places or empty[0]), np.concatenate(signs or empty[1]), skip


def _refuse_around(found: Outline, skip: int, places: NDArray[np.int64]) -> None:
    """Nothing but spaces stands before and after the outermost brackets."""
    first, last, size = int(places[0]), int(places[-1]) + 1, found.stamp[0]
    for start, end in ((skip, first), (last, size)):
        if end - start > _BLOCK or found.read(start, end).strip():
            raise FormatError(
                "not valid JSON: text outside its brackets",
                where=found.path,
                seen=f"byte {start}",
                hint=_HINT,
            )


def _members(found: Outline, places: NDArray[np.int64], signs: NDArray[np.uint8]) -> None:
    """Sort the members of the outermost object into lists and values."""
    opens, closes = np.isin(signs, (91, 123)), np.isin(signs, (93, 125))
    depth = np.cumsum(opens.astype(np.int64) - closes)
    # A closing sign belongs to the level that it closes.
    level = depth + closes
    top = np.flatnonzero(level == 1)
    text_start = int(places[0]) + 1
    colon = -1
    for i in top[1:].tolist():
        if signs[i] == ord(":"):
            colon = i
            continue
        end = int(places[i])
        if colon < 0:
            if found.read(text_start, end).strip() or len(top) > 2:
                raise FormatError(
                    "not valid JSON: a member without a colon",
                    where=found.path,
                    seen=f"byte {end}",
                    hint=_HINT,
                )
            continue
        key = parse(found.read(text_start, int(places[colon])), found.path)
        if not isinstance(key, str):
            raise FormatError(
                "not valid JSON: a key that is no text", where=found.path, seen=key, hint=_HINT
            )
        first, last = colon + 1, i - 1
        is_list = first < last and signs[first] == ord("[") and signs[last] == ord("]")
        if is_list:
            found.lists[key] = _entries(found, places, signs, first, last, depth=2, level=level)
        else:
            found.values[key] = parse(found.read(int(places[colon]) + 1, end), found.path)
        text_start, colon = end + 1, -1


def _entries(
    found: Outline,
    places: NDArray[np.int64],
    signs: NDArray[np.uint8],
    first: int,
    last: int,
    *,
    depth: int,
    level: NDArray[np.int64] | None = None,
) -> Entries:
    """The entries between an opening and a closing bracket."""
    inner = slice(first + 1, last)
    commas = signs[inner] == ord(",")
    if level is not None:
        commas &= level[inner] == depth
    else:
        opens, closes = np.isin(signs, (91, 123)), np.isin(signs, (93, 125))
        commas &= np.cumsum(opens.astype(np.int64) - closes)[inner] == depth
    cuts = places[inner][commas]
    starts = np.concatenate([[places[first]], cuts]) + 1
    ends = np.concatenate([cuts, [places[last]]])
    if len(starts) == 1 and ends[0] - starts[0] <= _BLOCK:
        text = found.read(int(starts[0]), int(ends[0]))
        if not text.strip():
            return Entries(starts[:0], ends[:0])
    return Entries(starts, ends)
