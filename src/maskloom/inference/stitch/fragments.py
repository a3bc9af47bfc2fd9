"""What one block says about its objects, and the little of it that joining needs.

A block is labelled alone: its core, and a margin of `band` px around it that overlaps its
neighbours. `block_facts` keeps per label a line of numbers, and of pixels only the strips that
other blocks see, too. Facts are arrays, so that a worker stores them beside the block. How they
are joined is in `instances`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Ints, Segments, kernel
from maskloom.errors import DataError
from maskloom.inference.tiling.plan import Box

AREA, ANCHOR_Y, ANCHOR_X, Y0, X0, Y1, X1 = range(7)
"""Columns of `BlockFacts.table`, all of the core alone."""


def nothing_hidden() -> Segments:
    """No spans, as of `Fragments.hidden`."""
    return np.zeros((0, 4), np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Fragments:
    """The objects of one block.

    Args:
        core: what the block decides about; cores of all blocks partition the image.
        window: the core and `band` px on each side, clipped at the image.
        labels: (h, w) int32 of the window, 0 none, 1..n; numbers are the block's own.
        category: (n,) of labels 1..n.
        score: (n,) in [0, 1].
        stuff: (n,) bool, None: all are things. Stuff of one category is one object everywhere.
        hidden: (S, 4) label, x, y0, y1 in px of the image: vertical spans of the core that belong
            to a label, too, but lie behind another in `labels`.
    """

    core: Box
    window: Box
    labels: NDArray[np.int32]
    category: NDArray[np.int32]
    score: NDArray[np.float64]
    stuff: NDArray[np.bool_] | None = None
    hidden: Segments = field(default_factory=nothing_hidden)

    def __post_init__(self) -> None:
        y0, y1, x0, x1 = self.window
        top, bottom, left, right = self.core
        if not (y0 <= top < bottom <= y1 and x0 <= left < right <= x1):
            raise DataError("a core lies in its window", where=self.core, seen=self.window)
        if self.labels.shape != (y1 - y0, x1 - x0) or self.labels.dtype != np.int32:
            raise DataError(
                f"labels of a block are int32 {(y1 - y0, x1 - x0)}",
                where=self.core,
                seen=f"{self.labels.dtype} {self.labels.shape}",
            )
        lengths = {len(self.category), len(self.score)}
        if self.stuff is not None:
            lengths.add(len(self.stuff))
        if len(lengths) > 1:
            raise DataError("one category and score per label", where=self.core, seen=lengths)
        if self.labels.min() < 0 or self.labels.max() > len(self.category):
            seen = f"{self.labels.min()} to {self.labels.max()}"
            raise DataError(
                f"labels are 0 to {len(self.category)}, one category each",
                where=self.core,
                seen=seen,
            )


@dataclass(frozen=True, slots=True, eq=False)
class BlockFacts:
    """What joining needs of one block.

    Args:
        core, window: as of `Fragments`.
        table: (n, 7) int64 of labels 1..n: area in the core, first pixel in raster order (y, x),
            box of the part in the core (y0, x0, y1, x1), what is hidden included; area 0 where a
            label has no pixel there.
        category, score, stuff: (n,).
        strips: int32 labels at the top, bottom, left and right of the window: the margin and the
            `band` px of the core beside it; empty where the image ends.
        band: px of margin around cores, the same for all blocks of an image.
        overlapping: things that are partly hidden where another block sees them, too.
    """

    core: Box
    window: Box
    table: NDArray[np.int64]
    category: NDArray[np.int32]
    score: NDArray[np.float64]
    stuff: NDArray[np.bool_]
    strips: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]
    band: int
    overlapping: int = 0

    def __len__(self) -> int:
        return len(self.table)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As arrays for `numpy.savez`."""
        strips = {f"strip{i}": strip for i, strip in enumerate(self.strips)}
        boxes = np.array([self.core, self.window], np.int64)
        return {
            "boxes": boxes,
            "table": self.table,
            "category": self.category,
            "score": self.score,
            "stuff": self.stuff,
            "band": np.array(self.band),
            "overlapping": np.array(self.overlapping),
            **strips,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> BlockFacts:
        """Read back what `to_arrays` gave.

        Raises:
            DataError: an array is missing.
        """
        try:
            core, window = arrays["boxes"].tolist()
            a, b, c, d = (arrays[f"strip{i}"] for i in range(4))
            return cls(
                core=tuple(core),
                window=tuple(window),
                table=arrays["table"],
                category=arrays["category"],
                score=arrays["score"],
                stuff=arrays["stuff"],
                strips=(a, b, c, d),
                band=int(arrays["band"]),
                overlapping=int(arrays["overlapping"]),
            )
        except KeyError as error:
            raise DataError("facts of a block lack an array", seen=str(error)) from error

    def part(self, box: Box) -> NDArray[np.int32]:
        """Labels of a part of the window that another block's window covers."""
        y0, y1, x0, x1 = self.window
        for strip, (top, left) in zip(self.strips, self._corners(), strict=True):
            bottom, right = top + strip.shape[0], left + strip.shape[1]
            if top <= box[0] and box[1] <= bottom and left <= box[2] and box[3] <= right:
                return strip[box[0] - top : box[1] - top, box[2] - left : box[3] - left]
        raise DataError("a part that no other block sees", where=(y0, y1, x0, x1), seen=box)

    def _corners(self) -> tuple[tuple[int, int], ...]:
        """Where the four strips begin, (y, x)."""
        y0, y1, x0, x1 = self.window
        bottom, right = y1 - self.strips[1].shape[0], x1 - self.strips[3].shape[1]
        return (y0, x0), (bottom, x0), (y0, x0), (y0, right)


def block_facts(fragments: Fragments, band: int) -> BlockFacts:
    """Keep what joining needs of a block; a pure function, for whichever worker labelled it.

    Args:
        fragments: of one block.
        band: px of margin around cores where the image goes on.
    """
    y0, y1, x0, x1 = fragments.window
    top, bottom, left, right = fragments.core
    labels = fragments.labels
    n = len(fragments.category)
    table = _tabulate(labels[top - y0 : bottom - y0, left - x0 : right - x0], n, top, left)
    above, below, before, after = (
        margin + band if margin else 0 for margin in (top - y0, y1 - bottom, left - x0, x1 - right)
    )
    strips = (
        labels[:above].copy(),
        labels[max(0, len(labels) - below) :].copy(),
        labels[:, :before].copy(),
        labels[:, max(0, labels.shape[1] - after) :].copy(),
    )
    _add_spans(table, fragments.hidden)
    stuff = np.zeros(n, np.bool_) if fragments.stuff is None else fragments.stuff
    return BlockFacts(
        core=fragments.core,
        window=fragments.window,
        table=table,
        category=fragments.category,
        score=fragments.score,
        stuff=stuff,
        strips=strips,
        band=band,
        overlapping=_overlapping(fragments, stuff, band),
    )


def _overlapping(fragments: Fragments, stuff: NDArray[np.bool_], band: int) -> int:
    """Things of which a part near a seam is hidden, so that the join does not see it."""
    sides = zip(fragments.core, fragments.window, strict=True)
    top, bottom, left, right = (
        edge if edge == end else edge + sign * band
        for (edge, end), sign in zip(sides, (1, -1, 1, -1), strict=True)
    )
    label, x, y0, y1 = fragments.hidden.T
    near = (x < left) | (x >= right) | (y0 < top) | (y1 > bottom)
    found = np.unique(label[near])
    return int(np.count_nonzero(~stuff[found - 1]))


@kernel
def _tabulate(labels: NDArray[np.int32], n: int, y0: int, x0: int) -> Ints:
    """Area, first pixel and box of each label of a core that begins at (y0, x0)."""
    table = np.zeros((n, 7), np.int64)
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            label = labels[r, c]
            if label == 0:
                continue
            line = table[label - 1]
            y, x = y0 + r, x0 + c
            if line[AREA] == 0:
                line[ANCHOR_Y], line[ANCHOR_X] = y, x
                line[Y0], line[X0], line[X1] = y, x, x + 1
            line[AREA] += 1
            line[Y1] = y + 1
            line[X0] = min(line[X0], x)
            line[X1] = max(line[X1], x + 1)
    return table


@kernel
def _add_spans(table: Ints, spans: Segments) -> None:
    """Take spans (label, x, y0, y1) into the table."""
    for k in range(spans.shape[0]):
        label, x, top, bottom = spans[k]
        line = table[label - 1]
        if line[AREA] == 0:
            line[ANCHOR_Y], line[ANCHOR_X] = top, x
            line[Y0], line[X0], line[Y1], line[X1] = top, x, bottom, x + 1
        if top < line[ANCHOR_Y] or (top == line[ANCHOR_Y] and x < line[ANCHOR_X]):
            line[ANCHOR_Y], line[ANCHOR_X] = top, x
        line[AREA] += bottom - top
        line[Y0], line[Y1] = min(line[Y0], top), max(line[Y1], bottom)
        line[X0], line[X1] = min(line[X0], x), max(line[X1], x + 1)
