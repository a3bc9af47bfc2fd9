from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from maskloom.core.labels import BACKGROUND, VOID, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import ImageError
from maskloom.report.display import data_uri, fit, to_rgb
from maskloom.report.drawing import EXTRA, MISSED, error_map, paint_map
from maskloom.report.gallery import instance_panel, semantic_panel
from maskloom.report.pairing import match_objects

TWO = Taxonomy.from_names(["road", "car"])


def square(x, y, side, size=(40, 60)):
    mask = np.zeros(size, bool)
    mask[y : y + side, x : x + side] = True
    return mask


def rows(*masks, category=None, **columns):
    return Rows.make(Masks.from_dense(np.array(masks)), category or [0] * len(masks), **columns)


def test_errors_are_told_apart_pixel_by_pixel():
    b, v = BACKGROUND, VOID
    truth = np.array([[0, 0, 0, 0, b, b, b, v]], np.uint8)
    predicted = np.array([[0, 1, b, v, 0, b, v, 0]], np.uint8)
    assert error_map(truth, predicted).tolist() == [[0, 3, 1, 1, 2, 0, 3, 4]]


def test_a_semantic_panel_has_image_truth_prediction_and_errors_of_one_size():
    truth = np.zeros((30, 50), np.uint8)
    predicted = truth.copy()
    predicted[:5] = 1
    panel = semantic_panel(
        "k", "c", image=np.zeros((30, 50, 3), np.uint8), truth=truth, predicted=predicted,
        taxonomy=TWO, score=0.5,
    )  # fmt: skip
    assert [label for label, _ in panel.pictures] == ["Image", "Truth", "Prediction", "Errors"]
    assert {picture.shape for _, picture in panel.pictures} == {(30, 50, 3)}
    assert {picture.dtype for _, picture in panel.pictures} == {np.dtype(np.uint8)}
    assert panel.legend == tuple(zip(("road", "car"), TWO.colors(), strict=True))
    assert [text for text, _ in panel.errors] == ["wrong class"]


def test_wide_images_are_shrunk_and_thin_errors_stay_visible():
    truth = np.full((400, 1920), BACKGROUND, np.uint8)
    truth[:, 1000] = 0
    predicted = np.full((400, 1920), BACKGROUND, np.uint8)
    panel = semantic_panel("k", "", image=None, truth=truth, predicted=predicted, taxonomy=TWO)
    errors = dict(panel.pictures)["Errors"]
    assert errors.shape == (133, 640, 3)
    assert errors[:, :, 2].max() > 80 > errors[:, :300, 2].max()


def test_sizes_that_differ_are_refused():
    small, large = np.zeros((3, 4), np.uint8), np.zeros((3, 5), np.uint8)
    with pytest.raises(ImageError, match="another size"):
        semantic_panel("k", "", image=None, truth=small, predicted=large, taxonomy=TWO)


def test_objects_match_at_half_overlap_and_tell_wrong_classes():
    truth = rows(square(0, 0, 10), square(20, 0, 10), square(40, 0, 10), category=[0, 0, 0])
    predicted = rows(
        square(1, 0, 10), square(20, 0, 10), square(45, 20, 10), category=[0, 1, 0],
        score=[0.9, 0.8, 0.7],
    )  # fmt: skip
    states = match_objects(truth, predicted)
    assert [state.tolist() for state in states] == [[1, 2, 0], [1, 2, 0]]


def test_the_surest_prediction_takes_the_object():
    truth = rows(square(0, 0, 10))
    predicted = rows(square(0, 0, 10), square(1, 0, 10), score=[0.2, 0.9])
    assert match_objects(truth, predicted)[1].tolist() == [0, 1]


def test_crowds_and_what_lies_in_them_are_not_counted():
    truth = rows(square(0, 0, 30), crowd=[True])
    predicted = rows(square(5, 5, 6), square(40, 5, 6))
    states = match_objects(truth, predicted)
    assert [state.tolist() for state in states] == [[3], [3, 0]]


def test_an_instance_panel_colours_missed_and_extra_objects():
    panel = instance_panel(
        "k", "", image=np.zeros((40, 60), np.uint16), truth=rows(square(2, 2, 12)),
        predicted=rows(square(40, 20, 12)), taxonomy=Taxonomy.from_names(["cell"]),
    )  # fmt: skip
    errors = dict(panel.pictures)["Errors"]
    assert [text for text, _ in panel.errors] == ["missed", "extra"]
    assert np.abs(errors[2:15, 2].astype(int) - MISSED).max(axis=1).min() <= 40
    assert np.abs(errors[20:33, 40].astype(int) - EXTRA).max(axis=1).min() <= 40


def test_an_instance_panel_of_empty_sides_is_only_a_picture():
    empty = Rows.make(Masks.empty(0, (10, 12)), [])
    panel = instance_panel(
        "k", "", image=np.zeros((10, 12, 1), np.uint8), truth=empty, predicted=empty, taxonomy=TWO
    )
    assert len(panel.pictures) == 4
    assert panel.errors == ()


def test_void_and_background_have_their_own_colours():
    painted = paint_map(np.array([[0, 1, VOID, BACKGROUND]], np.uint8), TWO)
    assert len({tuple(pixel) for pixel in painted[0].tolist()}) == 4
    assert tuple(painted[0, 1].tolist()) == TWO.colors()[1]


def test_void_is_striped_so_that_a_grey_class_is_told_apart():
    painted = paint_map(np.full((12, 12), VOID, np.uint8), TWO)
    assert len(np.unique(painted.reshape(-1, 3), axis=0)) == 2


@given(
    st.sampled_from([np.uint8, np.uint16, np.int16, np.float32, np.bool_]),
    st.sampled_from([(5, 7), (5, 7, 1), (5, 7, 2), (5, 7, 3), (5, 7, 6)]),
    st.integers(0, 1000),
)
def test_any_image_becomes_rgb_bytes(dtype, shape, seed):
    image = (np.random.default_rng(seed).random(shape) * 1000).astype(dtype)
    shown = to_rgb(image)
    assert shown.shape == (5, 7, 3)
    assert shown.dtype == np.uint8


def test_uint8_is_shown_as_it_is_and_deep_images_are_stretched():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert np.array_equal(to_rgb(image), image)
    deep = np.linspace(30_000, 31_000, 1000).astype(np.uint16).reshape(20, 50)
    assert to_rgb(deep).min() == 0
    assert to_rgb(deep).max() == 255
    assert to_rgb(np.array([[np.nan, 1.0, 2.0]])).max(axis=2)[0, 0] == 0
    with pytest.raises(ImageError):
        to_rgb(np.zeros((0, 3)))


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_a_picture_is_never_enlarged_and_never_too_wide(height, width):
    h, w = fit((height, width))
    assert 1 <= h <= height
    assert 1 <= w <= min(width, 640)


def test_flat_pictures_are_kept_without_loss():
    painted = paint_map(np.array([[0, 1], [VOID, BACKGROUND]], np.uint8), TWO)
    head, _, body = data_uri(painted).partition(",")
    assert head == "data:image/webp;base64"
    image = Image.open(io.BytesIO(base64.b64decode(body))).convert("RGB")
    assert np.array_equal(np.asarray(image), painted)
