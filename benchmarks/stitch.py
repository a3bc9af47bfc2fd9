"""Packed touching cells labelled tile by tile and stitched: how many end up split or fused.

    python benchmarks/stitch.py [--side 4096] [--cells 20000] [--tile 1024] [--out FILE]

Cells are Voronoi regions of seeded random points, without gaps. Every tile gets its own random
numbers for them. The perfect predictor knows the cells; a perturbed one moves every boundary by
a smooth random field of -2 to 2 px, another one in each tile, and cuts 1 % of its objects in two.
`split`: cells whose fragments have more than one id; `fused`: ids that hold fragments of more
than one cell; `cells in fused`: how many cells these hold. A fragment counts for the cell that it
was drawn from. Cells that the predictor cut inside a tile are not counted as split: no rule at
seams can know. Seconds and peak MiB are those of the whole of joining, facts included, in one
process.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from dask_image.ndmeasure._utils._label import _across_block_label_grouping, _chunk_faces
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from maskloom.inference.stitch.assemble import assemble_masks
from maskloom.inference.stitch.fragments import Fragments, block_facts
from maskloom.inference.stitch.instances import Stitcher

Ints = NDArray[np.int64]


class Tile(NamedTuple):
    """Labels of one tile's window, the cell of each (cell 0 of label 0), and which were cut."""

    fragments: Fragments
    cells: Ints
    cut: NDArray[np.bool_]


def voronoi(side: int, count: int, seed: int = 0) -> NDArray[np.int32]:
    """Cell numbers 1.. of every pixel."""
    tree = cKDTree(np.random.default_rng(seed).random((count, 2)) * side)
    out = np.empty((side, side), np.int32)
    for y in range(0, side, 256):
        grid = np.mgrid[y : min(y + 256, side), :side].reshape(2, -1).T + 0.5
        out[y : y + 256] = tree.query(grid)[1].reshape(-1, side) + 1
    return out


def cuts(side: int, tile: int, band: int) -> Iterator[tuple]:
    """Cores and windows."""
    for y in range(0, side, tile):
        for x in range(0, side, tile):
            core = y, min(y + tile, side), x, min(x + tile, side)
            yield core, (max(0, y - band), min(side, core[1] + band),
                         max(0, x - band), min(side, core[3] + band))  # fmt: skip


def predict(truth: NDArray[np.int32], tile: int, band: int, jitter: float, cut: float):
    """Each tile labelled alone."""
    side = len(truth)
    for number, (core, window) in enumerate(cuts(side, tile, band)):
        rng = np.random.default_rng([1, number])
        y0, y1, x0, x1 = window
        grid = np.mgrid[y0:y1, x0:x1]
        if jitter:
            field = ndimage.gaussian_filter(rng.standard_normal(grid.shape), (0, 6, 6))
            moves = np.clip(np.rint(jitter * field / field.std()), -2, 2).astype(int)
            grid = np.clip(grid + moves, 0, side - 1)
        seen = truth[grid[0], grid[1]]
        found, local = np.unique(seen, return_inverse=True)
        halves = halved(local.reshape(seen.shape), len(found), cut, rng)
        labels, cells, was_cut = halves[0], found[halves[1]], halves[2]
        order = rng.permutation(len(cells))
        numbers = np.empty(len(cells), np.int32)
        numbers[order] = np.arange(1, len(cells) + 1)
        none = np.zeros(len(cells), np.int32), np.ones(len(cells))
        yield Tile(
            Fragments(core, window, numbers[labels], *none),
            np.concatenate([[0], cells[order]]),
            np.concatenate([[False], was_cut[order]]),
        )


def halved(labels, count: int, share: float, rng):
    """Labels from 0, a share of them cut through the middle; origin of each, and whether cut."""
    picked = np.flatnonzero(rng.random(count) < share)
    centres = ndimage.center_of_mass(np.ones(labels.shape), labels, picked) if picked.size else []
    origin = np.arange(count + len(picked))
    was_cut = np.zeros(len(origin), bool)
    out = labels.copy()
    for k, (label, (cy, cx)) in enumerate(zip(picked, centres, strict=True)):
        y, x = np.nonzero(labels == label)
        angle = rng.random() * np.pi
        far = (y - cy) * np.cos(angle) + (x - cx) * np.sin(angle) > 0
        out[y[far], x[far]] = count + k
        origin[count + k] = label
        was_cut[[label, count + k]] = True
    return out, origin, was_cut


class Whole(NamedTuple):
    """All cores in one array with numbers of their own, for the rules that look across a seam."""

    labels: NDArray[np.int64]
    cells: Ints
    cut: NDArray[np.bool_]
    seams: list[int]


def paste(tiles: list[Tile], side: int) -> Whole:
    out = np.zeros((side, side), np.int64)
    cells, cut, start = [np.zeros(1, np.int64)], [np.zeros(1, bool)], 0
    for tile in tiles:
        into, inner = windows(tile.fragments)
        out[into] = tile.fragments.labels[inner] + start
        start += len(tile.cells) - 1
        cells.append(tile.cells[1:])
        cut.append(tile.cut[1:])
    seams = sorted({tile.fragments.core[0] for tile in tiles} - {0})
    return Whole(out, np.concatenate(cells), np.concatenate(cut), seams)


def windows(f: Fragments):
    """Where the core lies in the image and in the window."""
    y0, y1, x0, x1 = f.core
    top, left = f.window[0], f.window[2]
    return np.s_[y0:y1, x0:x1], np.s_[y0 - top : y1 - top, x0 - left : x1 - left]


def faces(whole: Whole) -> Iterator[NDArray[np.int64]]:
    """The two rows or columns beside each seam, (2, side)."""
    for at in whole.seams:
        yield whole.labels[at - 1 : at + 1]
        yield whole.labels[:, at - 1 : at + 1].T


