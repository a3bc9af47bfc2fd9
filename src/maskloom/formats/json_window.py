"""Pieces of a large JSON file, read ahead where one follows another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.formats.json_outline import Entries, Outline

_AHEAD = 1 << 20
_APART = 1 << 22


class Window:
    """Reads entries of a list for those who ask for some at a time.

    Most files have the entries of an image side by side and images in order: what is asked for
    next has mostly been read. Where it jumps, no byte is read in vain. Threads may share it.
    """

    def __init__(self, outline: Outline, entries: Entries) -> None:
        """`entries` are of a list of the file."""
        self.path = outline.path
        self._outline, self._entries = outline, entries
        # One tuple, replaced as a whole.
        self._held: tuple[int, bytes] = (0, b"")

    def text_of(
        self, own: NDArray[np.integer[Any]]
    ) -> tuple[bytes, NDArray[np.int64], NDArray[np.int64]]:
        """A text that holds some entries, given in order, and where each starts and ends in it.

        Raises:
            FormatError: the file changed since it was outlined, or cannot be read.
        """
        starts, ends = self._entries.spans(own)
        first, last = int(starts[0]), int(ends[-1])
        if last - first > _APART and last - first > 2 * int((ends - starts).sum()):
            text = self._outline.read_parts(starts.tolist(), ends.tolist())
            stops = np.cumsum(ends - starts)
            return text, stops - (ends - starts), stops
        at, text = self._covering(first, last)
        return text, starts - at, ends - at

    def _covering(self, start: int, end: int) -> tuple[int, bytes]:
        """Where a text that holds these bytes of the file begins, and the text."""
        at, text = self._held
        if at <= start and end <= at + len(text):
            self._outline.check_unchanged()
            return at, text
        follows = at < start <= at + len(text) + _AHEAD
        stop = min(max(end, start + _AHEAD), self._outline.stamp[0]) if follows else end
        text = self._outline.read(start, stop)
        self._held = start, text
        return start, text
