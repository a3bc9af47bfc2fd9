"""Masks of stitched objects against masks of the whole id map."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.masks import Masks
from maskloom.errors import DataError
from maskloom.inference.stitch.assemble import assemble_masks
from maskloom.inference.stitch.fragments import Fragments, block_facts
from maskloom.inference.stitch.instances import join
from maskloom.inference.stitch.objects import Conflicts, Lines, make_objects


@pytest.mark.parametrize("seed", range(25))
def test_masks_are_those_of_the_whole_id_map(seed, Blocks, voronoi) -> None:
    rng = np.random.default_rng(seed)
    size = tuple(int(v) for v in rng.integers(2, 50, 2))
    truth = voronoi(rng, size, 30) * (rng.random(size) < 0.9)
    cuts = [np.unique(rng.integers(1, n, 3)) for n in size]
    blocks = Blocks(truth, *cuts, 2, seed)
    stitched = blocks.join()
    masks = assemble_masks(blocks.fragments[::-1], stitched, size)
    whole, ids = Masks.from_id_map(blocks.paint(stitched))
    assert masks == whole.validate()
    assert ids.tolist() == list(range(1, len(stitched) + 1))
    assert np.array_equal(masks.areas, stitched.areas)
    assert np.array_equal(masks.boxes, stitched.boxes)


def test_an_image_that_no_array_could_hold() -> None:
    # 2 x 2**30 px, of which only the last block has an object
    width = 2**30
    seam = width - 4
    thin = Fragments((0, 2, seam, width), (0, 2, seam - 1, width), np.ones((2, 5), np.int32),
                     np.zeros(1, np.int32), np.ones(1))  # fmt: skip
    facts = block_facts(thin, 1)
    assert facts.table.tolist() == [[8, 0, seam, 0, seam, 2, width]]
    stitched = make_objects(
        [Lines(facts.core, facts.table, facts.category, facts.score, facts.stuff)],
        np.zeros((0, 4), np.int64),
        Conflicts(),
    )
    masks = assemble_masks([thin], stitched, (2, width)).validate()
    assert masks.boxes.tolist() == [[seam, 0, width, 2]]
    assert masks.areas.tolist() == [8]


def test_no_objects_give_no_masks(Blocks) -> None:
    blocks = Blocks(np.zeros((4, 4), int), [2])
    assert len(assemble_masks(blocks.fragments, blocks.join(), (4, 4))) == 0


def test_other_blocks_than_those_stitched_are_refused(Blocks) -> None:
    blocks = Blocks([[1, 1, 1, 1], [2, 2, 2, 2]], [], [2])
    stitched = blocks.join()
    with pytest.raises(DataError, match="not those that were stitched; 4 px"):
        assemble_masks(blocks.fragments[:1], stitched, (2, 4))
    f = blocks.fragments[0]
    more = Fragments(f.core, f.window, f.labels, np.zeros(3, np.int32), np.ones(3))
    with pytest.raises(DataError, match="other labels"):
        assemble_masks([more], stitched, (2, 4))


def test_join_needs_no_labels_to_make_a_table(Blocks) -> None:
    blocks = Blocks([[3, 3, 0, 8]], [], [1])
    stitched = join(blocks.facts(), (1, 4), 1)
    assert stitched.areas.tolist() == [2, 1]
