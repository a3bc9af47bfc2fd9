"""Boxes with masks to rows of the image: pasting, order, overlaps, sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from maskloom.core.recipe import Recipe
from maskloom.core.run import Preprocessing, Run
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import ImageError
from maskloom.inference.decode import Decoding
from maskloom.inference.detector import _inside, _pad, at_size, paste
from maskloom.inference.open_run import segmenter_of
from maskloom.models import checkpoint
from maskloom.models.detector import mask_targets

TAXONOMY = Taxonomy((
    Category("sky", "sky", "stuff"), Category("cat", "cat"), Category("dog", "dog")
))  # fmt: skip


def run_of(path: Path, task: str = "instance", **options) -> Run:
    return Run(
        path=path,
        model="maskrcnn",
        options={"width": 32, "hidden": 16, "anchors": [8, 16, 32, 64, 128], "score": 0.0}
        | options,
        task=task,
        taxonomy=TAXONOMY,
        background=True,
        preprocessing=Preprocessing(("red", "green", "blue"), 255.0, (0.5,) * 3, (0.25,) * 3, 32),
        recipe=Recipe(),
        weights_sha256="0" * 64,
        scores={"precision": "fp32"},
    )


def segmenter(path: Path, task: str = "instance", decoding: Decoding | None = None, **options):
    torch.manual_seed(0)
    run = run_of(path, task, **options)
    return segmenter_of(checkpoint.build(run).eval(), run, decoding=decoding or Decoding())


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (45, 70, 3)).astype(np.uint8)


def test_a_full_mask_over_whole_edges_is_the_pixels_of_the_box() -> None:
    found = paste(np.ones((4, 4), np.float32), np.array([2.0, 1.0, 5.0, 7.0]), (10, 8))
    wanted = np.zeros((10, 8), bool)
    wanted[1:7, 2:5] = True
    assert np.array_equal(found.dense(0), wanted)


def test_a_pixel_belongs_to_a_box_that_holds_its_centre() -> None:
    found = paste(np.ones((4, 4), np.float32), np.array([1.4, 1.6, 3.6, 3.4]), (6, 6))
    assert found.boxes[0].tolist() == [1, 2, 4, 3]


def test_probabilities_are_interpolated_between_the_centres_of_cells() -> None:
    """Two cells of 4 px: centres at 2 and 6, 0.5 is met half way, at x = 4."""
    found = paste(np.array([[1.0, 0.0]] * 2, np.float32), np.array([0.0, 0, 8, 8]), (8, 8))
    assert found.boxes[0].tolist() == [0, 0, 4, 8]
    stricter = paste(
        np.array([[1.0, 0.0]] * 2, np.float32), np.array([0.0, 0, 8, 8]), (8, 8), threshold=0.8
    )
    assert stricter.boxes[0].tolist() == [0, 0, 3, 8]


@pytest.mark.parametrize("box", [[-5, -5, 3, 3], [6, 6, 20, 20], [-9, 2, 30, 4]])
def test_what_lies_outside_the_image_is_cut_off(box) -> None:
    found = paste(np.ones((4, 4), np.float32), np.array(box, float), (8, 8))
    x0, y0, x1, y1 = np.clip(box, 0, 8).tolist()
    assert found.boxes[0].tolist() == [x0, y0, x1, y1]
    assert int(found.areas[0]) == (x1 - x0) * (y1 - y0)


@pytest.mark.parametrize("box", [[20, 20, 30, 30], [3, 3, 3, 3], [5.6, 5.6, 5.9, 5.9]])
def test_a_box_without_a_pixel_gives_an_empty_mask(box) -> None:
    assert int(paste(np.ones((4, 4), np.float32), np.array(box, float), (8, 8)).areas[0]) == 0


def test_a_mask_comes_back_from_its_own_target() -> None:
    y, x = np.mgrid[:90, :120]
    disc = ((x - 60) / 30) ** 2 + ((y - 40) / 20) ** 2 < 1
    columns, rows = np.flatnonzero(disc.any(axis=0)), np.flatnonzero(disc.any(axis=1))
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)
    share = mask_targets(
        torch.from_numpy(disc[None].astype(np.uint8)),
        torch.from_numpy(box[None].astype(np.float32)),
        torch.tensor([0]),
        28,
    )
    found = paste(share[0].numpy(), box, disc.shape).dense(0)
    assert (found & disc).sum() / (found | disc).sum() > 0.97
    assert abs(int(found.sum()) - int(disc.sum())) < 0.01 * disc.sum()


def test_objects_may_overlap_and_the_surest_comes_last(tmp_path: Path, image) -> None:
    labels = segmenter(tmp_path).predict(image).labels
    rows = labels.rows
    assert labels.size == (45, 70)
    assert len(rows) > 5
    assert (np.diff(rows.score) >= 0).all()
    assert set(rows.category.tolist()) <= {1, 2}
    assert np.triu(rows.masks.intersections(rows.masks), 1).any()
    assert (rows.masks.areas > 0).all()


def test_decoding_says_which_objects_stay(tmp_path: Path, image) -> None:
    every = segmenter(tmp_path).predict(image).labels.rows
    middle = float(np.median(every.score))
    sure = segmenter(tmp_path, decoding=Decoding(score=middle)).predict(image).labels.rows
    assert 0 < len(sure) < len(every)
    assert sure.score.min() > middle
    few = segmenter(tmp_path, decoding=Decoding(max_objects=3)).predict(image).labels.rows
    assert len(few) == 3


def test_a_shrunk_image_gives_masks_in_its_own_size(tmp_path: Path, image) -> None:
    large = np.kron(image, np.ones((4, 4, 1), np.uint8))
    labels = segmenter(tmp_path, max_size=70).predict(large).labels
    assert labels.size == (180, 280)
    same = segmenter(tmp_path).predict(image).labels.rows
    assert labels.rows.score.tolist() == pytest.approx(same.score.tolist(), abs=1e-5)
    assert np.abs(labels.rows.masks.boxes / 4 - same.masks.boxes).max() <= 2


def test_an_image_of_one_pixel_is_labelled(tmp_path: Path) -> None:
    labels = segmenter(tmp_path).predict(np.zeros((1, 1, 3), np.uint8)).labels
    assert labels.size == (1, 1)


def test_other_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="other channels"):
        segmenter(tmp_path).predict(np.zeros((40, 40, 5), np.uint8))


def test_a_panoptic_run_gives_every_pixel_once(tmp_path: Path, image) -> None:
    """Random weights: things everywhere, and stuff where they leave room."""
    made = segmenter(tmp_path, "panoptic", Decoding(score=0.0, max_objects=4, stuff_area=1))
    rows = made.predict(image).labels.rows
    shared = rows.masks.intersections(rows.masks)
    assert np.array_equal(shared, np.diag(np.diag(shared)))
    assert rows.instance.tolist() == list(range(1, len(rows) + 1))


def test_resizing_to_the_same_size_changes_nothing() -> None:
    image = np.arange(24, dtype=np.uint16).reshape(4, 6, 1)
    assert at_size(image, (4, 6)) is image
    assert at_size(image, (2, 3)).tolist() == [[[4], [6], [8]], [[16], [18], [20]]]


def test_nothing_is_found_in_the_margin_around_the_image(tmp_path: Path, image) -> None:
    """Boxes whose centre lies outside are gone; the others touch the image."""
    boxes = np.array([[0, 0, 20, 20], [20, 20, 40, 40], [90, 20, 110, 40]], np.float32)
    found = {"boxes": boxes, "scores": np.array([0.9, 0.8, 0.7])}
    kept = _inside(found, np.array([16, 16, 16, 16], np.float32), (45, 70))
    assert kept["scores"].tolist() == [0.8]
    assert kept["boxes"].tolist() == [[4, 4, 24, 24]]


@pytest.mark.parametrize("size", [(45, 70), (32, 32), (1, 31)])
def test_images_lie_in_the_middle_of_a_frame_of_nothing(size) -> None:
    padded, (top, left) = _pad(np.ones((*size, 3), np.float32), 32, (32, 32))
    assert padded.shape[0] % 32 == padded.shape[1] % 32 == 0
    assert min(top, left) >= 16
    assert padded.sum() == 3 * size[0] * size[1]
    assert padded[top : top + size[0], left : left + size[1]].min() == 1
    assert padded.shape[0] - size[0] - top in (top, top + 1)


def test_a_frame_is_no_smaller_than_the_crops_of_the_training() -> None:
    """Group normalisation averages over the frame: with less of it, boxes came out short."""
    padded, (top, left) = _pad(np.ones((45, 300, 3), np.float32), 32, (90, 128))
    assert padded.shape == (96, 352, 3)
    assert (top, left) == (25, 26)


def test_a_network_sees_small_images_as_large_as_its_crops(tmp_path: Path, image) -> None:
    run = replace(run_of(tmp_path), recipe=Recipe(crop=(160, 192)))
    network = checkpoint.build(run).eval()
    seen = []
    network.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape)))
    segmenter_of(network, run).predict(image)
    assert seen == [(1, 3, 160, 192)]
