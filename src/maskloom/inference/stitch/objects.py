"""The objects that joined fragments make: ids, tables and what was contradictory.

Joining is in `instances`; pixels of the objects are in `assemble`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import DataError
from maskloom.inference.stitch.fragments import ANCHOR_X, ANCHOR_Y, AREA, X0, X1, Y0, Y1
from maskloom.inference.stitch.union_find import flatten, unite_pairs
from maskloom.inference.tiling.plan import Box


@dataclass(frozen=True, slots=True)
class Conflicts:
    """Where blocks contradict each other.

    Args:
        not_joined: pairs of labels with common pixels that were taken for two objects.
        same_block: objects that hold two labels of one block.
        categories: objects whose fragments have different categories.
        unclaimed: labels that lie in a margin alone, where no neighbour has an object of its own.
        overlapping: labels that a surer one hides partly where two blocks see them: they are whole
            in each core, but may stay cut at the seam.
    """

    not_joined: int = 0
    same_block: int = 0
    categories: int = 0
    unclaimed: int = 0
    overlapping: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Stitched:
    """The objects of an image, id k in row k-1, in raster order of their first pixels.

    Args:
        areas: (N,) int64 px; one that several labels of the object hold counts for each.
        boxes: (N, 4) int64 x0, y0, x1, y1, pixel edges.
        anchors: (N, 2) int64 first pixel in raster order, (y, x).
        category: (N,) int32, that of the largest area of fragments; the lower one of equals.
        score: (N,) float64, mean of the fragments' weighted by area.
        stuff: (N,) bool.
        cores: (B, 4) y0, y1, x0, x1 of the blocks, in raster order.
        bounds: (B+1,) of each block's part of `ids`.
        ids: int64, for each block the id of its labels 0, 1, ..., n; 0 for none and for labels
            that are a neighbour's.
        conflicts: what was contradictory.
    """

    areas: NDArray[np.int64]
    boxes: NDArray[np.int64]
    anchors: NDArray[np.int64]
    category: NDArray[np.int32]
    score: NDArray[np.float64]
    stuff: NDArray[np.bool_]
    cores: NDArray[np.int64]
    bounds: NDArray[np.int64]
    ids: NDArray[np.int64]
    conflicts: Conflicts

    def __len__(self) -> int:
        return len(self.areas)

    def lookup(self, core: Box) -> NDArray[np.int64]:
        """Ids of a block's labels: `lookup(core)[labels]` is an id map.

        Raises:
            DataError: no block has this core.
        """
        start = np.searchsorted(self.cores[:, 0], core[0], "left")
        stop = np.searchsorted(self.cores[:, 0], core[0], "right")
        row = int(start + np.searchsorted(self.cores[start:stop, 2], core[2]))
        if row >= len(self.cores) or tuple(self.cores[row]) != tuple(core):
            raise DataError("no block has this core", seen=core)
        return self.ids[self.bounds[row] : self.bounds[row + 1]]


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The labels of one block without their pixels; arrays as of `BlockFacts`."""

    core: Box
    table: NDArray[np.int64]
    category: NDArray[np.int32]
    score: NDArray[np.float64]
    stuff: NDArray[np.bool_]


