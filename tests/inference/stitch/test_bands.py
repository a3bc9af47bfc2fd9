"""What two blocks say about the pixels that they share, and which pairs are one object."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from maskloom.inference.stitch.bands import Evidence, collect, same_object
from maskloom.inference.stitch.fragments import Fragments, block_facts


def facts(core, window, labels, band: int):
    labels = np.array(labels, np.int32)
    n = int(labels.max())
    return block_facts(Fragments(core, window, labels, np.zeros(n, np.int32), np.ones(n)), band)


def test_pixels_in_common_are_counted_pair_by_pair() -> None:
    ours = facts((0, 2, 0, 2), (0, 2, 0, 3), [[1, 1, 1], [0, 2, 0]], 1)
    theirs = facts((0, 2, 2, 4), (0, 2, 1, 4), [[2, 2, 0], [2, 1, 0]], 1)
    evidence = collect(ours, theirs)
    assert evidence.pairs.tolist() == [[1, 2], [2, 2]]
    assert evidence.overlap.tolist() == [2, 1]
    assert evidence.ours.tolist() == [2, 1]
    assert evidence.theirs.tolist() == [3, 3]
    assert evidence.crosses.tolist() == [True, False]
    assert evidence.best.tolist() == [True, False]


def test_evidence_is_the_same_from_both_sides() -> None:
    rng = np.random.default_rng(0)
    ours = facts((0, 9, 0, 5), (0, 9, 0, 8), rng.integers(0, 4, (9, 8)), 3)
    theirs = facts((0, 9, 5, 10), (0, 9, 2, 10), rng.integers(0, 4, (9, 8)), 3)
    there, back = collect(ours, theirs), collect(theirs, ours)
    order = np.lexsort((back.pairs[:, 0], back.pairs[:, 1]))
    assert np.array_equal(there.pairs, back.pairs[order][:, ::-1])
    for name, other in [("overlap", "overlap"), ("ours", "theirs"), ("crosses", "crosses"),
                        ("best", "best")]:  # fmt: skip
        assert np.array_equal(getattr(there, name), getattr(back, other)[order])
    assert np.array_equal(same_object(there), same_object(back)[order])


@pytest.mark.parametrize(
    ("overlap", "ours", "theirs", "crosses", "best", "joined"),
    [
        (10, 15, 15, False, False, True),  # IoU 10 / 20
        (10, 15, 16, False, False, False),
        (5, 10, 90, False, True, True),  # best of both, half of the smaller
        (4, 10, 90, True, True, False),
        (9, 10, 90, True, False, True),  # an arm: inside to nine tenths, on both sides
        (9, 10, 90, False, False, False),
        (8, 10, 90, True, False, False),
        (1, 40, 40, True, False, False),  # a stray pixel
    ],
)
def test_each_part_of_the_rule_at_its_limit(overlap, ours, theirs, crosses, best, joined) -> None:
    numbers = [np.array([v]) for v in (overlap, ours, theirs, crosses, best)]
    assert same_object(Evidence(np.array([[1, 1]]), *numbers)).tolist() == [joined]


def moved(Blocks, truth, band: int, seed: int):
    """Blocks whose boundaries lie up to 2 px beside the truth, elsewhere in each block."""
    cuts = range(64, 256, 64)
    blocks = Blocks(truth, cuts, cuts, band, seed)
    cells = []
    for k, f in enumerate(blocks.fragments):
        rng = np.random.default_rng([seed, k])
        y0, y1, x0, x1 = f.window
        grid = np.mgrid[y0:y1, x0:x1]
        field = ndimage.gaussian_filter(rng.standard_normal(grid.shape), (0, 6, 6))
        grid = grid + np.clip(np.rint(field / field.std()), -2, 2).astype(int)
        seen = truth[tuple(np.clip(grid, 0, 255))]
        found, labels = np.unique(seen, return_inverse=True)
        labels = (labels.reshape(seen.shape) + 1).astype(np.int32)
        none = np.zeros(len(found), np.int32), np.ones(len(found))
        blocks.fragments[k] = Fragments(f.core, f.window, labels, *none)
        cells.append(np.concatenate([[0], found]))
    return blocks, cells


def test_moved_boundaries_rarely_split_or_fuse_packed_cells(Blocks, voronoi) -> None:
    split = fused = alone = 0
    for seed in range(4):
        truth = voronoi(np.random.default_rng(seed), (256, 256), 100)
        blocks, cells = moved(Blocks, truth, 8, seed)
        stitched = blocks.join()
        pairs = []
        for f, cell in zip(blocks.fragments, cells, strict=True):
            ids = stitched.lookup(f.core)
            pairs.append(np.stack([ids, cell], 1)[ids > 0])
        alone += sum(len(p) for p in pairs) - len(np.unique(truth))
        together = np.unique(np.concatenate(pairs), axis=0)
        split += int((np.unique(together[:, 1], return_counts=True)[1] > 1).sum())
        fused += int((np.unique(together[:, 0], return_counts=True)[1] > 1).sum())
    assert alone > 300  # fragments that have to find each other
    assert fused <= 1
    assert split <= 4
