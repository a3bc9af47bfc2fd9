"""Contours through pixel centres, as readers take them that fill by parity and paint outlines.

All contours of a mask in one call of OpenCV's fillPoly give back the very same mask. Readers
that know one ring an object get a tour: from contour to contour and back on bridges that lie on
the object's own pixels, where painting changes nothing. Pixel-edge outlines are `rings`.

Source: Suzuki and Abe, Topological structural analysis of digitized binary images, 1985.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.masks import Masks

Contour = NDArray[np.int32]
_NO_PARENT = -1


@dataclass(frozen=True, slots=True, eq=False)
class Contours:
    """The borders of one mask.

    Args:
        points: each (n, 2) [x, y], every pixel of the border in order; of the object's pixels.
        owners: for each contour the outer one of its part; its own number if it is that.
    """

    points: tuple[Contour, ...]
    owners: tuple[int, ...]

    @property
    def parts(self) -> int:
        """How many parts the mask has that do not even share a corner."""
        return sum(owner == i for i, owner in enumerate(self.owners))


@dataclass(frozen=True, slots=True)
class _Link:
    """A bridge between point `i` of contour `a` and point `j` of contour `b`."""

    a: int
    i: int
    b: int
    j: int


def contours_of(mask: Masks) -> Contours:
    """The outer contours and those of holes of one row, 8-connected, none dropped.

    Args:
        mask: one row, with at least one pixel.
    """
    import cv2

    pixels, corner = _crop(mask)
    found, tree = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parents = tree[0, :, 3].tolist()
    return Contours(
        tuple(points.reshape(-1, 2).astype(np.int32) + corner for points in found),
        tuple(i if parent == _NO_PARENT else parent for i, parent in enumerate(parents)),
    )


def part_rings(mask: Masks) -> list[Contour]:
    """One ring (n, 2) for each part of a row, with its holes cut in on its own pixels."""
    contours = contours_of(mask)
    links = _hole_links(mask, contours)
    roots = [i for i, owner in enumerate(contours.owners) if owner == i]
    return [straightened(_tour(contours, links, root)) for root in roots]


def one_ring(mask: Masks) -> Contour:
    """One ring (n, 2) for a whole row; parts are joined by the shortest bridges there are.

    Bridges between parts lie on pixels that are not the object's: readers that paint outlines
    see them. Those to holes lie on its own.
    """
    contours = contours_of(mask)
    links = _hole_links(mask, contours)
    if contours.parts > 1:
        links += _part_links(mask, contours)
    return straightened(_tour(contours, links, 0))


def straightened(ring: Contour) -> Contour:
    """The ring without repeated points and points on the way straight ahead; three at least."""
    kept = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    if len(kept) > 2:
        before, after = kept - np.roll(kept, 1, axis=0), np.roll(kept, -1, axis=0) - kept
        cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
        kept = kept[(cross != 0) | ((before * after).sum(axis=1) < 0)]
    kept = kept if len(kept) else ring[:1]
    return np.concatenate([kept, np.repeat(kept[-1:], max(0, 3 - len(kept)), axis=0)])


def _crop(mask: Masks) -> tuple[NDArray[np.uint8], Contour]:
    """The pixels of the tight box, and its corner (x, y)."""
    x0, y0, x1, y1 = (int(edge) for edge in mask.boxes[0])
    return mask.crop((x0, y0, x1, y1)).dense(0).view(np.uint8), np.array([x0, y0], np.int32)


def _hole_links(mask: Masks, contours: Contours) -> list[_Link]:
    """Each hole's leftmost point, joined straight to the left to the border that comes there.

    That border is the outer one, or that of a hole which reaches further left: links make no
    circles, and following them ends at the outer one.
    """
    holes = [i for i, owner in enumerate(contours.owners) if owner != i]
    if not holes:
        return []
    pixels, corner = _crop(mask)
    starts = {hole: int(contours.points[hole][:, 0].argmin()) for hole in holes}
    reach = np.full(len(contours.points), -1, np.int64)
    targets = []
    for hole, j in starts.items():
        x, y = contours.points[hole][j] - corner
        reach[hole] = x
        gaps = np.flatnonzero(pixels[y, :x] == 0)
        targets.append((int(gaps[-1]) + 1 if len(gaps) else 0, int(y)))
    passing = _passing(contours, np.array(targets) + corner)
    links = []
    for (hole, j), through in zip(starts.items(), passing, strict=True):
        a, i = next((a, i) for a, i in through if reach[a] < reach[hole])
        links.append(_Link(a, i, hole, j))
    return links


def _passing(contours: Contours, pixels: NDArray[Any]) -> list[list[tuple[int, int]]]:
    """For each pixel (x, y) the contours that pass through it, and where."""
    lengths = [len(points) for points in contours.points]
    every = np.concatenate(contours.points)
    number = np.repeat(np.arange(len(lengths)), lengths)
    index = np.arange(len(every)) - np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
    codes, wanted = ((p[:, 1].astype(np.int64) << 32) + p[:, 0] for p in (every, pixels))
    found: dict[int, list[tuple[int, int]]] = {}
    for at in np.flatnonzero(np.isin(codes, wanted)).tolist():
        found.setdefault(int(codes[at]), []).append((int(number[at]), int(index[at])))
    return [found[code] for code in wanted.tolist()]


def _part_links(mask: Masks, contours: Contours) -> list[_Link]:
    """The shortest bridges that make one of all parts: a spanning tree of the gaps between."""
    from scipy import ndimage, sparse
    from scipy.sparse import csgraph

    pixels, corner = _crop(mask)
    labels, _ = ndimage.label(pixels, np.ones((3, 3)))
    nearest = ndimage.distance_transform_edt(
        pixels == 0, return_distances=False, return_indices=True
    )
    cell = labels[tuple(nearest)]
    pairs = []
    for axis in (0, 1):
        one, two = (np.take(cell, range(k, cell.shape[axis] - 1 + k), axis) for k in (0, 1))
        y, x = np.nonzero(one != two)
        step = (axis == 0, axis == 1)
        near, far = (nearest[:, y, x], nearest[:, y + step[0], x + step[1]])
        pairs.append(np.concatenate([near, far, [one[y, x], two[y, x]]]))
    table = np.concatenate(pairs, axis=1)
    length = np.hypot(table[0] - table[2], table[1] - table[3])
    kept: dict[tuple[int, int], int] = {}
    for at in np.argsort(length, kind="stable").tolist():
        a, b = sorted(table[4:, at].tolist())
        kept.setdefault((a, b), at)
    rows, columns = np.array(list(kept)).T
    size = int(labels.max()) + 1
    graph = sparse.coo_array((length[list(kept.values())], (rows, columns)), (size, size))
    tree = csgraph.minimum_spanning_tree(graph)
    chosen = [kept[int(a), int(b)] for a, b in zip(*tree.nonzero(), strict=True)]
    ends = np.concatenate([table[1::-1, chosen], table[3:1:-1, chosen]], axis=1).T + corner
    through = [found[0] for found in _passing(contours, ends)]
    half = len(chosen)
    return [_Link(*through[k], *through[half + k]) for k in range(half)]


def _tour(contours: Contours, links: Sequence[_Link], root: int) -> Contour:
    """The way round the root and, at each bridge, over it, round what lies there and back."""
    bridges: dict[int, list[tuple[int, int, int]]] = {}
    for link in links:
        bridges.setdefault(link.a, []).append((link.i, link.b, link.j))
        bridges.setdefault(link.b, []).append((link.j, link.a, link.i))
    out: list[Contour] = []
    # What is left to do, last first: stretches to go, or contours to go round from a point.
    todo: list[Contour | tuple[int, int, int]] = [(root, 0, _NO_PARENT)]
    while todo:
        step = todo.pop()
        if isinstance(step, np.ndarray):
            out.append(step)
            continue
        number, start, parent = step
        points = np.roll(contours.points[number], -start, axis=0)
        own = sorted(
            ((i - start) % len(points), b, j) for i, b, j in bridges.get(number, ()) if b != parent
        )
        way: list[Contour | tuple[int, int, int]] = []
        at = 0
        for i, b, j in own:
            way += [points[at : i + 1], (b, j, number)]
            at = i
        way += [points[at:], points[:1]]
        todo += way[::-1]
    return np.concatenate(out)
