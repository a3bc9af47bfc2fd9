"""Rings that only together say what is inside, as polygons of a shell and its holes.

Source: RFC 7946, 3.1.6, and OGC 06-103r4, 6.1.11, for which polygons are valid. Rings may meet in
points; stricter than there, two of them in one point at most.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from maskloom.formats.geojson.features import Ring

_ROUNDING = 4e-16  # Shewchuk's bound for the turn of three points, 3.34e-16 of its two products
_PAIRS = 1 << 20
_Points = NDArray[np.float64]
_Touch = tuple[float, float]
Nesting = list[tuple[int, int]]
"""Of each ring, its shell, which for a shell is itself, and in how many others it lies."""


def polygons_of(rings: Sequence[Ring]) -> list[list[Ring]] | None:
    """Polygons whose inside is that of all rings by parity.

    Args:
        rings: (n, 2) vertices each, without a last one that is the first.

    Returns:
        A shell, counter-clockwise, and then its holes, clockwise, of each; None where these
        rings make no valid ones, as they cross, overlap, or cut an inside in two.
    """
    nested = nesting_of(rings)
    return None if nested is None else nested_polygons(rings, nested)


def nested_polygons(rings: Sequence[Ring], nested: Nesting) -> list[list[Ring]]:
    """`polygons_of` rings of which it is known how they nest."""
    members: dict[int, list[int]] = {}
    for i, (shell, _) in sorted(enumerate(nested), key=lambda one: one[0] != one[1][0]):
        members.setdefault(shell, []).append(i)
    return [[directed(rings[i], left=i == shell) for i in own] for shell, own in members.items()]


def nesting_of(rings: Sequence[Ring]) -> Nesting | None:
    """How rings nest; None as in `polygons_of`."""
    plain = [_without_repeats(np.asarray(ring, np.float64)) for ring in rings]
    if any(len(ring) < 3 for ring in plain):
        return None
    touches = _touches(plain)
    if touches is None:
        return None
    found = _nesting(plain, touches)
    return None if _cut_in_two([shell for shell, _ in found], touches) else found


def directed(ring: Ring, *, left: bool) -> Ring:
    """A simple ring, counter-clockwise or not, from the same vertex on."""
    return _turned(ring, _without_repeats(ring), left=left)


def _without_repeats(ring: _Points) -> _Points:
    kept: _Points = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    return kept


def _turned(ring: Ring, plain: _Points, *, left: bool) -> Ring:
    if len(plain) < 3:
        return ring
    # A ring turns at its leftmost vertex as it does on the whole.
    at = int(np.lexsort((plain[:, 1], plain[:, 0]))[0])
    near = (plain[at - 1], plain[at], plain[(at + 1) % len(plain)])
    turn = int(_turns(*(one[None] for one in near))[0])
    return ring if (turn > 0) == left else np.concatenate([ring[:1], ring[:0:-1]])


def _turns(a: _Points, b: _Points, c: _Points) -> NDArray[np.int8]:
    """(n,) 1 where c lies left of the way from a to b, -1 right of it, 0 on it; exact."""
    one = (a[:, 0] - c[:, 0]) * (b[:, 1] - c[:, 1])
    other = (a[:, 1] - c[:, 1]) * (b[:, 0] - c[:, 0])
    found = np.sign(one - other).astype(np.int8)
    unsure = np.abs(one - other) < _ROUNDING * (np.abs(one) + np.abs(other))
    for i in np.flatnonzero(unsure).tolist():
        (ax, ay), (bx, by), (cx, cy) = (map(Fraction, p[i].tolist()) for p in (a, b, c))
        exact = (ax - cx) * (by - cy) - (ay - cy) * (bx - cx)
        found[i] = (exact > 0) - (exact < 0)
    return found


def _touches(rings: Sequence[_Points]) -> dict[tuple[int, int], _Touch] | None:
    """The point in which two rings meet; None where a ring is not simple or two meet in more."""
    sizes = [len(ring) for ring in rings]
    sides = _Sides.of(rings)
    start, end, whose = sides.start, sides.end, sides.whose
    after = np.concatenate([np.roll(np.arange(n), -1) for n in sizes])
    after += np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)  # the next side of the same ring
    met: dict[tuple[int, int], _Touch] = {}
    if _has_spike(start, end, after):
        return None
    for i, j in _near(start, end):
        a, b, c, d = start[i], end[i], start[j], end[j]
        ends = (_turns(a, b, c), _turns(a, b, d), _turns(c, d, a), _turns(c, d, b))
        meets = (ends[0] * ends[1] <= 0) & (ends[2] * ends[3] <= 0)
        meets &= (after[i] != j) & (after[j] != i)
        for k in np.flatnonzero(meets).tolist():
            pair = (int(whose[i[k]]), int(whose[j[k]]))
            at = _point([p[k] for p in (c, d, a, b)], [int(turn[k]) for turn in ends])
            if pair[0] == pair[1] or at is None:
                return None
            if met.setdefault((min(pair), max(pair)), at) != at:
                return None
    return met


def _has_spike(start: _Points, end: _Points, after: NDArray[np.int64]) -> bool:
    """Whether a ring turns back on itself."""
    straight = _turns(start, end, end[after]) == 0
    return bool((straight & (((end - start) * (end[after] - end)).sum(axis=1) < 0)).any())


def _point(points: list[_Points], turns: list[int]) -> _Touch | None:
    """Where two sides whose boxes meet do; None where they cross or share more than a point."""
    on = [point for point, turn in zip(points, turns, strict=True) if turn == 0]
    if len(on) == 4:
        first, second = np.sort(points[:2], axis=0), np.sort(points[2:], axis=0)
        low, high = np.maximum(first[0], second[0]), np.minimum(first[1], second[1])
        on = [low] if (low == high).all() else []
    return (float(on[0][0]), float(on[0][1])) if on else None


def _near(start: _Points, end: _Points) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of sides whose boxes meet, each once."""
    low, high = np.minimum(start, end), np.maximum(start, end)
    axis, (order, counts) = min(
        ((axis, _along(low[:, axis], high[:, axis])) for axis in (0, 1)),
        key=lambda one: int(one[1][1].sum()),
    )
    low, high = low[:, 1 - axis], high[:, 1 - axis]
    bounds = np.searchsorted(np.cumsum(counts), np.arange(0, counts.sum() + _PAIRS, _PAIRS))
    for first, last in pairwise([*np.unique(bounds).tolist(), len(order)]):
        own = counts[first:last]
        one = np.repeat(np.arange(first, last), own)
        other = one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(own) - own, own)
        i, j = order[one], order[other]
        meet = (low[i] <= high[j]) & (low[j] <= high[i])
        yield i[meet], j[meet]


