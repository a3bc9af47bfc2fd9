"""Objects of blocks joined across seams, one block at a time and in any order.

Pass 1 labels blocks (somewhere else) and gives their facts to `Stitcher`; pass 2 paints each block
through `Stitched.lookup`, or makes masks with `assemble`. Nothing here is as large as an image:
a block's strips are let go when the last of its neighbours has come. Ids are the same for any
order of blocks and any number of workers.

Stuff of a panoptic image is passed as labels marked `stuff`: those of one category are one object
wherever they lie, take no part in the evidence, and are numbered among the things.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import DataError, UsageError
from maskloom.inference.stitch.bands import Evidence, collect, same_object
from maskloom.inference.stitch.fragments import AREA, BlockFacts
from maskloom.inference.stitch.objects import Conflicts, Lines, Stitched, make_objects
from maskloom.inference.tiling.boxes import shared
from maskloom.inference.tiling.plan import Box, area


def join(blocks: Iterable[BlockFacts], size_hw: tuple[int, int], band: int) -> Stitched:
    """Join the objects of all blocks of an image.

    Args:
        blocks: facts of each, in any order.
        size_hw: of the image.
        band: px of margin that all blocks were labelled with.

    Raises:
        DataError: blocks that do not partition the image, or have another margin.
    """
    stitcher = Stitcher(size_hw, band)
    for block in blocks:
        stitcher.add(block)
    return stitcher.result()


class Stitcher:
    """The state of pass 1.

    Args:
        size_hw: of the image.
        band: px of margin around cores, at least 1; two blocks share 2 × band px. With 1 a perfect
            predictor is stitched without an error; an imperfect one needs more.
    """

    def __init__(self, size_hw: tuple[int, int], band: int) -> None:
        if band < 1:
            raise UsageError("blocks share at least 1 px on each side of a seam", seen=band)
        self._size, self._band = size_hw, band
        self._lines: list[Lines] = []
        self._waiting: dict[int, BlockFacts] = {}
        self._cores = np.empty((64, 4), np.int64)
        self._missing = np.zeros(64, np.int64)
        self._joined: list[NDArray[np.int64]] = []
        self._not_joined = 0
        self._homeless: dict[int, NDArray[np.bool_]] = {}
        self._unclaimed = 0
        self._overlapping = 0

    def add(self, facts: BlockFacts) -> None:
        """Take in one block.

        Raises:
            DataError: its core overlaps another's or leaves the image, or its window is not the
                core and the margin.
        """
        self._check(facts)
        index = len(self._lines)
        if index == len(self._cores):
            self._cores = np.concatenate([self._cores, np.empty_like(self._cores)])
            self._missing = np.concatenate([self._missing, np.zeros_like(self._missing)])
        self._lines.append(Lines(facts.core, facts.table, facts.category, facts.score, facts.stuff))
        self._cores[index] = facts.core
        self._missing[index] = area(facts.window) - area(facts.core)
        self._waiting[index] = facts
        self._overlapping += facts.overlapping
        self._homeless[index] = _in_margin_alone(facts)
        for other in self._neighbours(facts.window, index):
            self._meet(other, index)
        self._let_go(index)

    @property
    def waiting(self) -> int:
        """Blocks whose strips are still kept, because a neighbour has not come."""
        return len(self._waiting)

    def result(self) -> Stitched:
        """The objects, when every block has come.

        Raises:
            DataError: blocks are missing.
        """
        height, width = self._size
        covered = sum(area(line.core) for line in self._lines)
        if covered != height * width or self._waiting:
            raise DataError(
                f"blocks do not cover {height} × {width} px once",
                seen=f"{len(self._lines)} blocks, {covered} px",
                hint="add the facts of every block",
            )
        order = sorted(range(len(self._lines)), key=self._core_place)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        joined = np.concatenate([np.zeros((0, 4), np.int64), *self._joined])
        joined[:, [0, 2]] = place[joined[:, [0, 2]]]
        conflicts = Conflicts(
            self._not_joined, unclaimed=self._unclaimed, overlapping=self._overlapping
        )
        return make_objects([self._lines[k] for k in order], joined, conflicts)

    def _core_place(self, k: int) -> tuple[int, int]:
        core = self._lines[k].core
        return core[0], core[2]

    def _check(self, facts: BlockFacts) -> None:
        height, width = self._size
        y0, y1, x0, x1 = facts.core
        band = self._band
        if min(y0, x0) < 0 or y1 > height or x1 > width:
            raise DataError(f"a block leaves the image of {height} × {width}", seen=facts.core)
        window = max(0, y0 - band), min(height, y1 + band), max(0, x0 - band), min(width, x1 + band)
        if facts.window != window or facts.band != band:
            raise DataError(
                f"a block was not labelled with a margin of {band} px",
                where=facts.core,
                seen=f"window {facts.window}, band {facts.band}",
                hint=f"label the window {window}",
            )

    def _neighbours(self, window: Box, index: int) -> list[int]:
        """Blocks before `index` that still wait and whose cores lie in a window, partly."""
        y0, y1, x0, x1 = window
        cores = self._cores[:index]
        near = (cores[:, 0] < y1) & (cores[:, 1] > y0) & (cores[:, 2] < x1) & (cores[:, 3] > x0)
        return [int(k) for k in np.flatnonzero(near) if k in self._waiting]

    def _meet(self, a: int, b: int) -> None:
        """Join what two neighbouring blocks have in common."""
        ours, theirs = self._waiting[a], self._waiting[b]
        if shared(ours.core, theirs.core):
            raise DataError("two cores overlap", where=ours.core, seen=theirs.core)
        evidence = collect(ours, theirs)
        self._house(a, b, evidence)
        first, second = evidence.pairs[:, 0] - 1, evidence.pairs[:, 1] - 1
        things = ~(ours.stuff[first] | theirs.stuff[second])
        both = (ours.table[first, AREA] > 0) & (theirs.table[second, AREA] > 0) & things
        same = same_object(evidence) & both
        pairs = evidence.pairs[same]
        rows = np.empty((len(pairs), 4), np.int64)
        rows[:, 0], rows[:, 2] = a, b
        rows[:, [1, 3]] = pairs
        self._joined.append(rows)
        self._not_joined += int((both & ~same).sum())
        self._missing[a] -= shared(ours.window, theirs.core)
        self._missing[b] -= shared(theirs.window, ours.core)
        self._let_go(a)

    def _house(self, a: int, b: int, evidence: Evidence) -> None:
        """Note which labels of margins alone lie on objects of the neighbour."""
        first, second = evidence.pairs[:, 0] - 1, evidence.pairs[:, 1] - 1
        theirs = self._lines[b].table[second, AREA] > 0
        ours = self._lines[a].table[first, AREA] > 0
        self._homeless[a][first[theirs]] = False
        self._homeless[b][second[ours]] = False

    def _let_go(self, k: int) -> None:
        """Forget the strips of a block that has met all its neighbours."""
        if self._missing[k] == 0 and k in self._waiting:
            things = ~self._waiting.pop(k).stuff
            self._unclaimed += int((self._homeless.pop(k) & things).sum())


def _in_margin_alone(facts: BlockFacts) -> NDArray[np.bool_]:
    """(n,) labels that have pixels, but none in the core."""
    seen = np.zeros(len(facts) + 1, np.bool_)
    for strip in facts.strips:
        seen[strip] = True
    out: NDArray[np.bool_] = seen[1:] & (facts.table[:, AREA] == 0)
    return out
