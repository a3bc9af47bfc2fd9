"""Otsu and the watershed: by hand, against scikit-image, and on hard inputs."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data, filters

from maskloom.classical.regions import (
    Watershed,
    WatershedOptions,
    drop_small,
    split_by_distance,
)
from maskloom.classical.threshold import Otsu, OtsuOptions, gray, otsu_foreground
from maskloom.core.labels import BACKGROUND
from maskloom.core.segmenter import Segmenter
from maskloom.errors import ImageError, UsageError

PLAIN = OtsuOptions(blur=0)


def discs(*centres, radius=10, size=(60, 80)):
    y, x = np.mgrid[: size[0], : size[1]]
    out = np.zeros(size, bool)
    for cx, cy in centres:
        out |= (x - cx) ** 2 + (y - cy) ** 2 < radius**2
    return out


def test_both_methods_are_segmenters() -> None:
    assert isinstance(Otsu(), Segmenter)
    assert isinstance(Watershed(), Segmenter)


def test_the_threshold_is_that_of_scikit_image() -> None:
    image = data.coins()
    expected = image > filters.threshold_otsu(image.astype(np.float32))
    assert np.array_equal(otsu_foreground(image, OtsuOptions(blur=0, side="bright")), expected)
    assert np.array_equal(otsu_foreground(image, OtsuOptions(blur=0, side="dark")), ~expected)


def test_auto_takes_the_side_that_touches_the_border_less() -> None:
    bright = discs((30, 30)) * np.uint8(200) + np.uint8(20)
    assert np.array_equal(otsu_foreground(bright, PLAIN), discs((30, 30)))
    assert np.array_equal(otsu_foreground(255 - bright, PLAIN), discs((30, 30)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_value_types_do_not_matter(dtype) -> None:
    image = (discs((30, 30)) * 0.7 + 0.1) * (1 if dtype == np.float32 else np.iinfo(dtype).max)
    assert np.array_equal(otsu_foreground(image.astype(dtype), PLAIN), discs((30, 30)))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 3), (16, 16, 1)])
@pytest.mark.parametrize("method", [Otsu(), Watershed()])
def test_a_constant_or_tiny_image_has_no_foreground(method, shape) -> None:
    labels = method.predict(np.full(shape, 7, np.uint8)).labels
    if labels.rows is None:
        assert (labels.class_map == BACKGROUND).all()
    else:
        assert len(labels.rows) == 0


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ImageError, match="not finite"):
        gray(np.array([[0.0, np.nan]], np.float32))


def test_touching_discs_are_parted_at_their_neck() -> None:
    joined = discs((25, 30), (42, 30))
    objects = split_by_distance(joined, 1.0)
    assert objects.max() == 2
    assert np.array_equal(objects > 0, joined)
    assert objects[30, 25] != objects[30, 42]
    areas = np.bincount(objects.ravel())[1:]
    assert abs(int(areas[0]) - int(areas[1])) < 30


def test_one_disc_stays_one_and_a_deep_cut_joins_two() -> None:
    assert split_by_distance(discs((25, 30)), 1.0).max() == 1
    assert split_by_distance(discs((25, 30), (36, 30)), 9.0).max() == 1


def test_objects_thinner_than_the_depth_are_kept() -> None:
    thin = np.zeros((20, 40), bool)
    thin[5, 3:30] = True
    thin[12:14, 5:8] = True
    objects = split_by_distance(thin, 5.0)
    assert np.array_equal(objects > 0, thin)
    assert objects.max() == 2


def test_nothing_gives_nothing() -> None:
    assert split_by_distance(np.zeros((4, 4), bool), 1.0).sum() == 0


def test_small_objects_are_dropped_and_the_rest_renumbered() -> None:
    objects = np.array([[1, 1, 0, 2, 3, 3]], np.int32)
    assert drop_small(objects, 2).tolist() == [[1, 1, 0, 0, 2, 2]]
    assert drop_small(objects, 0).tolist() == objects.tolist()


def test_holes_are_filled_on_request() -> None:
    ring = discs((30, 30), radius=14) & ~discs((30, 30), radius=4)
    image = (ring * 200 + 20).astype(np.uint8)
    filled, open_ = (
        Watershed(WatershedOptions(blur=0, fill_holes=f)).predict(image).labels.rows
        for f in (True, False)
    )
    assert filled is not None
    assert open_ is not None
    assert filled.masks.areas.sum() == discs((30, 30), radius=14).sum()
    assert open_.masks.areas.sum() == ring.sum()


@pytest.mark.parametrize("wrong", [{"depth": 0.0}, {"min_area": -1}, {"blur": 1e9}])
def test_options_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(UsageError, match="out of range"):
        WatershedOptions(**wrong)
