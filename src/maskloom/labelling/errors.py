"""Errors that only a label server knows; the rest of the tree is `maskloom.errors`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from maskloom.errors import MaskloomError, UsageError


class Absent(MaskloomError):
    """What a request names is not there."""


@contextmanager
def looking_up() -> Iterator[None]:
    """Turn the UsageError of a project that was asked for an unknown id into `Absent`."""
    try:
        yield
    except UsageError as error:
        raise Absent(error.what, where=error.where, seen=error.seen, hint=error.hint) from error


class ReadOnly(MaskloomError):
    """The project is served for reading only."""


class Locked(MaskloomError):
    """A token is wrong, spent or over."""


class TooManyTries(MaskloomError):
    """Wrong tokens came too fast; `seconds` says when the next one may be tried."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__("too many wrong tokens", hint=f"try again in {seconds} seconds")
