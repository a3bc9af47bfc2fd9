"""Every exception of maskloom, as one tree.

    MaskloomError                exit 2: bad input or usage
    ├── UsageError               an option, name or argument is wrong
    ├── DataError                a file or a value in it is wrong
    │   ├── ImageError           pixels that cannot be read or are refused
    │   ├── FormatError          a label file that does not parse or is invalid
    │   ├── TaxonomyError        categories that are unknown or do not match
    │   ├── MaskError            runs, boxes or polygons that make no mask
    │   └── CheckpointError      a trained model that is damaged or does not fit
    ├── WriteError               a target that cannot be written (rights, disk full)
    ├── MissingExtra             an optional dependency that is not installed
    ├── Conflict                 exit 1: someone else changed the same thing first
    └── LossRefused              exit 1: the target cannot hold what the source says

A message says what, where (file, id, field), the value seen and what to do next.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_WORD = re.compile(r"(?!maskloom\b)[a-z]+:?(?= |$)")
"""A plain word at the beginning: no path, name with signs, list of names or command."""

_LONGEST = 1000


class MaskloomError(Exception):
    """Something the user can mend, told in one message.

    Args:
        what: the problem, as a clause without a final full stop.
        where: file, id and field, if there is such a place.
        seen: the offending value; shortened to 120 characters when printed.
        hint: what to do next, as an imperative clause.
    """

    exit_code = 2

    def __init__(
        self, what: str, *, where: object = None, seen: object = None, hint: str = ""
    ) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.seen = seen
        self.hint = hint
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The four parts on one line, as printed on stderr."""
        text = f"{_middle_cut(self.where)}: {self.what}" if self.where else self.what
        if self.seen is not None:
            text += f" (saw {_short(self.seen)})"
        if not self.hint:
            return _ended(text)
        hint = self.hint[0].upper() + self.hint[1:] if _WORD.match(self.hint) else self.hint
        if len(hint) > _LONGEST:
            hint = hint[: _LONGEST - 3] + "..."
        return f"{_ended(text)} {_ended(hint)}"


class UsageError(MaskloomError):
    """An option, a name or an argument is wrong."""


class DataError(MaskloomError):
    """A file, or a value in it, is wrong."""


class ImageError(DataError):
    """An image cannot be read, or is refused (too large, wrong size, truncated)."""


class FormatError(DataError):
    """A label file does not parse, or holds an invalid annotation."""


class TaxonomyError(DataError):
    """A category is unknown, ambiguous, or two taxonomies do not match."""


class MaskError(DataError):
    """Runs, boxes or polygons that make no mask."""


class CheckpointError(DataError):
    """A trained model is damaged or does not fit the data."""


class WriteError(MaskloomError):
    """A target cannot be written: rights, a read-only or full disk, an existing file."""


class MissingExtra(MaskloomError):
    """An optional dependency is not installed; the hint names the extra."""


class Conflict(MaskloomError):
    """Someone else changed the same thing first; nothing of this change was saved.

    Args:
        what, where, seen, hint: as in `MaskloomError`.
        missing: the committed changes that its author had not seen.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        seen: object = None,
        hint: str = "",
        missing: Sequence[Any] = (),
    ) -> None:
        super().__init__(what, where=where, seen=seen, hint=hint)
        self.missing = tuple(missing)


class LossRefused(MaskloomError):
    """The target format cannot hold what the source says, and loss was not allowed."""

    exit_code = 1


def _middle_cut(place: str) -> str:
    """A place that a hostile file names is no longer than any real one."""
    half = _LONGEST // 2
    return place if len(place) <= _LONGEST else f"{place[:half]}...{place[-half:]}"


def _ended(text: str) -> str:
    """A sentence with one sign at its end."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 120 else text[:117] + "..."
