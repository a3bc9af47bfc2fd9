"""A file of results as columns: read once in parts, its masks fetched again by the block."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, Ints, Rows
from maskloom.metrics.coco.ends import LEAD
from maskloom.metrics.coco.numbers import HARD
from maskloom.metrics.coco.results_text import (
    CATEGORY,
    END,
    HAS_BOX,
    HAS_MASK,
    HEIGHT,
    IMAGE,
    SCORE,
    START,
    WHOLE,
    WIDTH,
    scan_results,
)
from maskloom.metrics.coco.strings import gather_strings
from maskloom.metrics.matching import Floats

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

    file: BinaryIO
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
        self._file = found.file.fileno(), found.file
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
        return np.frombuffer(os.pread(self._file[0], last - first, first), np.uint8)


def read_results(path: Path) -> ResultsFile | None:
    """Columns of a file of results, or None where it is not in the usual form.

    Raises:
        OSError: the file cannot be read.
    """
    file = path.open("rb", buffering=0)
    parts = _parts(file)
    if parts is None:
        file.close()
        return None
    whole, real, has = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    del parts
    boxed = bool(len(has) and has[0] & HAS_BOX)
    masked = bool((has & HAS_MASK).all())
    if (boxed and not (has & HAS_BOX).all()) or not (boxed or masked):
        file.close()
        return None
    return ResultsFile(
        file,
        whole[:, IMAGE].copy(),
        whole[:, CATEGORY].copy(),
        real[:, SCORE].copy(),
        real[:, :4].copy() if boxed else None,
        whole[:, [HEIGHT, WIDTH]].astype(np.int32) if masked else None,
        whole[:, START].copy(),
        whole[:, END].copy(),
    )


def _parts(file: BinaryIO) -> list[tuple[Ints, Floats, NDArray[np.uint8]]] | None:
    """Columns of the parts of a file, each read behind where the one before ended."""
    parts: list[tuple[Ints, Floats, NDArray[np.uint8]]] = [
        (np.zeros((0, WHOLE), np.int64), np.zeros((0, SCORE + 1)), np.zeros(0, np.uint8))
    ]
    size = os.fstat(file.fileno()).st_size
    text = os.pread(file.fileno(), PART, 0)
    base = len(text) - len(text.lstrip(b" \t\r\n"))
    if text[base : base + 1] != b"[":
        return None
    base += 1
    base += len(text[base:]) - len(text[base:].lstrip(b" \t\r\n"))
    length = PART
    if text[base : base + 1] == b"]":
        return parts if not text[base + 1 :].strip() and size == len(text) else None
    del text
    while True:
        text = os.pread(file.fileno(), length, base)
        own = np.frombuffer(text, np.uint8)
        room = len(own) // _LEAST + 1
        whole, real = np.empty((room, WHOLE), np.int64), np.empty((room, SCORE + 1))
        has = np.zeros(room, np.uint8)
        n, behind, state = scan_results(own, 0, whole, real, has)
        whole[:n, START] += base
        whole[:n, END] += base
        parts.append((whole[:n].copy(), real[:n].copy(), has[:n].copy()))
        if state == 1:
            rest = text[behind:] + os.pread(file.fileno(), PART, base + len(text))
            return parts if not rest.strip() else None
        if state == HARD or (n == 0 and base + len(text) >= size):
            return None
        # An object that is longer than a part is read with twice as much.
        length = PART if n else 2 * length
        base += behind
