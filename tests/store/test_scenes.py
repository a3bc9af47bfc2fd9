"""Generated scenes: reproducible, exactly labelled, and varied."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy import ndimage

from maskloom.errors import UsageError
from maskloom.store.scene_coin import strike
from maskloom.store.scene_noise import smooth_noise
from maskloom.store.scenes import SMALLEST_OBJECT_PX, Scene, generate


def _digest(scenes: list[Scene]) -> str:
    sha = hashlib.sha256()
    for scene in scenes:
        sha.update(scene.pixels.tobytes())
        sha.update(scene.instance_map.tobytes())
    return sha.hexdigest()


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return list(generate(11, 40))


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert _digest(list(generate(5, 3))) == _digest(list(generate(5, 3)))


def test_another_seed_gives_other_scenes() -> None:
    assert _digest(list(generate(5, 2))) != _digest(list(generate(6, 2)))


def test_a_scene_does_not_depend_on_how_many_are_asked_for() -> None:
    assert _digest(list(generate(5, 4))[:2]) == _digest(list(generate(5, 2)))


@pytest.mark.parametrize("size_hw", [(64, 64), (96, 160), (192, 192)])
def test_scenes_have_the_size_and_types_asked_for(size_hw: tuple[int, int]) -> None:
    for scene in generate(1, 3, size_hw=size_hw):
        assert scene.pixels.shape == scene.instance_map.shape == size_hw
        assert scene.pixels.dtype == np.uint8
        assert scene.instance_map.dtype == np.int32


def test_instance_ids_are_consecutive_and_no_coin_is_a_crumb(scenes: list[Scene]) -> None:
    for scene in scenes:
        ids, sizes = np.unique(scene.instance_map[scene.instance_map > 0], return_counts=True)
        np.testing.assert_array_equal(ids, np.arange(1, scene.count + 1))
        assert (sizes >= SMALLEST_OBJECT_PX).all()


def test_each_whole_coin_is_one_piece(scenes: list[Scene]) -> None:
    for scene in scenes[:15]:
        for number in range(1, scene.count + 1):
            mask = scene.instance_map == number
            framed = mask[1:-1, 1:-1].sum() == mask.sum()
            assert not framed or ndimage.label(mask)[1] == 1


def test_scenes_are_varied(scenes: list[Scene]) -> None:
    counts = [s.count for s in scenes]
    levels = [float(s.pixels.mean()) for s in scenes]
    assert min(counts) == 0
    assert max(counts) >= 12
    assert np.std(levels) > 15
    steps = [
        float(s.pixels[s.instance_map > 0].mean()) - float(s.pixels[s.instance_map == 0].mean())
        for s in scenes
        if s.count
    ]
    assert min(steps) < 0
    assert max(steps) > 50


def test_outlines_are_seen_in_the_pixels(scenes: list[Scene]) -> None:
    """The grey level changes more across the drawn boundary than elsewhere."""
    ratios = []
    for scene in scenes:
        if scene.count == 0:
            continue
        slope = ndimage.gaussian_gradient_magnitude(scene.pixels.astype(float), 1)
        coin = scene.instance_map > 0
        edge = ndimage.binary_dilation(coin) & ~ndimage.binary_erosion(coin, border_value=1)
        away = ~ndimage.binary_dilation(coin, iterations=8)
        if away.any():
            ratios.append(slope[edge].mean() / slope[away].mean())
    assert np.median(ratios) > 3


@pytest.mark.parametrize(
    ("seed", "count", "size_hw"), [(-1, 1, (96, 96)), (0, -1, (96, 96)), (0, 1, (32, 96))]
)
def test_arguments_out_of_range_are_refused_at_once(
    seed: int, count: int, size_hw: tuple[int, int]
) -> None:
    with pytest.raises(UsageError):
        generate(seed, count, size_hw=size_hw)


@pytest.mark.parametrize("cell_px", [1.0, 3.7, 40.0])
def test_smooth_noise_has_unit_deviation_and_wide_features(cell_px: float) -> None:
    rng = np.random.default_rng(3)
    fields = np.stack([smooth_noise(rng, (60, 70), cell_px) for _ in range(300)])
    assert abs(fields.mean()) < 0.1
    assert 0.85 < fields.std() < 1.15
    steps = np.abs(np.diff(fields, axis=2)).mean()
    assert steps < 1.3 / cell_px**0.9


def test_a_struck_coin_has_about_the_area_of_its_radius() -> None:
    rng = np.random.default_rng(4)
    areas = [float((strike(rng, (50.3, 47.9), 20.0).depth > 0).sum()) for _ in range(60)]
    assert 0.8 < np.mean(areas) / (np.pi * 20**2) < 1.05
