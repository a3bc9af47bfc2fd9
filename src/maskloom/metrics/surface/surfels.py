"""Area of the surface at a corner of pixels, from which pixels around it are in the mask.

The surface runs through the middles of the edges between pixel centres (marching cubes, in
slices marching squares). Nothing here is a copied table: loops through the middles are followed
face by face, and cut into triangles.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.kernel import Bytes, first_bit, kernel
from maskloom.metrics.surface.borders import Rule
from maskloom.metrics.surface.words import Words

Corner = tuple[int, int, int]
Edge = frozenset[Corner]
_CORNERS: tuple[Corner, ...] = tuple(itertools.product((0, 1), (0, 1), (0, 1)))


@functools.lru_cache(maxsize=64)
def areas(spacing: tuple[float, ...]) -> NDArray[np.float64]:
    """Area, or in two dimensions length, of the surface at each kind of corner.

    Args:
        spacing: of slices, rows and columns, or of rows and columns.

    Returns:
        (256,), or (16,): pixel (z, y, x) of the corner, each 0 or 1, is bit 4z + 2y + x of the
        index.

    Source: marching cubes (Lorensen and Cline 1987) as in surface-distance 0.1 (Nikolov et al.
    2018). Its table follows from two rules: on a face with two pixels in the mask across from
    each other these are apart (of more than four pixels, those outside are), and of the ways to
    cut a loop that is not flat into triangles, the one of largest area at spacing 1 is taken.
    """
    if len(spacing) == 2:
        return _lengths(spacing[0], spacing[1])
    z, y, x = spacing
    scaled = _normals() * [y * x, z * x, z * y]
    return np.asarray(np.sqrt((scaled**2).sum(axis=2)).sum(axis=1))


def _lengths(down: float, across: float) -> NDArray[np.float64]:
    slanted = 0.5 * np.sqrt(down**2 + across**2)
    table = np.full(16, slanted)
    table[[0, 15]] = 0
    table[[0b0011, 0b1100]] = across
    table[[0b0101, 0b1010]] = down
    table[[0b0110, 0b1001]] = 2 * slanted
    return table


@functools.cache
def _normals() -> NDArray[np.float64]:
    """(256, 4, 3): normals of the triangles at each corner, as long as their areas; else 0."""
    table = np.zeros((256, 4, 3))
    for code in range(1, 255):
        few = code if code.bit_count() <= 4 else 255 - code
        inside = {c for i, c in enumerate(_CORNERS) if few >> i & 1}
        found = [n for loop in _loops(inside) for n in _cut(np.array(loop))]
        table[code, : len(found)] = found
    return table


def _loops(inside: set[Corner]) -> Iterator[list[NDArray[np.float64]]]:
    """Closed ways through the middles of cube edges around the corners inside."""
    links: dict[Edge, list[Edge]] = {}
    for axis, side in itertools.product(range(3), (0, 1)):
        face = [c for c in _CORNERS if c[axis] == side]
        around = [face[0], face[1], face[3], face[2]]
        edges = [frozenset((around[i], around[i - 1])) for i in range(4)]
        cut = [i for i in range(4) if len(inside & edges[i]) == 1]
        # Of four cut edges, the two at each corner inside belong together.
        pairs = [cut] if len(cut) == 2 else [[i, (i + 1) % 4] for i in range(4)
                                             if len(cut) == 4 and around[i] in inside]  # fmt: skip
        for one, other in pairs:
            links.setdefault(edges[one], []).append(edges[other])
            links.setdefault(edges[other], []).append(edges[one])
    while links:
        edge = next(iter(links))
        loop = []
        while edge in links:
            loop.append(np.mean(np.array(sorted(edge)), axis=0))
            first, second = links.pop(edge)
            edge = first if first in links else second
        yield loop


def _cut(loop: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normals of the triangles of the cut of largest area."""
    cuts = [
        np.array([np.cross(b - a, c - a) / 2 for a, b, c in loop[cut]])
        for cut in (np.array(one) for one in _cuts(tuple(range(len(loop)))))
    ]
    return max(cuts, key=lambda normals: round(float(np.linalg.norm(normals, axis=1).sum()), 9))


def _cuts(loop: tuple[int, ...]) -> list[list[tuple[int, int, int]]]:
    """All ways to cut a polygon into triangles."""
    if len(loop) < 3:
        return [[]]
    return [
        [*before, (loop[0], loop[k], loop[-1]), *after]
        for k in range(1, len(loop) - 1)
        for before in _cuts(loop[: k + 1])
        for after in _cuts(loop[k:])
    ]


@kernel
def codes(
    mask: Words,
    rule: Rule,
    origin: tuple[int, int],
    rows: tuple[int, int],
    points: Words,
    margin: tuple[int, int],
    out: Bytes,
) -> None:
    """The kind of corner at each point, as `areas` counts them.

    Args:
        mask: as `borders.mark` had it.
        rule: likewise.
        origin: likewise.
        rows: likewise.
        points: what it marked.
        margin: around these.
        out: (N,) of the points in these rows.
    """
    height = points.shape[1] - 2 * margin[1]
    done = 0
    for row in range(rows[0], rows[1]):
        z, y = row // height, row % height
        line = points[z + margin[0], y + margin[1]]
        top, left = origin[0] + z, origin[1] + y
        for k in range(1, points.shape[2]):
            bits = line[k]
            while bits:
                x = first_bit(bits)
                bits &= bits - np.uint64(1)
                code = _pair(mask[top + 1, left], k, x) | _pair(mask[top + 1, left + 1], k, x) << 2
                if rule[2]:
                    above = _pair(mask[top, left], k, x) | _pair(mask[top, left + 1], k, x) << 2
                    code = above | code << 4
                out[done] = code
                done += 1


@kernel
def _pair(line: Any, k: int, x: int) -> int:
    """Bits x - 1 and x of word k of a row."""
    if x:
        return np.int64((line[k] >> np.uint64(x - 1)) & np.uint64(3))  # type: ignore[return-value]
    one = np.uint64(1)
    return np.int64((line[k] & one) << one | line[k - 1] >> np.uint64(63))  # type: ignore[return-value]
