"""Objects across seams: tiny seams made by hand, perfect predictors, order, translation, faults."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import ndimage

from maskloom.errors import DataError, UsageError
from maskloom.inference.stitch.fragments import BlockFacts, Fragments, block_facts
from maskloom.inference.stitch.instances import Stitcher, join


def two_blocks(left, right, band: int, categories=(None, None)):
    """An image cut in the middle: windows of both halves, labelled freely."""
    left, right = np.array(left, np.int32), np.array(right, np.int32)
    height, middle = left.shape[0], left.shape[1] - band
    width = middle + right.shape[1] - band
    first = Fragments(
        (0, height, 0, middle),
        (0, height, 0, middle + band),
        left,
        *rows(left, categories[0]),
    )
    second = Fragments(
        (0, height, middle, width), (0, height, middle - band, width), right,
        *rows(right, categories[1]),
    )  # fmt: skip
    return [block_facts(f, band) for f in (first, second)], (height, width)


def rows(labels, categories):
    n = int(labels.max())
    return np.array(categories or [0] * n, np.int32), np.ones(n)


def test_an_object_on_a_corner_of_four_blocks_is_one(Blocks) -> None:
    truth = [[0, 0, 0, 0], [0, 5, 5, 0], [0, 5, 5, 0], [0, 0, 0, 0]]
    stitched = Blocks(truth, [2], [2]).join()
    assert stitched.areas.tolist() == [4]
    assert stitched.boxes.tolist() == [[1, 1, 3, 3]]
    assert stitched.anchors.tolist() == [[1, 1]]


def test_objects_that_meet_only_at_a_corner_of_four_blocks_stay_apart(Blocks) -> None:
    blocks = Blocks([[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]], [2], [2])
    assert blocks.paint(blocks.join()).tolist() == blocks.truth.tolist()


def test_an_object_that_crosses_only_the_corner_is_one(Blocks) -> None:
    blocks = Blocks([[7, 0, 0, 0], [0, 7, 0, 0], [0, 0, 7, 0], [0, 0, 0, 7]], [2], [2])
    assert blocks.join().areas.tolist() == [4]


def test_arms_of_a_horseshoe_are_one_object_though_a_block_sees_two() -> None:
    # the left block sees two arms and cannot know better
    left = [[1, 1, 1], [0, 0, 0], [2, 2, 2]]
    right = [[1, 1, 1], [0, 0, 1], [1, 1, 1]]
    facts, size = two_blocks(left, right, 1)
    stitched = join(facts, size, 1)
    assert stitched.areas.tolist() == [9]
    assert stitched.conflicts.same_block == 1
    assert stitched.lookup((0, 3, 0, 2)).tolist() == [0, 1, 1]


def test_an_object_over_five_blocks_is_one(Blocks) -> None:
    truth = np.zeros((4, 15), int)
    truth[1:3, 1:14] = 3
    stitched = Blocks(truth, [], [3, 6, 9, 12]).join()
    assert stitched.areas.tolist() == [26]
    assert stitched.boxes.tolist() == [[1, 1, 14, 3]]


def test_an_object_in_a_margin_alone_belongs_to_the_neighbour(Blocks) -> None:
    blocks = Blocks([[0, 0, 4, 0]], [], [2])
    stitched = blocks.join()
    assert stitched.lookup((0, 1, 0, 2)).tolist() == [0, 0]
    assert stitched.lookup((0, 1, 2, 4)).tolist() == [0, 1]
    assert stitched.conflicts.unclaimed == 0


def test_an_object_that_each_block_leaves_to_the_other_is_counted() -> None:
    facts, size = two_blocks([[0, 0, 1]], [[1, 0, 0]], 1)
    stitched = join(facts, size, 1)
    assert len(stitched) == 0
    assert stitched.conflicts.unclaimed == 2


def test_equal_numbers_in_two_blocks_mean_nothing() -> None:
    facts, size = two_blocks([[1, 0, 0, 0]], [[0, 0, 0, 1]], 1)
    assert join(facts, size, 1).areas.tolist() == [1, 1]


def test_blocks_of_one_pixel(Blocks, in_raster_order) -> None:
    rng = np.random.default_rng(0)
    truth = ndimage.label(rng.random((7, 9)) < 0.6, np.ones((3, 3)))[0]
    for band in (1, 2, 5):
        blocks = Blocks(truth, range(1, 7), range(1, 9), band)
        assert np.array_equal(blocks.paint(blocks.join()), in_raster_order(truth))


def test_a_stray_pixel_does_not_fuse_two_objects() -> None:
    # both blocks see two cells, one above the other; the boundary differs by one row
    left = np.repeat([[1], [1], [1], [1], [2], [2], [2], [2]], 6, 1)
    right = np.repeat([[1], [1], [1], [1], [1], [2], [2], [2]], 6, 1)
    facts, size = two_blocks(left, right, 2)
    stitched = join(facts, size, 2)
    assert stitched.areas.tolist() == [36, 28]
    assert stitched.conflicts.not_joined == 1
    assert stitched.conflicts.same_block == 0


def test_a_sliver_in_a_margin_does_not_fuse_what_it_lies_in() -> None:
    # the left block sees cell 1 end at the seam, the right one cell 2 where its end lies
    left = [[1, 1, 1, 1, 0, 0], [0, 0, 2, 2, 2, 2], [0, 0, 2, 2, 2, 2]]
    right = [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0]]
    facts, size = two_blocks(left, right, 2)
    stitched = join(facts, size, 2)
    assert stitched.areas.tolist() == [4, 10]
    assert stitched.conflicts.not_joined == 1


def test_category_is_a_vote_by_area_and_score_a_mean_by_area() -> None:
    facts, size = two_blocks([[1, 1, 1, 1]], [[1, 1, 1]], 1, ([7], [2]))
    facts[0] = dataclasses.replace(facts[0], score=np.array([0.5]))
    stitched = join(facts, size, 1)
    assert stitched.category.tolist() == [7]
    assert stitched.score.tolist() == [(3 * 0.5 + 2 * 1.0) / 5]
    assert stitched.conflicts.categories == 1
    even, size = two_blocks([[1, 1, 1]], [[1, 1, 1]], 1, ([7], [2]))
    assert join(even, size, 1).category.tolist() == [2]


def test_stuff_of_one_category_is_one_object_wherever_it_lies() -> None:
    left = Fragments((0, 1, 0, 3), (0, 1, 0, 4), np.array([[1, 2, 0, 0]], np.int32),
                     np.array([3, 4], np.int32), np.ones(2), np.array([True, True]))  # fmt: skip
    right = Fragments((0, 1, 3, 6), (0, 1, 2, 6), np.array([[0, 0, 1, 2]], np.int32),
                      np.array([3, 4], np.int32), np.ones(2), np.array([True, False]))  # fmt: skip
    stitched = join([block_facts(f, 1) for f in (left, right)], (1, 6), 1)
    assert stitched.areas.tolist() == [2, 1, 1]
    assert stitched.category.tolist() == [3, 4, 4]
    assert stitched.stuff.tolist() == [True, True, False]
    assert stitched.conflicts.same_block == 0


def random_cuts(rng, size):
    return [np.unique(rng.integers(1, n, rng.integers(0, 5))) if n > 1 else [] for n in size]


@pytest.mark.parametrize("seed", range(60))
def test_a_perfect_predictor_gives_the_objects_of_the_whole(
    seed, Blocks, voronoi, in_raster_order
) -> None:
    rng = np.random.default_rng(seed)
    size = tuple(int(v) for v in rng.integers(1, 40, 2))
    if seed % 2:
        truth = voronoi(rng, size, int(rng.integers(1, 40)))
    else:
        truth = ndimage.label(rng.random(size) < 0.6, np.ones((3, 3)))[0]
    blocks = Blocks(truth, *random_cuts(rng, size), int(rng.integers(1, 5)), seed)
    stitched = blocks.join()
    whole = in_raster_order(truth)
    assert np.array_equal(blocks.paint(stitched), whole)
    assert stitched.areas.tolist() == np.bincount(whole.ravel())[1:].tolist()
    boxes = [[x.start, y.start, x.stop, y.stop] for y, x in ndimage.find_objects(whole)]
    assert stitched.boxes.tolist() == boxes
    assert stitched.conflicts.not_joined == stitched.conflicts.unclaimed == 0


def equal(a, b) -> bool:
    fields = [field.name for field in dataclasses.fields(a)]
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in fields)


def disagreeing(Blocks, voronoi, seed: int):
    """Blocks whose labels contradict each other at random places."""
    rng = np.random.default_rng(seed)
    blocks = Blocks(voronoi(rng, (48, 60), 40), [13, 30], [17, 40], 3, seed)
    for k, f in enumerate(blocks.fragments):
        n = len(f.category)
        noise = rng.random(f.labels.shape) < 0.15
        labels = np.where(noise, rng.integers(0, n + 1, f.labels.shape), f.labels)
        category = rng.integers(0, 3, n).astype(np.int32)
        blocks.fragments[k] = Fragments(
            f.core, f.window, labels.astype(np.int32), category, rng.random(n)
        )
    return blocks


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_blocks_and_the_number_of_workers_change_no_bit(seed, Blocks, voronoi) -> None:
    blocks = disagreeing(Blocks, voronoi, seed)
    facts = blocks.facts()
    expected = join(facts, (48, 60), 3)
    assert expected.conflicts.not_joined > 0
    for order in np.random.default_rng(seed).permuted(np.tile(np.arange(9), (6, 1)), axis=1):
        assert equal(join([facts[k] for k in order], (48, 60), 3), expected)
    with ThreadPoolExecutor(3) as pool:
        parallel = pool.map(lambda f: block_facts(f, 3), blocks.fragments[::-1])
        assert equal(join(parallel, (48, 60), 3), expected)


def test_the_numbers_that_a_block_uses_change_nothing(Blocks, voronoi) -> None:
    truth = voronoi(np.random.default_rng(1), (40, 40), 30)
    first, second = (Blocks(truth, [20], [20], 2, seed) for seed in (1, 2))
    assert np.array_equal(first.paint(first.join()), second.paint(second.join()))


def test_moving_the_image_moves_the_objects_and_nothing_else(Blocks, voronoi) -> None:
    truth = voronoi(np.random.default_rng(2), (30, 30), 25)
    wide = np.pad(truth, ((10, 0), (20, 0)))
    here = Blocks(truth, [11], [15], 2).join()
    there = Blocks(wide, [21], [35], 2).join()
    assert np.array_equal(here.areas, there.areas)
    assert np.array_equal(here.boxes + np.array([20, 10, 20, 10]), there.boxes)
    assert np.array_equal(here.anchors + np.array([10, 20]), there.anchors)


def test_facts_survive_a_file(tmp_path, Blocks, voronoi) -> None:
    blocks = disagreeing(Blocks, voronoi, 9)
    again = []
    for k, facts in enumerate(blocks.facts()):
        np.savez(tmp_path / f"{k}.npz", **facts.to_arrays())
        with np.load(tmp_path / f"{k}.npz") as arrays:
            again.append(BlockFacts.from_arrays(arrays))
    assert equal(join(again, (48, 60), 3), blocks.join())
    with pytest.raises(DataError, match="lack an array"):
        BlockFacts.from_arrays({"boxes": np.zeros((2, 4), int)})


def test_only_strips_of_blocks_that_still_wait_are_kept(Blocks, voronoi) -> None:
    blocks = Blocks(voronoi(np.random.default_rng(0), (60, 20), 20), range(10, 60, 10), [10], 1)
    seams, waiting = Stitcher((60, 20), 1), []
    for facts in blocks.facts():
        seams.add(facts)
        waiting.append(seams.waiting)
    assert max(waiting) <= 3
    assert waiting[-1] == 0
    assert len(blocks.facts()[4].strips[0]) == 2


def test_blocks_that_do_not_partition_the_image_are_refused(Blocks) -> None:
    facts = Blocks(np.ones((4, 6), int), [2], [3]).facts()
    with pytest.raises(DataError, match=r"do not cover 4 × 6 px once \(saw '3 blocks, 18 px'\)"):
        join(facts[:3], (4, 6), 1)
    with pytest.raises(DataError, match="two cores overlap"):
        join([*facts[:2], facts[0]], (4, 6), 1)
    with pytest.raises(DataError, match="leaves the image"):
        join(facts, (3, 6), 1)
    with pytest.raises(DataError, match="margin of 2 px"):
        join(facts, (4, 6), 2)
    with pytest.raises(UsageError, match="at least 1 px"):
        Stitcher((4, 6), 0)
    with pytest.raises(DataError, match="no block has this core"):
        join(facts, (4, 6), 1).lookup((0, 1, 0, 1))


def test_labels_that_do_not_fit_their_block_are_refused() -> None:
    good = {"core": (0, 2, 0, 2), "window": (0, 2, 0, 3), "labels": np.ones((2, 3), np.int32),
            "category": np.zeros(1, np.int32), "score": np.ones(1)}  # fmt: skip
    Fragments(**good)
    bad = [
        ("core", (0, 2, 0, 4), "lies in its window"),
        ("labels", np.ones((2, 2), np.int32), r"int32 \(2, 3\)"),
        ("labels", np.ones((2, 3), np.int64), "int64"),
        ("labels", np.full((2, 3), 2, np.int32), "labels are 0 to 1"),
        ("labels", np.full((2, 3), -1, np.int32), "-1 to"),
        ("score", np.ones(2), "one category and score"),
    ]
    for name, value, message in bad:
        with pytest.raises(DataError, match=message):
            Fragments(**{**good, name: value})
