"""Objects of blocks are those of one pass: none split, none fused, ids in raster order."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from scipy import ndimage
from torch import nn

from maskloom.core.run import Preprocessing
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import instance_map
from maskloom.inference.decode import Channels, Decoding
from maskloom.inference.engines.torch_engine import TorchEngine
from maskloom.inference.finished import Large
from maskloom.inference.network import NetworkSegmenter
from maskloom.inference.panoptic import PanopticSegmenter
from maskloom.inference.tiling.choose import plan_for
from maskloom.inference.tiling.options import TileOptions
from maskloom.inference.tiling.run import label_tiled
from maskloom.inference.tiling.whole import Blocks, stitch, whole_labels
from maskloom.store.images import read_image
from maskloom.training.targets import rim_distance
from maskloom.work.executors import open_executor

CELLS = Taxonomy((Category("cell", "cell", "thing"),))
SCENE = Taxonomy((Category("cell", "cell", "thing"), Category("soil", "soil", "stuff")))
PRE = Preprocessing(("class", "distance"), 255.0, (0.0, 0.0), (1.0, 1.0), 1)


def seeing(taxonomy: Taxonomy, *, background: bool = True) -> NetworkSegmenter:
    """A network that says what its two channels hold: class 0, 1 or 2 of 255, and distance."""
    n = background + len(taxonomy)
    head = nn.Conv2d(2, n + 1, 1)
    with torch.no_grad():
        head.weight.zero_()
        for k in range(n):  # -(v - c / 2)² without what all classes share
            c = k + (not background)
            head.weight[k, 0, 0, 0] = 40.0 * c
            head.bias[k] = -10.0 * c * c
        head.weight[n, 1, 0, 0] = 8.0
        head.bias[n] = -4.0
    channels = Channels(taxonomy, background=background, distance=True)
    return NetworkSegmenter(TorchEngine(head.eval()), channels, preprocessing=PRE, layer="model/m")


def cells(size: tuple[int, int], spacing: int = 20, seed: int = 0) -> np.ndarray:
    """(H, W) int32: cells packed without gaps around jittered centres, with some background."""
    rng = np.random.default_rng(seed)
    marks = np.zeros(size, np.int32)
    n = 0
    for y in range(spacing // 2, size[0], spacing):
        for x in range(spacing // 2, size[1], spacing):
            dy, dx = rng.integers(-spacing // 4, spacing // 4 + 1, 2)
            n += 1
            marks[np.clip(y + dy, 0, size[0] - 1), np.clip(x + dx, 0, size[1] - 1)] = n
    distance, (rows, columns) = ndimage.distance_transform_edt(marks == 0, return_indices=True)
    out = marks[rows, columns]
    out[distance > 0.7 * spacing] = 0
    return out


def picture(objects: np.ndarray, classes: np.ndarray) -> np.ndarray:
    return np.stack([classes * 127, np.round(rim_distance(objects) * 255)], axis=2).astype(np.uint8)


def tiled_of(segmenter, image: np.ndarray, tmp_path, *, tile: int = 64, margin: int = 24) -> Large:
    file = tmp_path / "image.tif"
    tifffile.imwrite(file, image, tile=(32, 32), planarconfig="contig", photometric="minisblack")
    np.testing.assert_array_equal(read_image(file), image)
    plan = plan_for(segmenter, image.shape[:2], TileOptions(tile=tile, margin=margin))
    assert plan is not None
    with open_executor() as executor:
        tiled = label_tiled(
            lambda: segmenter, file, tmp_path / "blocks", plan=plan, executor=executor
        )
    blocks = Blocks(tiled)
    return Large(blocks, stitch(blocks), file)


@pytest.mark.parametrize("seed", [0, 1])
def test_packed_cells_across_seams_are_those_of_one_pass(tmp_path, seed):
    truth = cells((300, 280), seed=seed)
    image = picture(truth, (truth > 0).astype(int))
    segmenter = seeing(CELLS)
    wanted = segmenter.predict(image).labels
    large = tiled_of(segmenter, image, tmp_path)
    found = large.labels("model/m")
    assert len(large.blocks) == 25
    assert len(found.rows) == len(wanted.rows) > 180
    one = instance_map(wanted.rows, truth.shape)
    two = instance_map(found.rows, truth.shape)
    pairs = np.unique(np.stack([one.ravel(), two.ravel()]), axis=1)
    assert pairs.shape[1] == len(wanted.rows) + bool((one == 0).any())  # a bijection
    assert found.class_map is None
    np.testing.assert_array_equal(found.confidence, wanted.confidence)


def test_ids_are_in_raster_order_of_first_pixels_and_windows_agree(tmp_path):
    truth = cells((150, 170))
    large = tiled_of(seeing(CELLS), picture(truth, (truth > 0).astype(int)), tmp_path)
    found = large.labels("model/m")
    whole = instance_map(found.rows, truth.shape)
    ids = [int(v) for v in dict.fromkeys(whole[whole > 0].tolist())]
    assert ids == list(range(1, len(found.rows) + 1))
    read = large.map().ids
    assert read is not None
    np.testing.assert_array_equal(read(0, 150, 0, 170), whole)
    np.testing.assert_array_equal(read(60, 70, 5, 169), whole[60:70, 5:169])


def test_an_object_longer_than_many_blocks_is_one(tmp_path):
    truth = np.zeros((60, 900), np.int32)
    truth[25:35, 10:890] = 1
    image = picture(truth, (truth > 0).astype(int))
    image[:, :, 1] = np.where(truth > 0, 255, 0)  # one plateau, not a ridge of many maxima
    found = tiled_of(seeing(CELLS), image, tmp_path).labels("model/m")
    assert len(found.rows) == 1
    assert int(found.rows.masks.areas[0]) == 10 * 880


def test_things_and_stuff_are_merged_over_the_whole_image(tmp_path):
    truth = cells((200, 200))
    truth[:, 120:] = 0
    classes = np.where(truth > 0, 1, 0)
    classes[:, 120:] = 2  # soil
    classes[0:3, 0:3], truth[0:3, 0:3] = 2, 0  # and a little elsewhere, of the same segment
    segmenter = PanopticSegmenter(seeing(SCENE), Decoding(stuff_area=64))
    image = picture(truth, classes)
    wanted = segmenter.predict(image).labels
    found = tiled_of(segmenter, image, tmp_path).labels("model/m")
    assert len(found.rows) == len(wanted.rows)
    soil = found.rows.category == 1
    assert soil.sum() == 1
    assert int(found.rows.masks[np.flatnonzero(soil)].areas[0]) == 200 * 80 + 9
    merged = found.rows.masks.areas.sum()
    assert merged == wanted.rows.masks.areas.sum()


def test_stuff_that_is_small_on_the_whole_is_left_out_and_not_block_by_block(tmp_path):
    truth = np.zeros((200, 200), np.int32)
    classes = np.zeros((200, 200), int)
    classes[60:68, 60:68] = 2  # 64 px, cut by a corner of blocks
    large = tiled_of(
        PanopticSegmenter(seeing(SCENE), Decoding(stuff_area=64)), picture(truth, classes), tmp_path
    )
    assert len(large.labels("model/m").rows) == 1
    strict = tmp_path / "strict"
    strict.mkdir()
    large = tiled_of(
        PanopticSegmenter(seeing(SCENE), Decoding(stuff_area=65)), picture(truth, classes), strict
    )
    assert len(large.labels("model/m").rows) == 0


def test_pixels_that_nobody_claims_are_void_where_there_is_no_background(tmp_path):
    truth = cells((150, 150))
    truth[:, 100:] = 0
    classes = np.where(truth > 0, 1, 2)
    classes[63:65, 126:130] = 1  # a thing too small to be one, at a corner of blocks
    segmenter = PanopticSegmenter(seeing(SCENE, background=False), Decoding(stuff_area=64))
    image = picture(truth, classes)
    wanted = segmenter.predict(image).labels
    assert wanted.coverage.area is not None
    found = tiled_of(segmenter, image, tmp_path).labels("model/m")
    assert found.coverage.area is not None
    np.testing.assert_array_equal(found.coverage.area.dense(0), wanted.coverage.area.dense(0))


def test_facts_name_the_conflicts(tmp_path):
    truth = cells((150, 150))
    large = tiled_of(seeing(CELLS), picture(truth, (truth > 0).astype(int)), tmp_path)
    facts = large.facts()
    assert facts["mode"] == "exact"
    assert facts["tiles"] == 9
    names = {"not_joined", "same_block", "categories", "unclaimed", "overlapping"}
    assert set(facts["conflicts"]) == names
    assert facts["conflicts"]["same_block"] == facts["conflicts"]["overlapping"] == 0


def test_an_image_too_large_for_a_class_map_says_which_format_takes_it(monkeypatch, tmp_path):
    from maskloom.errors import ImageError
    from maskloom.inference.tiling import whole

    segmenter = seeing(CELLS)
    image = picture(cells((100, 100)), np.ones((100, 100), int))
    large = tiled_of(segmenter, image, tmp_path)
    monkeypatch.setattr(whole, "MAX_PIXELS", 100)
    with pytest.raises(ImageError, match="bitmap"):
        whole_labels(large.blocks, "model/m")
