"""Pieces of a large JSON file, read ahead where one follows another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.formats.shared.json_outline import Entries, Outline

_AHEAD = 1 << 20
_LEAST = 1 << 16
_APART = 1 << 16


class Window:
    """Reads entries of a list for those who ask for some at a time.

    Most files have the entries of an image side by side and images in order: what is asked for
    next has mostly been read, and the longer that goes on, the more is read ahead. Where it jumps,
    no byte is read in vain. Threads may share it.
    """

    def __init__(self, outline: Outline, entries: Entries) -> None:
        """`entries` are of a list of the file."""
        self.path = outline.path
        self._outline, self._entries = outline, entries
        # One tuple, replaced as a whole: where a text begins, the text, how far to read ahead.
        self._held: tuple[int, bytes, int] = (0, b"", 0)

    def text_of(
        self, own: NDArray[np.integer[Any]]
    ) -> tuple[bytes, NDArray[np.int64], NDArray[np.int64]]:
        """A text that holds some entries, given in order, and where each starts and ends in it.

        Raises:
            FormatError: the file changed since it was outlined, or cannot be read.
        """
        starts, ends = self._entries.spans(own)
        first, last = int(starts[0]), int(ends[-1])
        at, text, _ = self._held
        if at <= first and last <= at + len(text):
            self._outline.check_unchanged()
            return text, starts - at, ends - at
        if last - first > _APART and last - first > 4 * int((ends - starts).sum()):
            text = self._outline.read_parts(starts.tolist(), ends.tolist())
            stops = np.cumsum(ends - starts)
            return text, stops - (ends - starts), stops
        text = self._ahead(first, last)
        return text, starts - first, ends - first

    def _ahead(self, start: int, end: int) -> bytes:
        """The bytes of the file up to a place, and more where it is read in order."""
        at, text, ahead = self._held
        follows = at < start <= at + len(text) + max(ahead, _LEAST)
        ahead = min(max(2 * ahead, _LEAST), _AHEAD) if follows else 0
        stop = min(max(end, start + ahead), self._outline.stamp[0])
        text = self._outline.read(start, stop)
        self._held = start, text, ahead
        return text
