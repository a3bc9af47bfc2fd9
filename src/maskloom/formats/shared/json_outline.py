"""Where the entries of a large JSON file stand, found in one pass over its bytes.

Only brackets, commas and colons near the top are looked at, block by block, so that memory does
not grow with the file. What stands between them is parsed by whoever needs it, entry by entry.
"""

from __future__ import annotations

import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from maskloom.errors import FormatError
from maskloom.formats.shared.json_faults import unread_json
from maskloom.formats.shared.json_signs import scan

_BLOCK = 1 << 20
_INNER = 128  # marks signs between the brackets of a member
_COMMA = ord(",")
_BOM = b"\xef\xbb\xbf"
_HINT = "copy it again"


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """The N entries of a list, by eight bytes each.

    Args:
        cuts: (N+1,) int64 places in the file of its brackets and of the commas between entries.
    """

    cuts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.cuts) - 1

    def spans(self, own: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where some entries start in the file, and the places behind them."""
        return self.cuts[own] + 1, self.cuts[own + 1]


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
        total = sum(ends) - sum(starts)
        try:
            # Short parts that lie far from one another need no buffer.
            with FileIO(self.path) if total < _BLOCK else self.path.open("rb") as file:
                for start, end in zip(starts, ends, strict=True):
                    file.seek(start)
                    parts.append(file.read(end - start))
        except OSError as error:
            raise FormatError(f"cannot read: {error.strerror}", where=self.path) from error
        self.check_unchanged(whole=sum(map(len, parts)) == total)
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
        start, end = entries.cuts[index : index + 2].tolist()
        return parse(self.read(start + 1, end), self.path)

    def chunks(self, entries: Entries, most: int) -> Iterator[tuple[int, int, bytes]]:
        """(first, last + 1, bytes) of runs of entries of about `most` bytes, at least one entry."""
        first, cuts = 0, entries.cuts
        while first < len(entries):
            start = int(cuts[first]) + 1
            last = int(np.searchsorted(cuts, start + most, side="right")) - 1
            last = max(first + 1, last)
            yield first, last, self.read(start, int(cuts[last]))
            first = last


def parse(text: bytes, path: Path) -> Any:
    """A JSON text; NaN and infinities are let through, for checks that name them.

    Raises:
        FormatError: it is not valid JSON, or beyond what is read.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise unread_json(path, error) from error


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
        found.lists[""] = _entries(found, places, signs, 0, len(signs) - 1)
        return found
    _members(found, places, signs)
    return found


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _signs(path: Path) -> tuple[NDArray[np.int64], NDArray[np.uint8], int]:
    """Places and kinds of the signs near the top, and where the text begins.

    Of a list they are the commas between its entries, of an object also those between the entries
    of its members, which are marked by `_INNER`.

    Raises:
        FormatError: brackets that do not match.
    """
    state = np.zeros(4, np.int64)  # depth, in a string, after a backslash, fault
    places, signs = array.array("q"), bytearray()
    depth = deepest = 0
    with path.open("rb") as file:
        at = skip = len(_BOM) if file.read(len(_BOM)) == _BOM else 0
        file.seek(skip)
        while block := file.read(_BLOCK):
            if not deepest and (text := block.lstrip()):
                deepest = 1 if text[0] == ord("[") else 2
            if deepest:
                data = np.frombuffer(block, np.uint8)
                where = scan(data, state, deepest)
                kinds = data[where]
                levels, depth = _levels(kinds, depth)
                kept = (levels == 1) | (kinds != ord(":"))
                places.frombytes((where[kept] + at).tobytes())
                signs += (kinds + _INNER * (levels > 1).astype(np.uint8))[kept].tobytes()
            at += len(block)
            if state[3]:
                break
    if state[0] or state[1] or state[3]:
        what = "the file ends within a value" if not state[3] else "brackets do not match"
        raise FormatError(f"not valid JSON: {what}", where=path, seen=f"byte {at}", hint=_HINT)
    return np.frombuffer(places, np.int64), np.frombuffer(signs, np.uint8), skip


def _levels(signs: NDArray[np.uint8], depth: int) -> tuple[NDArray[np.int64], int]:
    """How many brackets are open around the signs of a block, and behind the last of them.

    A bracket belongs to the level that it opens or closes.
    """
    opens, closes = np.isin(signs, (91, 123)), np.isin(signs, (93, 125))
    behind = depth + np.cumsum(opens.astype(np.int64) - closes)
    return behind + closes, int(behind[-1]) if len(behind) else depth


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
    top = np.flatnonzero(signs < _INNER)
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
        is_list = first < last and signs[first] == ord("[") + _INNER
        if is_list and signs[last] == ord("]") + _INNER:
            found.lists[key] = _entries(found, places, signs, first, last)
        else:
            found.values[key] = parse(found.read(int(places[colon]) + 1, end), found.path)
        text_start, colon = end + 1, -1


def _entries(
    found: Outline, places: NDArray[np.int64], signs: NDArray[np.uint8], first: int, last: int
) -> Entries:
    """The entries between an opening and a closing bracket.

    Raises:
        FormatError: brackets stand between them.
    """
    # No copy: of a file of many annotations, these are nearly all places that there are.
    cuts = places[first : last + 1]
    if ((signs[first + 1 : last] & (_INNER - 1)) != _COMMA).any():
        raise FormatError(
            "not valid JSON: text between two lists",
            where=found.path,
            seen=f"byte {int(cuts[0])}",
            hint=_HINT,
        )
    if len(cuts) == 2 and cuts[1] - cuts[0] <= _BLOCK:
        text = found.read(int(cuts[0]) + 1, int(cuts[1]))
        if not text.strip():
            return Entries(cuts[:1])
    return Entries(cuts)