def make_objects(
    blocks: Sequence[Lines], joined: NDArray[np.int64], conflicts: Conflicts
) -> Stitched:
    """Join labels and number what they make.

    Args:
        blocks: in raster order of their cores.
        joined: (P, 4) block, label, block, label of each pair that is one object.
        conflicts: `not_joined`, `unclaimed` and `overlapping`; the rest is counted here.
    """
    lengths = np.array([len(block.table) for block in blocks], np.int64)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    table = np.concatenate([np.zeros((0, 7), np.int64), *(b.table for b in blocks)])
    category = np.concatenate([np.zeros(0, np.int32), *(b.category for b in blocks)])
    score = np.concatenate([np.zeros(0), *(b.score for b in blocks)])
    stuff = np.concatenate([np.zeros(0, np.bool_), *(b.stuff for b in blocks)])
    owned = table[:, AREA] > 0
    parent = np.arange(len(table))
    unite_pairs(parent, starts[joined[:, [0, 2]]] + joined[:, [1, 3]] - 1)
    unite_pairs(parent, _stuff_pairs(category, stuff & owned))
    flatten(parent)
    kept = np.flatnonzero(owned)
    # a set without an owned label has no row; owned labels are only joined to owned ones
    roots, group = np.unique(parent[kept], return_inverse=True)
    parts = _Parts(group, len(roots), table[kept], category[kept], score[kept])
    order = np.lexsort((parts.anchors[:, 1], parts.anchors[:, 0]))
    rank = np.empty(len(roots), np.int64)
    rank[order] = np.arange(1, len(roots) + 1)
    ids = np.zeros(len(table), np.int64)
    ids[kept] = rank[group]
    of_block = np.repeat(np.arange(len(blocks)), lengths)[kept]
    return Stitched(
        areas=parts.areas[order],
        boxes=parts.boxes[order],
        anchors=parts.anchors[order],
        category=parts.vote()[order],
        score=parts.mean_score()[order],
        stuff=stuff[roots[order]],
        cores=np.array([block.core for block in blocks], np.int64).reshape(-1, 4),
        bounds=starts + np.arange(len(starts)),
        ids=np.insert(ids, starts[:-1], 0),
        conflicts=Conflicts(
            conflicts.not_joined,
            _in_one_block(group[~stuff[kept]], of_block[~stuff[kept]]),
            parts.disagreeing(),
            conflicts.unclaimed,
            conflicts.overlapping,
        ),
    )


def _stuff_pairs(category: NDArray[np.int32], stuff: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Each label of stuff with the first one of its category."""
    rows = np.flatnonzero(stuff)
    _, first, group = np.unique(category[rows], return_index=True, return_inverse=True)
    return np.stack([rows[first][group], rows], 1).astype(np.int64)


def _in_one_block(group: NDArray[np.int64], block: NDArray[np.int64]) -> int:
    """How many objects have two labels of one block."""
    pairs, counts = np.unique(np.stack([group, block], 1), axis=0, return_counts=True)
    return len(np.unique(pairs[counts > 1, 0]))


class _Parts:
    """Tables of objects from those of their fragments."""

    def __init__(
        self,
        group: NDArray[np.int64],
        count: int,
        table: NDArray[np.int64],
        category: NDArray[np.int32],
        score: NDArray[np.float64],
    ) -> None:
        self._area, self._score = table[:, AREA], score
        self._group = group
        self.areas = np.zeros(count, np.int64)
        np.add.at(self.areas, group, table[:, AREA])
        far = np.iinfo(np.int64).max
        low, high = np.full((count, 2), far), np.zeros((count, 2), np.int64)
        np.minimum.at(low, group, table[:, [X0, Y0]])
        np.maximum.at(high, group, table[:, [X1, Y1]])
        self.boxes = np.concatenate([low, high], 1)
        # the first fragment of each object in raster order of anchors has the object's
        order = np.lexsort((table[:, ANCHOR_X], table[:, ANCHOR_Y], group))
        first = order[np.unique(group[order], return_index=True)[1]]
        self.anchors = table[first][:, [ANCHOR_Y, ANCHOR_X]]
        self._votes, place = np.unique(np.stack([group, category], 1), axis=0, return_inverse=True)
        self._weight = np.zeros(len(self._votes), np.int64)
        np.add.at(self._weight, place.ravel(), table[:, AREA])

    def vote(self) -> NDArray[np.int32]:
        """The category with the largest area."""
        order = np.lexsort((self._votes[:, 1], -self._weight, self._votes[:, 0]))
        first = order[np.unique(self._votes[order, 0], return_index=True)[1]]
        return np.asarray(self._votes[first, 1], np.int32)

    def disagreeing(self) -> int:
        """Objects with more than one category."""
        return int((np.bincount(self._votes[:, 0]) > 1).sum()) if len(self._votes) else 0

    def mean_score(self) -> NDArray[np.float64]:
        """Weighted by area, summed in raster order of blocks so that the bits do not vary."""
        total = np.zeros(len(self.areas))
        np.add.at(total, self._group, self._area * self._score)
        return np.asarray(total / np.maximum(self.areas, 1), np.float64)