def _along(
    low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order in which intervals begin, and how many begin within each after it."""
    order = np.argsort(low, kind="stable")
    stop = np.searchsorted(low[order], high[order], side="right")
    return order, stop - np.arange(len(order)) - 1


def _nesting(rings: Sequence[_Points], touches: dict[tuple[int, int], _Touch]) -> Nesting:
    met: list[dict[int, _Touch]] = [{} for _ in rings]
    for (i, j), at in touches.items():
        met[i][j] = met[j][i] = at
    low = np.array([ring.min(axis=0) for ring in rings])
    high = np.array([ring.max(axis=0) for ring in rings])
    sides = _Sides.of(rings)
    depth = np.zeros(len(rings), np.int64)
    shells = list(range(len(rings)))
    # No ring comes before one in which it lies: their boxes lie in each other, too.
    for i in np.lexsort((-high[:, 1], -high[:, 0], low[:, 1], low[:, 0])).tolist():
        outer = ((low <= low[i]) & (high >= high[i])).all(axis=1)
        outer[i] = False
        if not outer.any():
            continue
        first, second = rings[i][:2]
        # Two rings meet in one point at most, so that one of two vertices is not on the other.
        on = [j for j, at in met[i].items() if outer[j] and at == tuple(first.tolist())]
        outer[on] = False
        found = sides.around(first, outer)
        if on:
            outer[:] = False
            outer[on] = True
            found = np.concatenate([found, sides.around(second, outer)])
        depth[i] = len(found)
        if len(found) % 2:
            shells[i] = int(found[np.argmax(depth[found])])
    return list(zip(shells, depth.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Sides:
    """All sides of all rings: (n, 2) where they start and end, and (n,) of which ring."""

    start: _Points
    end: _Points
    whose: NDArray[np.int64]

    @classmethod
    def of(cls, rings: Sequence[_Points]) -> _Sides:
        end = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
        whose = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
        return cls(np.concatenate(rings), end, whose)

    def around(self, point: _Points, among: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Which of some rings, on none of which a point lies, have it inside."""
        passes = np.flatnonzero((self.start[:, 1] > point[1]) != (self.end[:, 1] > point[1]))
        passes = passes[among[self.whose[passes]]]
        a, b = self.start[passes], self.end[passes]
        left = _turns(a, b, np.broadcast_to(point, a.shape)) > 0
        crossed = self.whose[passes[left == (b[:, 1] > point[1])]]
        return np.flatnonzero(np.bincount(crossed, minlength=len(among)) % 2)


def _cut_in_two(shell_of: Sequence[int], touches: dict[tuple[int, int], _Touch]) -> bool:
    """Whether rings of one polygon meet in a circle, so that its inside falls apart."""
    meets: dict[tuple[int, _Touch], set[int]] = defaultdict(set)
    for (i, j), at in touches.items():
        if shell_of[i] == shell_of[j]:
            meets[shell_of[i], at] |= {i, j}
    group = list(range(len(shell_of)))

    def known(i: int) -> int:
        while group[i] != i:
            group[i] = i = group[group[i]]
        return i

    for rings in meets.values():
        found = {known(i) for i in rings}
        if len(found) < len(rings):
            return True
        for i in found:
            group[i] = min(found)
    return False
