"""Objects of a detector that overlap stay whole when its image is cut."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.segmenter import Prediction
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.inference.finished import Large
from maskloom.inference.tiling.blocks import save_block
from maskloom.inference.tiling.compute import block_labels
from maskloom.inference.tiling.field import Field
from maskloom.inference.tiling.forward import Seams
from maskloom.inference.tiling.plan import exact_plan
from maskloom.inference.tiling.tiled import Tiled, block_file
from maskloom.inference.tiling.whole import Blocks, stitch


class Layers:
    """Finds the components of each bit of a pixel; those of higher bits are less sure."""

    name = "model/layers"
    taxonomy = Taxonomy((Category("cell", "cell", "thing"),))

    def predict(self, image, prompt=None) -> Prediction:
        parts, scores = [], []
        for bit in range(8):
            found, count = ndimage.label(image[..., 0] >> bit & 1)
            parts += [found == k + 1 for k in range(count)]
            scores += [0.9 - 0.1 * bit] * count
        masks = Masks.empty(0, image.shape[:2]) if not parts else Masks.from_dense(np.array(parts))
        rows = Rows.make(masks, np.zeros(len(masks), np.int32), score=np.array(scores))
        return Prediction(Labels(image.shape[:2], rows=rows))


def tiled_of(image: np.ndarray, folder, *, tile: int, margin: int = 8) -> Large:
    size = image.shape[:2]
    plan = exact_plan(size, Field(1), most_px=image.size, margin=margin, tile=tile)
    for block in plan:
        made = block_labels(Layers(), lambda y0, y1, x0, x1: image[y0:y1, x0:x1], plan, block)
        save_block(block_file(folder, block.index), made)
    blocks = Blocks(Tiled(folder, plan, 0, 0, Seams()))
    return Large(blocks, stitch(blocks), folder)


def squares(size: tuple[int, int], *boxes: tuple[int, int, int, int]) -> np.ndarray:
    """(H, W, 1): bit k is the k-th box y0, y1, x0, x1."""
    image = np.zeros((*size, 1), np.uint8)
    for bit, (y0, y1, x0, x1) in enumerate(boxes):
        image[y0:y1, x0:x1] |= 1 << bit
    return image


def same_masks(found: Rows, wanted: Rows) -> bool:
    one = {m.tobytes(): s for m, s in zip(found.masks.decode(), found.score, strict=True)}
    two = {m.tobytes(): s for m, s in zip(wanted.masks.decode(), wanted.score, strict=True)}
    return one.keys() == two.keys() and all(one[k] == pytest.approx(two[k]) for k in one)


@pytest.mark.parametrize("tile", [40, 64])
def test_in_one_block_an_object_behind_another_is_kept(tmp_path, tile):
    image = squares((40, 40), (10, 30, 10, 30), (12, 26, 12, 26))  # the second lies behind wholly
    rows = tiled_of(image, tmp_path, tile=tile).labels("m").rows
    assert rows.masks.areas.tolist() == [196, 400]  # the surest is painted last
    assert rows.score.tolist() == [0.8, 0.9]
    assert rows.instance.tolist() == [2, 1]


@pytest.mark.parametrize(
    "boxes",
    [
        [(5, 25, 5, 25), (10, 20, 10, 20)],  # within a block
        [(5, 25, 5, 25), (20, 30, 20, 30), (3, 27, 3, 27)],
        [(40, 50, 5, 95), (35, 47, 10, 20), (42, 60, 75, 95)],  # a bar over seams, some behind it
        [(8, 92, 8, 20), (30, 50, 10, 92), (80, 90, 4, 70)],
    ],
)
def test_over_several_blocks_overlapping_objects_are_those_of_one_pass(tmp_path, boxes):
    image = squares((100, 100), *boxes)
    wanted = Layers().predict(image).labels.rows
    large = tiled_of(image, tmp_path, tile=32)
    found = large.labels("m").rows
    assert same_masks(found, wanted)
    assert sorted(found.instance.tolist()) == list(range(1, len(boxes) + 1))


def test_rows_painted_in_their_order_show_the_surest_as_in_one_pass(tmp_path):
    image = squares((100, 100), (20, 60, 20, 60), (5, 50, 5, 50), (3, 40, 30, 80))
    wanted = Layers().predict(image).labels.rows
    found = tiled_of(image, tmp_path, tile=32).labels("m").rows
    one, two = np.zeros((100, 100)), np.zeros((100, 100))
    wanted.take(np.argsort(wanted.score)).masks.paint(one, np.sort(wanted.score))
    found.masks.paint(two, found.score)
    np.testing.assert_allclose(one, two)


@pytest.mark.parametrize("seed", range(12))
def test_of_any_objects_no_block_loses_a_pixel(tmp_path, seed):
    rng = np.random.default_rng(seed)
    image = np.zeros((90, 110, 1), np.uint8)
    for bit in range(5):  # blobs with holes and arms
        noise = ndimage.gaussian_filter(rng.random(image.shape[:2]), 4)
        image[..., 0] |= (noise > np.quantile(noise, 0.8)).astype(np.uint8) << bit
    wanted = Layers().predict(image).labels.rows
    (tmp_path / "one").mkdir()
    assert same_masks(tiled_of(image, tmp_path / "one", tile=128).labels("m").rows, wanted)
    (tmp_path / "many").mkdir()
    found = tiled_of(image, tmp_path / "many", tile=32).labels("m").rows
    found.masks.validate()
    for score in np.unique(wanted.score):  # objects of one bit are disjoint, cut at seams or not
        one = np.zeros(image.shape[:2], bool)
        bit = round((0.9 - score) / 0.1)
        for mask in found.masks[np.flatnonzero(np.isclose(found.score, score))].decode():
            one |= mask
        inside = image[..., 0] >> bit & 1 > 0
        # parts joined across bits have a mean score, so some may be missing, none may be wrong
        assert not (one & ~inside).any()
    every = found.masks.decode().sum(axis=0)
    np.testing.assert_array_equal(every > 0, image[..., 0] > 0)


def test_an_object_that_hides_at_a_seam_is_counted_and_loses_no_pixel(tmp_path):
    image = squares((64, 64), (10, 30, 10, 60), (12, 26, 14, 56))
    large = tiled_of(image, tmp_path, tile=32)
    rows = large.labels("m").rows
    # no block sees the second at the seam: each has half of it
    assert rows.masks.areas.tolist() == [14 * 18, 14 * 24, 1000]
    assert large.facts()["conflicts"]["overlapping"] == 2


def test_objects_that_do_not_overlap_have_no_such_conflict(tmp_path):
    image = squares((64, 64), (10, 30, 10, 60), (40, 50, 14, 56))
    large = tiled_of(image, tmp_path, tile=32)
    assert large.facts()["conflicts"]["overlapping"] == 0
    assert large.labels("m").rows.masks.areas.tolist() == [1000, 420]


def test_an_id_map_shows_the_surest_of_overlapping_objects(tmp_path):
    image = squares((64, 64), (5, 25, 5, 25), (20, 30, 20, 30))
    large = tiled_of(image, tmp_path, tile=32)
    ids = large.blocks.ids(large.stitched)(0, 64, 0, 64)
    np.testing.assert_array_equal(ids > 0, image[..., 0] > 0)
    assert ids[22, 22] == 1
    assert np.bincount(ids.ravel())[1:].tolist() == [400, 75]
