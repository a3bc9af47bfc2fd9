"""Distances between the surfaces of one pair of masks, in both directions.

What scores are made of them is `scores.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes
from maskloom.errors import DataError, UsageError
from maskloom.metrics.surface.borders import KINDS, Rule, mark
from maskloom.metrics.surface.distances import Floats, Reach, near, reach
from maskloom.metrics.surface.far import far, pyramid
from maskloom.metrics.surface.rules import SurfaceRules
from maskloom.metrics.surface.surfels import areas, codes
from maskloom.metrics.surface.words import Words, pack, words_for

_ROWS_NEAR = 512
"""Rows that the quick search looks at: a radius of 13 pixels in volumes, of 256 in images."""
T = TypeVar("T")
_PARTS = 4
"""Parts of the work of each thread, because parts are not equally hard."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The surface of one mask.

    Args:
        distances: (N,) from its points to the nearest of the other surface, infinite where there
            is none; in the order of slices, rows and columns.
        kinds: (N,) uint8, of corner at each point, or None where all points weigh the same.
        areas: (256,) or (16,), of the surface at each kind of corner.
    """

    distances: Floats
    kinds: Bytes | None
    areas: Floats | None


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """What the two masks of a pair have in common.

    Args:
        shape: (D, H, W); D is 1 of images.
        spacing: of slices, rows and columns.
        deep: whether it is a volume.
        pool: threads that share the work, if there are more than one.
        threads: how many.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    deep: bool
    pool: ThreadPoolExecutor | None = None
    threads: int = 1

    def of_both(self, work: Callable[[Side], T], truth: Side, predicted: Side) -> tuple[T, T]:
        """The results of some work on each side, at once if there are threads."""
        if self.pool is None:
            return work(truth), work(predicted)
        first = self.pool.submit(work, truth)
        second = work(predicted)
        return first.result(), second

    def in_parts(self, rows: int, work: Callable[[int, int], None]) -> None:
        """Do the work from one row to another, in parts if there are threads."""
        if self.pool is None:
            work(0, rows)
            return
        n = min(rows, _PARTS * self.threads)
        cuts = [rows * i // n for i in range(n + 1)] if n else []
        for done in [self.pool.submit(work, *cuts[i : i + 2]) for i in range(n)]:
            done.result()


@contextmanager
def grid(shape: tuple[int, ...], spacing: Sequence[float] | None, threads: int) -> Iterator[Grid]:
    """The grid of an image or a volume; no spacing is 1.

    Raises:
        DataError: shape or spacing are not of two or three dimensions.
        UsageError: less than one thread.
    """
    if len(shape) not in (2, 3):
        raise DataError("surfaces need an image (H, W) or a volume (D, H, W)", seen=shape)
    steps = [1.0] * len(shape) if spacing is None else [float(one) for one in spacing]
    if len(steps) != len(shape) or not all(0 < one < np.inf for one in steps):
        raise DataError(f"spacing is {len(shape)} positive numbers, one an axis", seen=spacing)
    if threads < 1:
        raise UsageError("threads are at least 1", seen=threads)
    deep = len(shape) == 3
    size = (shape[0] if deep else 1, shape[-2], shape[-1])
    apart = (steps[0] if deep else 1.0, steps[-2], steps[-1])
    if threads == 1:
        yield Grid(size, apart, deep)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield Grid(size, apart, deep, pool, threads)


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A mask as words.

    Args:
        words: (D + 2, H + 2, S) as `words.py` lays them out.
        rows: (D, H), no pixel of the mask is where this is False.
    """

    words: Words
    rows: NDArray[np.bool_]

    def without(self, other: Mask) -> Mask:
        """The pixels that are not in another mask."""
        return Mask(self.words & ~other.words, self.rows) if other.rows.any() else self


def packed(values: NDArray[Any], at: Grid, value: int, *, others: bool = False) -> Mask:
    """The pixels that have a value, or those that have any other."""
    depth, height, width = at.shape
    mask = Mask(words_for(at.shape), np.zeros((depth, height), np.bool_))
    line, some = np.ascontiguousarray(values).reshape(-1), mask.rows.reshape(-1)
    line = line.view(np.uint8) if line.dtype == np.bool_ else line

    def work(first: int, last: int) -> None:
        pack(line, (first, last), (value, others), width, mask.words, some)

    if line.size:
        at.in_parts(depth * height, work)
    return mask


@dataclass(frozen=True, slots=True, eq=False)
class _Crop:
    """Where the surfaces of both masks are, and how they are searched."""

    at: Grid
    rule: Rule
    origin: tuple[int, int]
    size: tuple[int, int]
    reach: Reach

    @property
    def rows(self) -> int:
        return self.size[0] * self.size[1]


def sides(truth: Mask, predicted: Mask, at: Grid, rules: SurfaceRules) -> tuple[Side, Side]:
    """The two surfaces and how far each is from the other.

    Args:
        truth: of `packed`.
        predicted: likewise.
        at: their grid.
        rules: the surface and the edge of these.

    Returns:
        truth to prediction, prediction to truth.
    """
    some = truth.rows | predicted.rows
    (z0, z1), (y0, y1) = _extent(some, 0), _extent(some, 1)
    corners = int(rules.surface == "corners")
    crop = _Crop(
        at,
        (KINDS[rules.surface], int(rules.edge_is_outside), int(at.deep), at.shape[2]),
        (z0, y0),
        (z1 - z0 + corners * int(at.deep), y1 - y0 + corners) if z1 else (0, 0),
        reach(at.spacing, deep=at.deep, rows=_ROWS_NEAR),
    )
    one, two = _points(truth.words, crop), _points(predicted.words, crop)
    forth, back = _distances(*one, two[0], crop), _distances(*two, one[0], crop)
    if not corners:
        return Side(forth, None, None), Side(back, None, None)
    table = areas(at.spacing if at.deep else at.spacing[1:])
    return (
        Side(forth, _kinds(truth.words, *one, crop), table),
        Side(back, _kinds(predicted.words, *two, crop), table),
    )


def _extent(some: NDArray[np.bool_], axis: int) -> tuple[int, int]:
    """The first place of an axis with anything and the one after the last; 0, 0 without any."""
    found = np.flatnonzero(some.any(axis=1 - axis))
    return (int(found[0]), int(found[-1]) + 1) if found.size else (0, 0)


def _points(mask: Words, crop: _Crop) -> tuple[Words, NDArray[np.int64]]:
    """The words of a surface, and how many points there are before each row."""
    margin = crop.reach.margin
    size = (crop.size[0] + 2 * margin[0], crop.size[1] + 2 * margin[1], mask.shape[2])
    out, before = np.zeros(size, np.uint64), np.zeros(crop.rows + 1, np.int64)
    crop.at.in_parts(
        crop.rows,
        lambda first, last: mark(
            mask, crop.rule, crop.origin, (first, last), out, margin, before[1:]
        ),
    )
    return out, np.cumsum(before)


def _kinds(mask: Words, points: Words, before: NDArray[np.int64], crop: _Crop) -> Bytes:
    """The kind of corner at each point."""
    kinds = np.empty(before[-1], np.uint8)

    def work(first: int, last: int) -> None:
        part = kinds[before[first] : before[last]]
        codes(mask, crop.rule, crop.origin, (first, last), points, crop.reach.margin, part)

    crop.at.in_parts(crop.rows, work)
    return kinds


def _distances(points: Words, before: NDArray[np.int64], other: Words, crop: _Crop) -> Floats:
    """From each point to the nearest of the other surface."""
    out = np.full(before[-1], np.inf)
    if not out.size or not other.any():
        return out
    search = crop.reach
    offsets = search.bytes_off(other)
    line = other.view(np.uint8).reshape(-1)
    tables = search.squares, search.columns

    def quick(first: int, last: int) -> None:
        part = out[before[first] : before[last]]
        near(points, line, search.margin, (first, last), offsets, tables, part)

    crop.at.in_parts(crop.rows, quick)
    if out.max() > search.limit:
        levels, spacing = pyramid(other), crop.at.spacing

        def slow(first: int, last: int) -> None:
            part = out[before[first] : before[last]]
            far(points, levels, search.margin, (first, last), spacing, search.limit, part)

        crop.at.in_parts(crop.rows, slow)
    return np.sqrt(out, out=out)