def dask_pairs(whole: Whole) -> Ints:
    """dask-image's own function on its own faces."""
    side = len(whole.labels)
    ends = [0, *whole.seams, side]
    chunks = tuple(np.diff(ends).tolist())
    every = _chunk_faces((chunks, chunks), (side, side), np.ones((3, 3)))
    pairs = [_across_block_label_grouping(whole.labels[f], np.ones((3, 3))).T for f in every]
    return np.concatenate(pairs) if pairs else np.zeros((0, 2), np.int64)


def touching_pairs(whole: Whole) -> Ints:
    return np.concatenate([f.T for f in faces(whole)])


def best_pairs(whole: Whole) -> Ints:
    """Mutual best by touching length."""
    kept = []
    for face in faces(whole):
        pairs, length = np.unique(face.T, axis=0, return_counts=True)
        size = int(pairs.max()) + 1
        most = [np.zeros(size, np.int64), np.zeros(size, np.int64)]
        for side in (0, 1):
            np.maximum.at(most[side], pairs[:, side], length)
        kept.append(pairs[(length == most[0][pairs[:, 0]]) & (length == most[1][pairs[:, 1]])])
    return np.concatenate(kept)


def count(ids: Ints, cells: Ints, cut: NDArray[np.bool_]) -> dict[str, int]:
    """Split and fused, of fragments with their id, cell and whether the predictor cut it."""
    pairs = np.unique(np.stack([ids, cells], 1), axis=0)
    by_cell, pieces = np.unique(pairs[:, 1], return_counts=True)
    split = by_cell[pieces > 1]
    damaged = np.unique(cells[cut])
    held = np.unique(pairs[:, 0], return_counts=True)[1]
    fused = held > 1
    return {"split": len(np.setdiff1d(split, damaged)), "fused": int(fused.sum()),
            "cells in fused": int(held[fused].sum()),
            "cells cut by the predictor": len(damaged),
            "of these still in pieces": len(np.intersect1d(split, damaged))}  # fmt: skip


def by_pairs(whole: Whole, pairs: Ints) -> dict[str, int]:
    """Count what a list of joined pairs makes."""
    n = len(whole.cells)
    graph = coo_array((np.ones(len(pairs), bool), pairs.T), shape=(n, n))
    ids = connected_components(graph, directed=False)[1]
    there = np.unique(whole.labels)
    return count(ids[there], whole.cells[there], whole.cut[there])


def stitched(tiles: list[Tile], side: int, band: int) -> dict[str, object]:
    """maskloom: facts of every tile, then the join."""
    start = time.perf_counter()
    seams = Stitcher((side, side), band)
    for tile in tiles:
        seams.add(block_facts(tile.fragments, band))
    result = seams.result()
    seconds = time.perf_counter() - start
    ids, cells, cut = [], [], []
    for tile in tiles:
        lookup = result.lookup(tile.fragments.core)
        mine = np.flatnonzero(lookup)
        ids.append(lookup[mine])
        cells.append(tile.cells[mine])
        cut.append(tile.cut[mine])
    found = count(np.concatenate(ids), np.concatenate(cells), np.concatenate(cut))
    conflicts = {name: getattr(result.conflicts, name) for name in result.conflicts.__slots__}
    return {**found, "objects": len(result), "conflicts": conflicts, "seconds": round(seconds, 3)}


def resources(tiles: list[Tile], side: int, band: int) -> dict[str, float]:
    """Peak of what joining allocates, and the time of masks of all cells."""
    tracemalloc.start()
    seams = Stitcher((side, side), band)
    for tile in tiles:
        seams.add(block_facts(tile.fragments, band))
    result = seams.result()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    start = time.perf_counter()
    masks = assemble_masks((t.fragments for t in tiles), result, (side, side))
    return {"peak_mib": round(peak / 2**20, 1), "masks": len(masks),
            "masks_s": round(time.perf_counter() - start, 3)}  # fmt: skip


PREDICTORS = {
    "perfect": (0.0, 0.0),
    "boundaries moved": (1.0, 0.0),
    "moved, 1 % cut": (1.0, 0.01),
}


def main() -> None:
    """Generate, stitch by every rule, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--bands", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/stitch.json")
    given = parser.parse_args()
    truth = voronoi(given.side, given.cells)
    cells = len(np.unique(truth))
    print(f"{cells} cells in {given.side}², tiles of {given.tile}²")
    results: dict[str, dict[str, object]] = {}
    for name, (jitter, cut) in PREDICTORS.items():
        rows = results[name] = {}
        for band in given.bands:
            tiles = list(predict(truth, given.tile, band, jitter, cut))
            if band == given.bands[0]:
                whole = paste(tiles, given.side)
                rows["none"] = by_pairs(whole, np.zeros((0, 2), np.int64))
                rows["dask-image face"] = by_pairs(whole, dask_pairs(whole))
                rows["touching pairs"] = by_pairs(whole, touching_pairs(whole))
                rows["mutual best"] = by_pairs(whole, best_pairs(whole))
            stitched(tiles, given.side, band)  # compiles, fills caches
            rows[f"maskloom, band {band}"] = {
                **stitched(tiles, given.side, band), **resources(tiles, given.side, band)
            }  # fmt: skip
        for rule, row in rows.items():
            print(f"{name:18s} {rule:20s} {row}", flush=True)
    about = {
        "cpu": platform.processor() or platform.machine(),
        "dask-image": importlib.metadata.version("dask-image"),
        "cells": cells,
        "side": given.side,
        "tile": given.tile,
    }
    given.out.write_text(json.dumps({**about, "predictors": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
