"""Blocks of an image whose objects are known, as a perfect predictor would label them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from maskloom.inference.stitch.fragments import BlockFacts, Fragments, block_facts
from maskloom.inference.stitch.instances import join
from maskloom.inference.stitch.objects import Stitched
from maskloom.inference.tiling.plan import Box


class Blocks:
    """An image cut at rows `ys` and columns `xs`, each block with numbers of its own."""

    def __init__(self, truth, ys=(), xs=(), band: int = 1, seed: int = 0) -> None:
        self.truth = np.asarray(truth, np.int64)
        self.band = band
        rng = np.random.default_rng(seed)
        self.fragments = [self.perfect(c, w, rng) for c, w in cuts(self.truth.shape, ys, xs, band)]

    def perfect(self, core: Box, window: Box, rng: np.random.Generator) -> Fragments:
        seen = self.truth[window[0] : window[1], window[2] : window[3]]
        found, local = np.unique(seen, return_inverse=True)
        numbers = np.zeros(len(found), np.int32)
        numbers[found > 0] = rng.permutation(int((found > 0).sum())) + 1
        n = int((found > 0).sum())
        labels = numbers[local.reshape(seen.shape)]
        return Fragments(core, window, labels, np.zeros(n, np.int32), np.ones(n))

    def facts(self) -> list[BlockFacts]:
        return [block_facts(f, self.band) for f in self.fragments]

    def join(self) -> Stitched:
        return join(self.facts(), self.truth.shape, self.band)

    def paint(self, stitched: Stitched) -> np.ndarray:
        """The id map of the whole image."""
        out = np.full(self.truth.shape, -1, np.int64)
        for f in self.fragments:
            y0, y1, x0, x1 = f.core
            inner = f.labels[y0 - f.window[0] :, x0 - f.window[2] :][: y1 - y0, : x1 - x0]
            out[y0:y1, x0:x1] = stitched.lookup(f.core)[inner]
        return out


def cuts(size, ys, xs, band: int) -> Iterator[tuple[Box, Box]]:
    """Cores and windows."""
    rows, columns = [0, *ys, size[0]], [0, *xs, size[1]]
    for a, b in pairwise(rows):
        for c, d in pairwise(columns):
            window = (
                max(0, a - band),
                min(size[0], b + band),
                max(0, c - band),
                min(size[1], d + band),
            )
            yield (a, b, c, d), window


def in_raster_order(ids) -> np.ndarray:
    """Ids renumbered 1, 2, ... by the first pixel of each."""
    ids = np.asarray(ids, np.int64)
    found, first = np.unique(ids, return_index=True)
    order = np.argsort(first[found > 0])
    numbers = np.zeros(int(ids.max(initial=0)) + 1, np.int64)
    numbers[found[found > 0][order]] = np.arange(1, len(order) + 1)
    return numbers[ids]


@pytest.fixture(name="Blocks")
def blocks() -> type[Blocks]:
    return Blocks


@pytest.fixture(name="in_raster_order")
def raster_order():
    return in_raster_order


@pytest.fixture(name="voronoi")
def voronoi_fixture():
    """Packed touching cells without gaps."""

    def voronoi(rng: np.random.Generator, size, count: int) -> np.ndarray:
        y, x = np.mgrid[: size[0], : size[1]]
        seeds = rng.random((count, 2)) * size
        far = (y[..., None] - seeds[:, 0]) ** 2 + (x[..., None] - seeds[:, 1]) ** 2
        return far.argmin(-1) + 1

    return voronoi
