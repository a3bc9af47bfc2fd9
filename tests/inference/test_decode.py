"""Probabilities to labels: classes, confidence, objects."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.labels import BACKGROUND
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.inference.decode import Channels, decode_classes, decode_instances

CELLS = Taxonomy(
    (Category("void", "void", "stuff", void=True), Category("a", "a"), Category("b", "b"))
)


def one_hot(classes: np.ndarray, n: int, sure: float = 0.9) -> np.ndarray:
    out = np.full((n, *classes.shape), (1 - sure) / (n - 1), np.float32)
    np.put_along_axis(out, classes[None], np.float32(sure), axis=0)
    return out


def cone(*centres, size=(40, 60), radius=10):
    y, x = np.mgrid[: size[0], : size[1]]
    return (
        np.max([1 - np.hypot(x - cx, y - cy) / radius for cx, cy in centres], axis=0)
        .clip(0)
        .astype(np.float32)
    )


def test_channels_skip_void_and_put_background_first() -> None:
    assert Channels(CELLS, background=True, distance=False).values().tolist() == [BACKGROUND, 1, 2]
    assert Channels(CELLS, background=False, distance=False).values().tolist() == [1, 2]


def test_the_winner_is_the_class_and_its_probability_the_confidence() -> None:
    labels = decode_classes(
        one_hot(np.array([[0, 1, 2]]), 3), Channels(CELLS, background=True, distance=False)
    )
    assert labels.class_map is not None
    assert labels.class_map.tolist() == [[BACKGROUND, 1, 2]]
    assert labels.confidence is not None
    assert labels.confidence.tolist() == [[230, 230, 230]]


def test_two_touching_objects_are_parted_and_take_their_class_and_score() -> None:
    distance = cone((20, 20), (36, 20))
    classes = np.where(distance > 0, np.where(np.arange(60) < 28, 1, 2), 0)
    labels = decode_instances(
        one_hot(classes, 3, 0.8), distance, Channels(CELLS, background=True, distance=True)
    )
    assert labels.rows is not None
    assert labels.rows.category.tolist() == [1, 2]
    assert labels.rows.score.tolist() == pytest.approx([0.8, 0.8], abs=0.05)
    assert int(labels.rows.masks.areas.sum()) == int((distance > 0).sum())
    assert labels.rows.masks.intersections(labels.rows.masks)[0, 1] == 0


def test_foreground_without_a_seed_is_one_object() -> None:
    classes = np.zeros((40, 60), np.int64)
    classes[5:9, 5:30] = 1
    labels = decode_instances(
        one_hot(classes, 3),
        np.full((40, 60), 0.1, np.float32),
        Channels(CELLS, background=True, distance=True),
    )
    assert labels.rows is not None
    assert labels.rows.masks.areas.tolist() == [100]


def test_stuff_gives_one_row_each_and_small_objects_none() -> None:
    mixed = Taxonomy((Category("road", "road", "stuff"), Category("car", "car")))
    classes = np.zeros((40, 60), np.int64)
    classes[2:4, 2:4] = 1
    labels = decode_instances(
        one_hot(classes, 2),
        cone((20, 20)) * 0,
        Channels(mixed, background=False, distance=True),
        min_area=10,
    )
    assert labels.rows is not None
    assert labels.rows.category.tolist() == [0]


def test_an_empty_image_has_no_objects() -> None:
    labels = decode_instances(
        one_hot(np.zeros((8, 9), np.int64), 3),
        np.zeros((8, 9), np.float32),
        Channels(CELLS, background=True, distance=True),
    )
    assert labels.rows is not None
    assert len(labels.rows) == 0
