"""Connected components of a binary or class image of any size, a strip at a time.

The first pass labels the runs of each strip and spills them to a scratch file; the second paints
them with final ids. Memory holds one strip and one line per component. Spilled runs are read
back in place of the image: for 20,000² with 147,000 objects they are a tenth of its bytes, and
a reader that decompresses is called once. Objects that are told apart by more than their pixels
are stitched in `instances`; npy files as ends of the pipe are in `npy_rows`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, Rows
from maskloom.errors import DataError, ImageError, UsageError
from maskloom.inference.stitch import strip_runs
from maskloom.inference.stitch.scratch import Spans, scratch_file, spill, unspill
from maskloom.inference.stitch.strip_runs import AREA, COLUMNS, VALUE, X0, X1, Y0, Y1
from maskloom.inference.stitch.union_find import flatten, number_roots
from maskloom.store.files import writing

Read = Callable[[int, int, int, int], NDArray[Any]]
"""Pixels (h, w) of a window y0, y1, x0, x1."""
Put = Callable[[int, NDArray[np.uint32]], None]
"""Takes the first row of a strip and its ids (h, w), which are overwritten after the call."""

STRIP_PIXELS = 1 << 21
"""Of a strip, unless told: its ids stay within the larger caches."""


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """What there is, in the order of each component's first pixel in raster order; id k is row k-1.

    Args:
        count: how many.
        areas: (N,) int64 px.
        boxes: (N, 4) int64 x0, y0, x1, y1, pixel edges.
        values: (N,) int64, the pixel value of each.
    """

    count: int
    areas: NDArray[np.int64]
    boxes: NDArray[np.int64]
    values: NDArray[np.int64]


def label_components(
    read: Read,
    size_hw: tuple[int, int],
    *,
    put: Put | None = None,
    connectivity: int = 8,
    strip: int | None = None,
    scratch: Path | None = None,
) -> Components:
    """Number the connected components of an image that need not fit in memory.

    Pixels of equal value connect; 0 is background. Ids are 1, 2, ... in raster order of each
    component's first pixel, whatever the height of strips.

    Args:
        read: called once per strip, from the top down, over the whole width; whole numbers or
            bools.
        size_hw: of the image.
        put: takes the ids of each strip, from the top down; None only counts.
        connectivity: 4 (shared edges) or 8 (corners too).
        strip: rows read at a time; None: about 2 megapixels.
        scratch: folder of the temporary file, 12 bytes per run; None: the system's.

    Raises:
        UsageError: a size, strip or connectivity that is none.
        ImageError: `read` gives another shape, another dtype than before, or no whole numbers.
        DataError: 2**32 components or more.
        WriteError: the scratch file does not fit on its disk.

    Source: He, Chao and Suzuki (2008), see `strip_runs`.
    """
    _check(size_hw, connectivity, strip)
    height, width = size_hw
    if height == 0 or width == 0:
        none = np.zeros(0, np.int64)
        return Components(0, none, np.zeros((0, 4), np.int64), none)
    rows = min(height, strip or max(1, STRIP_PIXELS // width))
    folder = Path(tempfile.gettempdir()) if scratch is None else scratch
    with scratch_file(folder) as file:
        first = _FirstPass(width, rows, connectivity == 8)
        for y0 in range(0, height, rows):
            spans = first.add(_strip(read, y0, min(y0 + rows, height), width), y0)
            if put is not None:
                # errors of `read` and `put` are about other files
                with writing(folder):
                    spill(file, spans)
        found, final = first.finish()
        if put is not None:
            file.seek(0)
            _paint(unspill(file, size_hw, rows), put, final, size_hw, rows)
    return found


def _check(size_hw: tuple[int, int], connectivity: int, strip: int | None) -> None:
    if connectivity not in (4, 8):
        raise UsageError("connectivity is 4 or 8", seen=connectivity)
    if strip is not None and strip < 1:
        raise UsageError("a strip has at least one row", seen=strip)
    if min(size_hw) < 0 or max(size_hw) >= 2**31:
        raise UsageError("sides of an image are 0 to 2**31 - 1 px", seen=size_hw)


def _strip(read: Read, y0: int, y1: int, width: int) -> NDArray[Any]:
    """Rows as `read` gives them, in C order and native bytes."""
    pixels = np.asarray(read(y0, y1, 0, width))
    if pixels.shape != (y1 - y0, width) or pixels.dtype.kind not in "biu":
        raise ImageError(
            f"rows {y0} to {y1} are not ({y1 - y0}, {width}) of whole numbers",
            seen=f"{pixels.dtype} {pixels.shape}",
            hint="threshold probabilities first",
        )
    return np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("="))


_Row = tuple[NDArray[Any], Rows, Rows, Ints]
"""Pixels, starts, ends and labels of the last row of a strip."""


class _FirstPass:
    """The state between strips: the last row, and what is known of each label."""

    def __init__(self, width: int, rows: int, diagonal: bool) -> None:  # noqa: FBT001 - private
        self._diagonal = int(diagonal)
        # untouched pages of these take no memory: they are as long as the busiest strip needs
        self._starts = np.empty(rows * width, np.int32)
        self._ends = np.empty(rows * width, np.int32)
        self._labels = np.empty(rows * width, np.int64)
        none = np.zeros(0, np.int32)
        self._above: _Row = (np.zeros(0, np.uint8), none, none.copy(), np.zeros(0, np.int64))
        self._carried = np.zeros(0, np.int64)
        self._forest = np.empty(1024, np.int64)
        self._totals = np.empty((1024, COLUMNS), np.int64)
        self._known = 0
        self._dtype: np.dtype[Any] | None = None

    def add(self, pixels: NDArray[Any], y0: int) -> Spans:
        """Label one strip; its runs with labels of the image so far."""
        # only equality and zero count, so kernels are compiled for unsigned integers alone
        strip = pixels.view(f"u{pixels.dtype.itemsize}")
        if self._dtype is None:
            self._dtype = pixels.dtype
            self._above = (np.zeros(strip.shape[1], strip.dtype), *self._above[1:])
        if pixels.dtype != self._dtype:
            raise ImageError(f"rows from {y0} on have another dtype", seen=pixels.dtype)
        bounds = np.empty(len(strip) + 1, np.int64)
        octets = strip.view(np.uint8)
        count = strip_runs.scan_rows(strip, octets, self._starts, self._ends, bounds)
        starts, ends, labels = self._starts[:count], self._ends[:count], self._labels[:count]
        room = len(self._carried) + count
        parent, table = np.empty(room, np.int64), np.empty((room, COLUMNS), np.int64)
        parent[: len(self._carried)] = np.arange(len(self._carried))
        table[: len(self._carried)] = 0
        table[: len(self._carried), [Y0, X0]] = np.iinfo(np.int64).max
        runs = (starts, ends, labels, bounds)
        found = strip_runs.join_rows(strip, runs, self._above, self._diagonal, y0, parent, table)
        names = self._fold(parent[:found], table[:found])
        last = slice(bounds[-2], bounds[-1])
        self._carried, above = np.unique(names[labels[last]], return_inverse=True)
        touched = above.astype(np.int64)
        self._above = (strip[-1].copy(), starts[last].copy(), ends[last].copy(), touched)
        return starts, ends, names.astype(np.uint32)[labels], bounds

    def _fold(self, parent: Ints, table: Ints) -> Ints:
        """Labels of the image for those of a strip."""
        room = self._known + len(parent)
        if room > len(self._forest):
            self._forest = _grown(self._forest, self._known, 2 * room)
            self._totals = _grown(self._totals, self._known, 2 * room)
        names, self._known = strip_runs.fold(
            parent, table, self._carried, self._forest, self._totals, self._known
        )
        if self._known > 2**32 - 1:
            raise DataError("more components than ids in 32 bits", seen=self._known)
        return names

    def finish(self) -> tuple[Components, NDArray[np.uint32]]:
        """The components, and the id of each label."""
        forest = self._forest[: self._known]
        count = flatten(forest)
        ids = number_roots(forest, 1)
        totals = strip_runs.gather_totals(self._totals[: self._known], ids, count)
        dtype = np.dtype(np.uint8 if self._dtype is None else self._dtype)
        values = totals[:, VALUE].astype(f"u{dtype.itemsize}").view(dtype).astype(np.int64)
        boxes = totals[:, [X0, Y0, X1, Y1]]
        return Components(count, totals[:, AREA].copy(), boxes, values), ids.astype(np.uint32)


def _grown(items: Ints, used: int, room: int) -> Ints:
    """A longer copy of a list of which some items are used."""
    grown = np.empty((room, *items.shape[1:]), np.int64)
    grown[:used] = items[:used]
    return grown


def _paint(
    strips: Iterator[Spans],
    put: Put,
    final: NDArray[np.uint32],
    size_hw: tuple[int, int],
    rows: int,
) -> None:
    """Give each strip to `put` with its final ids."""
    height, width = size_hw
    buffer = np.empty((rows, width), np.uint32)
    for y0, (starts, ends, labels, bounds) in zip(range(0, height, rows), strips, strict=True):
        into = buffer[: min(rows, height - y0)]
        strip_runs.paint_runs(into, starts, ends, bounds, final[labels])
        put(y0, into)
