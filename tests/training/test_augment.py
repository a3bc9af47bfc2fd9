"""One map moves image, classes and objects alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maskloom.core.recipe import Recipe
from maskloom.training.augment import GeometricMap, jitter, sample_map
from maskloom.training.targets import rim_distance

STILL = Recipe(scale=(1.0, 1.0), rotate=0.0, flip="none", color=0.0)


def checkerboard(size: int = 64) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return ((y // 8 + x // 8) % 2).astype(np.uint8)


def test_without_ranges_the_map_is_a_plain_crop() -> None:
    labels = np.arange(40 * 50, dtype=np.int32).reshape(40, 50)
    moved = sample_map(np.random.default_rng(3), (40, 50), (40, 50), STILL)
    assert np.array_equal(moved.labels(labels, 0), labels)
    image = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    assert np.array_equal(moved.image(image), image)


@pytest.mark.parametrize("elastic", [0.0, 6.0])
@pytest.mark.parametrize("seed", range(6))
def test_image_and_labels_stay_in_step(seed: int, elastic: float) -> None:
    """An image that shows the labels still shows them after the move, but for blended rims."""
    labels = checkerboard()
    image = np.repeat((labels * 200)[:, :, None], 3, axis=2).astype(np.uint8)
    recipe = Recipe(scale=(0.6, 1.7), rotate=40, flip="both", elastic=elastic, color=0)
    moved = sample_map(np.random.default_rng(seed), (64, 64), (48, 48), recipe)
    seen, wanted = moved.image(image)[:, :, 0], moved.labels(labels, 255)
    inside = wanted != 255
    clear = inside & ((seen < 40) | (seen > 160))
    assert clear.sum() > 0.4 * inside.sum()
    assert np.mean((seen > 100)[clear] == (wanted == 1)[clear]) > 0.999


def test_the_outside_is_void_for_labels_and_mirrored_for_pixels() -> None:
    moved = sample_map(np.random.default_rng(0), (20, 20), (64, 64), STILL)
    labels = moved.labels(np.ones((20, 20), np.uint8), 255)
    assert (labels == 1).sum() == 400
    assert (labels == 255).sum() == 64 * 64 - 400
    image = moved.image(np.full((20, 20, 1), 77, np.uint8))
    assert image.shape == (64, 64, 1)
    assert (image == 77).all()


def test_a_mirror_maps_pixel_onto_pixel() -> None:
    flip = GeometricMap(np.array([[-1.0, 0, 9], [0, 1, 0]]), (10, 10))
    labels = np.arange(100, dtype=np.uint8).reshape(10, 10)
    assert np.array_equal(flip.labels(labels, 0), labels[:, ::-1])


def test_object_ids_above_16_bits_survive_the_move() -> None:
    ids = np.full((16, 16), 100_003, np.int32)
    moved = sample_map(np.random.default_rng(1), (16, 16), (16, 16), replace(STILL, rotate=10))
    assert set(np.unique(moved.labels(ids, 0)).tolist()) <= {0, 100_003}


def test_jitter_of_strength_zero_changes_nothing_and_else_is_finite() -> None:
    image = np.random.default_rng(0).random((8, 8, 3), np.float32)
    assert np.array_equal(jitter(np.random.default_rng(1), image, STILL), image)
    loud = jitter(np.random.default_rng(1), image, Recipe(color=1.0, noise=0.2))
    assert np.isfinite(loud).all()
    assert not np.array_equal(loud, image)


def test_rim_distance_is_one_at_the_centre_and_zero_between_touching_objects() -> None:
    objects = np.zeros((9, 18), np.int32)
    objects[1:8, 2:9] = 1
    objects[1:8, 9:16] = 2
    d = rim_distance(objects)
    assert d[4, 5] == 1.0
    assert d[4, 12] == 1.0
    assert d[4, 8] == 0.0
    assert d[4, 9] == 0.0
    assert d[objects == 0].max() == 0.0


def test_an_object_cut_by_the_crop_has_no_rim_there() -> None:
    objects = np.zeros((8, 8), np.int32)
    objects[2:6, :4] = 5
    d = rim_distance(objects)
    assert d[4, 0] > 0
    assert d[2, 0] == 0


def test_no_objects_no_distance() -> None:
    assert rim_distance(np.zeros((4, 4), np.int32)).sum() == 0
