"""A file of results as columns: read once in parts, its masks fetched again by the block."""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, Ints, Rows
from maskloom.metrics.coco.ends import LEAD
from maskloom.metrics.coco.results_text import (
    BOX,
    CATEGORY,
    END,
    FIELDS,
    HAS_BOX,
    HAS_MASK,
    HEIGHT,
    IMAGE,
    LEAST,
    SCORE,
    START,
    scan_results,
)
from maskloom.metrics.coco.strings import gather_strings
from maskloom.metrics.coco.tokens import HARD
from maskloom.metrics.objects.matching import Floats


class OpenFile:
    """A file that stays open for reading at any place until nobody holds this.

    Args:
        path: of the file.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._descriptor)
        self.size = os.fstat(self._descriptor).st_size

    def __reduce__(self) -> tuple[type[OpenFile], tuple[Path]]:
        """A copy opens the file anew."""
        return OpenFile, (self._path,)

    def read(self, first: int, count: int) -> bytes:
        """Some bytes from a place on; fewer at the end of the file."""
        parts = []
        while count > 0 and (part := os.pread(self._descriptor, count, first)):
            parts.append(part)
            first, count = first + len(part), count - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


PART = 1 << 22
"""Bytes of a file that are read at once."""
_LEAST = 40
"""Fewer bytes than any result takes."""


@dataclass(frozen=True, slots=True, eq=False)
class ResultsFile:
    """N results of a file, in its order.

    Args:
        file: it, open.
        image, category: (N,) int64 ids.
        score: (N,) float64.
        boxes: (N, 4) x, y, width, height, or None where the first result has no box.
        sizes: (N, 2) int64 [H, W] of masks, or None where not every result has one.
        starts, ends: (N,) where the string of each mask stands in the file.
    """

    file: OpenFile
    image: Ints
    category: Ints
    score: Floats
    boxes: Floats | None
    sizes: NDArray[np.int32] | None
    starts: Ints
    ends: Ints

    def __len__(self) -> int:
        return len(self.image)


class FileTexts:
    """Masks of a file as strings; see `columns.Texts`.

    Args:
        found: the file.
        rows: (N,) of it, which are the rows here; all by default.
    """

    def __init__(self, found: ResultsFile, rows: NDArray[np.integer] | None = None) -> None:
        self._file = found.file
        self._starts = found.starts if rows is None else found.starts[rows]
        self._ends = found.ends if rows is None else found.ends[rows]

    def block(self, rows: Rows) -> tuple[Bytes, Ints]:
        """The strings of some rows; see `columns.Texts`."""
        starts, ends = self._starts[rows], self._ends[rows]
        if not len(rows):
            return np.full(LEAD, 48, np.uint8), np.array([LEAD])
        first, last = int(starts.min()), int(ends.max())
        # Masks of an image stand together in most files; else a string is read at a time.
        if last - first <= 4 * int((ends - starts).sum()) + PART:
            return gather_strings(self._read(first, last), first, starts, ends, LEAD)
        parts = [self._read(a, b) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        whole = np.concatenate(parts)
        edges = np.zeros(len(parts) + 1, np.int64)
        np.cumsum(ends - starts, out=edges[1:])
        return gather_strings(whole, 0, edges[:-1], edges[1:], LEAD)

    def _read(self, first: int, last: int) -> Bytes:
        return np.frombuffer(self._file.read(first, last - first), np.uint8)


def read_results(path: Path) -> ResultsFile | None:
    """Columns of a file of results, or None where it is not in the usual form.

    Raises:
        OSError: the file cannot be read.
    """
    file = OpenFile(path)
    parts = _parts(file)
    if parts is None:
        return None
    boxed = bool(sum(len(part.has) for part in parts)) and _all(parts[:1], HAS_BOX, first=True)
    masked = _all(parts, HAS_MASK)
    if (boxed and not _all(parts, HAS_BOX)) or not (boxed or masked):
        return None
    return ResultsFile(
        file,
        _joined(parts, "image"),
        _joined(parts, "category"),
        _joined(parts, "score"),
        _joined(parts, "boxes") if boxed else None,
        _joined(parts, "sizes") if masked else None,
        _joined(parts, "starts"),
        _joined(parts, "ends"),
    )


@dataclass(slots=True, eq=False)
class _Part:
    """Columns of a part of a file, and bits of what its results have."""

    has: NDArray[np.uint8]
    image: Ints
    category: Ints
    score: Floats
    boxes: Floats
    sizes: NDArray[np.int32]
    starts: Ints
    ends: Ints

    @classmethod
    def of(cls, table: Ints, has: NDArray[np.uint8], base: int) -> _Part:
        """Columns of what was read behind a place in the file."""
        # A side of another size is none of an image: that it is too large is enough to know.
        sizes = np.clip(table[:, HEIGHT : HEIGHT + 2], -1, 2**31 - 1).astype(np.int32)
        boxes = table[:, BOX:].copy().view(np.float64)
        return cls(
            has.copy(),
            table[:, IMAGE].copy(),
            table[:, CATEGORY].copy(),
            table[:, SCORE].copy().view(np.float64),
            boxes if (has & HAS_BOX).any() else np.broadcast_to(np.nan, boxes.shape),
            sizes,
            table[:, START] + base,
            table[:, END] + base,
        )


def _all(parts: Sequence[_Part], bit: int, *, first: bool = False) -> bool:
    """Whether all results, or the first one, have something."""
    return all(bool((part.has[: 1 if first else None] & bit).all()) for part in parts)


def _joined(parts: Sequence[_Part], name: str) -> NDArray[Any]:
    """A column of all parts, which give theirs up."""
    column = np.concatenate([getattr(part, name) for part in parts])
    for part in parts:
        setattr(part, name, None)
    return column


def _parts(file: OpenFile) -> list[_Part] | None:
    """Columns of the parts of a file, each read behind where the one before ended."""
    parts: list[_Part] = []
    text = file.read(0, PART)
    base = len(text) - len(text.lstrip(b" \t\r\n"))
    if text[base : base + 1] != b"[":
        return None
    base += 1
    base += len(text[base:]) - len(text[base:].lstrip(b" \t\r\n"))
    length = PART
    if text[base : base + 1] == b"]":
        none = _Part.of(np.zeros((0, FIELDS), np.int64), np.zeros(0, np.uint8), 0)
        return [none] if not text[base + 1 :].strip() and file.size == len(text) else None
    del text
    while True:
        text = file.read(base, length)
        if base + len(text) >= file.size:
            text += b" " * LEAST
        room = len(text) // _LEAST + 1
        table, has = np.empty((room, FIELDS), np.int64), np.zeros(room, np.uint8)
        n, behind, state = scan_results(np.frombuffer(text, np.uint8), 0, table, has)
        if n:
            parts.append(_Part.of(table[:n], has[:n], base))
        if state == 1:
            rest = text[behind:] + file.read(base + len(text), PART)
            return parts if not rest.strip() else None
        if state == HARD or (n == 0 and base + len(text) >= file.size):
            return None
        # An object that is longer than a part is read with twice as much.
        length = PART if n else 2 * length
        base += behind
