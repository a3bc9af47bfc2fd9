"""Decoded images, kept while they are looked at, within a hard limit of memory.

Room is reserved before an image is decoded; the images used longest ago go first; one in use
stays. Threads that ask for the same image share one decoding. Not for training or evaluation,
which read each image once: see `store.images`.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from maskloom.errors import ImageError
from maskloom.labelling.decoding import Weight, weigh
from maskloom.labelling.windowing import Values, measure_values
from maskloom.store.images import read_image

_Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded image.

    Args:
        array: (H, W, C) upright uint8, uint16 or float32.
        values: range and default window of what is shown.
    """

    array: NDArray[Any]
    values: Values


@dataclass(slots=True)
class _Entry:
    """One image, decoded or being decoded; `weight` is what it holds of the limit."""

    weight: int
    users: int = 0
    keep: bool = False
    picture: Picture | None = None


class Pictures:
    """The cache. Every method may be called from any thread.

    Args:
        limit: bytes that all decoded images may hold together, those being decoded included;
            None takes `default_limit()`.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = default_limit() if limit is None else limit
        self._changed = threading.Condition()
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._used = 0

    @property
    def used(self) -> int:
        """Bytes held now."""
        with self._changed:
            return self._used

    @contextmanager
    def open(self, path: Path, *, keep: bool = True) -> Iterator[Picture]:
        """The decoded image, which stays in memory at least until the block ends.

        Args:
            path: the image file.
            keep: let it stay afterwards, while there is room.

        Raises:
            ImageError: it cannot be read, or is too large for the limit.
        """
        key = _identity(path)
        picture = self._ready(key, keep=keep) or self._load(key, path, keep=keep)
        try:
            yield picture
        finally:
            with self._changed:
                entry = self._entries[key]
                entry.users -= 1
                if not entry.users and not entry.keep:
                    self._drop(key)
                self._changed.notify_all()

    def _ready(self, key: _Key, *, keep: bool) -> Picture | None:
        """The picture if it is there; None leaves an empty entry that the caller must fill."""
        with self._changed:
            while (entry := self._entries.get(key)) is not None:
                if entry.picture is not None:
                    entry.users += 1
                    entry.keep |= keep
                    self._entries.move_to_end(key)
                    return entry.picture
                self._changed.wait()
            self._entries[key] = _Entry(weight=0, users=1, keep=keep)
            return None

    def _load(self, key: _Key, path: Path, *, keep: bool) -> Picture:
        try:
            weight = weigh(path)
            self._reserve(key, path, weight)
            array = read_image(path)
            picture = Picture(array, measure_values(array))
        except BaseException:
            with self._changed:
                self._drop(key)
                self._changed.notify_all()
            raise
        with self._changed:
            entry = self._entries[key]
            self._used += array.nbytes - entry.weight
            entry.weight, entry.picture, entry.keep = array.nbytes, picture, keep
            self._changed.notify_all()
        return picture

    def _reserve(self, key: _Key, path: Path, weight: Weight) -> None:
        if weight.peak > self.limit:
            raise ImageError(
                "the image is too large to be shown here",
                where=path,
                seen=f"{weight.peak >> 20} MiB to decode; {self.limit >> 20} MiB are allowed",
                hint="cut it into tiles and import those",
            )
        with self._changed:
            while not self._make_room(weight.peak):
                self._changed.wait()
            self._entries[key].weight = weight.peak
            self._used += weight.peak

    def _make_room(self, wanted: int) -> bool:
        idle = [key for key, entry in self._entries.items() if not entry.users and entry.picture]
        for key in idle:
            if self._used + wanted <= self.limit:
                break
            self._drop(key)
        return self._used + wanted <= self.limit

    def _drop(self, key: _Key) -> None:
        self._used -= self._entries.pop(key).weight


def default_limit() -> int:
    """A quarter of the machine's memory, at most 3 GiB."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        memory = 4 << 30
    return min(memory // 4, 3 << 30)


def _identity(path: Path) -> _Key:
    """A file that was written anew is another image."""
    try:
        stat = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), stat.st_mtime_ns, stat.st_size
